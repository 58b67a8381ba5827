"""`/v1/setup_intents`: saving a card without charging it."""

from sandbox.stripe.errors import InvalidRequest, InvalidState
from sandbox.stripe.params import Flag, ListOf, Metadata, Params, Text
from sandbox.stripe.payment_cards import require_method
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.setups import confirm_setup, create_setup_intent
from sandbox.stripe.store import Record

_CREATE: Params = {
    "allowed_payment_method_types": ListOf(item=Text(choices=("card",))),
    "confirm": Flag(),
    "customer": Text(),
    "description": Text(),
    "metadata": Metadata(),
    "payment_method": Text(),
    "usage": Text(choices=("off_session", "on_session")),
}


@endpoint("setup_intents.create", "POST", "/v1/setup_intents", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    if "customer" in params:
        work.require("customer", params["customer"], param="customer")
    more = {"description": params.get("description"), "metadata": params.get("metadata") or {}}
    setup = create_setup_intent(work, params.get("customer"), usage=params.get("usage", "off_session"), more=more)
    if "payment_method" in params:
        method = require_method(work, params["payment_method"], param="payment_method")
        setup.body.update(payment_method=method.id, status="requires_confirmation")
    if params.get("confirm"):
        _confirm(call, setup)
    return setup


@endpoint("setup_intents.confirm", "POST", "/v1/setup_intents/{id}/confirm", {"payment_method": Text()})
def confirm(call: Call) -> Answer:
    setup = call.target("setup_intent")
    if setup.body["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise InvalidState(
            f"You cannot confirm this SetupIntent because it has a status of {setup.body['status']}.",
            code="setup_intent_unexpected_state",
        )
    if "payment_method" in call.params:
        setup.body["payment_method"] = require_method(
            call.work, call.params["payment_method"], param="payment_method"
        ).id
    _confirm(call, setup)
    return setup


@endpoint("setup_intents.retrieve", "GET", "/v1/setup_intents/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("setup_intent")


@endpoint("setup_intents.list", "GET", "/v1/setup_intents", {**LIST_PARAMS, "customer": Text()})
def list_setup_intents(call: Call) -> Answer:
    return call.page("setup_intent", customer=call.params.get("customer"))


def _confirm(call: Call, setup: Record) -> None:
    if setup.body["payment_method"] is None:
        raise InvalidRequest(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code="parameter_missing",
            param="payment_method",
        )
    method = call.work.require("payment_method", setup.body["payment_method"], param="payment_method")
    confirm_setup(call.work, setup, method)
