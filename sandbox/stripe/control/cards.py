"""What happens to saved cards outside the API: banks change their mind, replace cards, customers take them away."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.routing import Route

from sandbox.stripe.cards import BY_NUMBER, Behaviour, CardModel, fingerprint
from sandbox.stripe.control.calls import BadCall, field, read_json, required, route
from sandbox.stripe.control.owners import Owners
from sandbox.stripe.payment_cards import attached_methods, default_method, detach, hidden_of
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown


class Cards:
    """`{id}` is a payment method, or a customer whose default (else newest) card is meant."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def routes(self) -> list[Route]:
        return [
            route("GET", "/cards/{id}", self.behaviour),
            route("POST", "/cards/{id}", self.set_behaviour),
            route("POST", "/cards/{id}/update", self.update),
            route("POST", "/cards/{id}/detach", self.detach),
        ]

    async def behaviour(self, request: Request) -> Json:
        """How the card reacts."""
        return self._change(request, lambda _work, _method: None)

    async def set_behaviour(self, request: Request) -> Json:
        """How the card reacts from now on: one of `Behaviour`, or any decline code."""
        body = await read_json(request)
        behaviour = required(body, "behaviour", str)
        codes = {name: field(body, name, str) for name in ("advice_code", "network_advice_code")}

        def change(_: Work, method: Record) -> None:
            method.hidden.update(behaviour=behaviour, **codes)
            if behaviour == Behaviour.NEEDS_AUTHENTICATION:
                method.hidden["behaviour_once_set_up"] = None

        return self._change(request, change)

    async def update(self, request: Request) -> Json:
        """The bank has sent a new card, and Stripe's card updater knows it."""
        body = await read_json(request)
        expiry = {name: field(body, name, int) for name in ("exp_month", "exp_year")}
        number = field(body, "number", str)

        def change(work: Work, method: Record) -> None:
            card = method.body["card"]
            card.update({name: value for name, value in expiry.items() if value is not None})
            if number is not None:
                _replace_number(work, method, number)
            work.emit_updated("payment_method.automatically_updated", method)

        return self._change(request, change)

    async def detach(self, request: Request) -> Json:
        return self._change(request, detach)

    def _change(self, request: Request, change: Callable[[Work, Record], None]) -> Json:
        object_id = request.path_params["id"]

        def act(work: Work) -> Json:
            method = _card(work, object_id)
            change(work, method)
            return {"payment_method": shown(method), "behaviour": method.hidden["behaviour"]}

        return self._owners.perform(object_id, act)


def _replace_number(work: Work, method: Record, number: str) -> None:
    model = BY_NUMBER.get(number) or CardModel(number)
    method.body["card"].update(
        brand=model.brand, last4=model.last4, fingerprint=fingerprint(work.site.salt, work.account, number)
    )
    method.hidden.update(hidden_of(model))


def _card(work: Work, object_id: str) -> Record:
    customer = work.find("customer", object_id)
    if customer is None:
        return work.require("payment_method", object_id, in_path=True)
    methods = attached_methods(work, customer.id)
    method = default_method(work, customer) or (methods[0] if methods else None)
    if method is None:
        raise BadCall(f"Customer {object_id} has no card.")
    return method
