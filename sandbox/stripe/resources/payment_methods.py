"""`/v1/payment_methods`: saved cards. Card numbers are typed on hosted pages only, never sent here."""

from sandbox.stripe.errors import InvalidRequest, InvalidState
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Integer, Metadata, Nested, Params, Text
from sandbox.stripe.payment_cards import TOKEN_PREFIX, attach, detach, named_card, require_method
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.types import Json

_BILLING_DETAILS = Nested(
    fields={
        "address": Nested(
            fields={
                name: Text(clearable=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")
            },
            clearable=True,
        ),
        "email": Text(clearable=True),
        "name": Text(clearable=True),
        "phone": Text(clearable=True),
    }
)
_REDISPLAY = Text(choices=("always", "limited", "unspecified"))
_CREATE: Params = {
    "allow_redisplay": _REDISPLAY,
    "billing_details": _BILLING_DETAILS,
    "card": Nested(fields={name: Text() for name in ("cvc", "exp_month", "exp_year", "number", "token")}),
    "metadata": Metadata(),
    "type": Text(required=True, choices=("card",)),
}
_UPDATE: Params = {
    "allow_redisplay": _REDISPLAY,
    "billing_details": _BILLING_DETAILS,
    "card": Nested(fields={"exp_month": Integer(minimum=1, maximum=12), "exp_year": Integer(minimum=1970)}),
    "metadata": Metadata(),
}
_LIST: Params = {**LIST_PARAMS, "customer": Text(), "type": Text(), "allow_redisplay": _REDISPLAY}


@endpoint("payment_methods.create", "POST", "/v1/payment_methods", _CREATE)
def create(call: Call) -> Answer:
    card = call.params.get("card", {})
    if "number" in card:
        raise InvalidRequest(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test "
            "tokens that map to the test card you are using, see https://stripe.com/docs/testing."
        )
    token = card.get("token", "")
    method = named_card(call.work, token) if token.startswith(TOKEN_PREFIX) else None
    if method is None:
        raise InvalidRequest(f"No such token: '{token}'", code="resource_missing", param="card[token]")
    _apply(call.params, method.body)
    return method


@endpoint("payment_methods.retrieve", "GET", "/v1/payment_methods/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("payment_method")


@endpoint("payment_methods.update", "POST", "/v1/payment_methods/{id}", _UPDATE)
def update(call: Call) -> Answer:
    method = call.target("payment_method")
    if method.body["customer"] is None:
        raise InvalidState(
            "You must save this PaymentMethod to a customer before you can update it.", param="payment_method"
        )
    _apply(call.params, method.body)
    method.body["card"] |= call.params.get("card", {})
    call.work.emit_updated("payment_method.updated", method)
    return method


@endpoint("payment_methods.list", "GET", "/v1/payment_methods", _LIST)
def list_methods(call: Call) -> Answer:
    customer, kind = call.params.get("customer"), call.params.get("type")
    if customer is not None:
        call.work.require("customer", customer, param="customer")
    return call.page("payment_method", customer=customer, type=kind)


@endpoint("payment_methods.attach", "POST", "/v1/payment_methods/{id}/attach", {"customer": Text(required=True)})
def attach_method(call: Call) -> Answer:
    customer = call.work.require("customer", call.params["customer"], param="customer")
    method = require_method(call.work, call.ids["id"], param="payment_method", in_path=True)
    attach(call.work, method, customer)
    return method


@endpoint("payment_methods.detach", "POST", "/v1/payment_methods/{id}/detach")
def detach_method(call: Call) -> Answer:
    method = call.target("payment_method")
    if method.body["customer"] is None:
        raise InvalidState(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    detach(call.work, method)
    return method


def _apply(params: Json, body: Json) -> None:
    if "allow_redisplay" in params:
        body["allow_redisplay"] = params["allow_redisplay"]
    details = params.get("billing_details", {})
    body["billing_details"]["address"] |= details.get("address") or {}
    body["billing_details"] |= {name: value for name, value in details.items() if name != "address"}
    if "metadata" in params:
        body["metadata"] = merged_metadata(body["metadata"], params["metadata"])
