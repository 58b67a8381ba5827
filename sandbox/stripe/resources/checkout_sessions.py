"""`/v1/checkout/sessions` in setup mode: a page on which a customer types a card for later."""

from sandbox.stripe.errors import InvalidRequest, InvalidState
from sandbox.stripe.params import Currency, Integer, ListOf, Metadata, Nested, Params, Text, Url
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.setups import create_setup_intent, expire_session
from sandbox.stripe.shapes import CHECKOUT_SESSION, new
from sandbox.stripe.types import Json

LIFE_SECONDS = 24 * 3600
SHORTEST_LIFE_SECONDS = 30 * 60

_CREATE: Params = {
    "allowed_payment_method_types": ListOf(item=Text(choices=("card",))),
    "cancel_url": Url(),
    "client_reference_id": Text(max_length=200),
    "currency": Currency(),
    "customer": Text(),
    "customer_email": Text(),
    "expires_at": Integer(),
    "locale": Text(),
    "metadata": Metadata(),
    "mode": Text(choices=("payment", "setup", "subscription")),
    "setup_intent_data": Nested(fields={"description": Text(), "metadata": Metadata()}),
    "success_url": Url(),
    "ui_mode": Text(choices=("hosted_page",)),
}
_LIST: Params = {**LIST_PARAMS, "customer": Text(), "status": Text(choices=("complete", "expired", "open"))}


@endpoint("checkout.sessions.create", "POST", "/v1/checkout/sessions", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    _check(call)
    if "customer" in params:
        work.require("customer", params["customer"], param="customer")
    data = params.get("setup_intent_data", {})
    setup = create_setup_intent(
        work,
        params.get("customer"),
        more={"description": data.get("description"), "metadata": data.get("metadata") or {}},
    )
    expires_at = params.get("expires_at", work.now + LIFE_SECONDS)
    body = _blank(params) | {"expires_at": expires_at, "setup_intent": setup.id}
    session = work.create("checkout.session", body, {"deadline": expires_at, "parent": setup.id})
    session.body["url"] = f"{work.site.base_url}/c/setup/{session.id}"
    return session


@endpoint("checkout.sessions.retrieve", "GET", "/v1/checkout/sessions/{id}")
def retrieve(call: Call) -> Answer:
    session = call.target("checkout.session")
    if session.body["status"] == "open" and session.body["expires_at"] <= call.work.now:
        expire_session(call.work, session)
    return session


@endpoint("checkout.sessions.list", "GET", "/v1/checkout/sessions", _LIST)
def list_sessions(call: Call) -> Answer:
    return call.page("checkout.session", customer=call.params.get("customer"), status=call.params.get("status"))


@endpoint("checkout.sessions.expire", "POST", "/v1/checkout/sessions/{id}/expire")
def expire(call: Call) -> Answer:
    session = call.target("checkout.session")
    if session.body["status"] != "open":
        raise InvalidState(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session.body['status']}`."
        )
    expire_session(call.work, session)
    return session


def _check(call: Call) -> None:
    params = call.params
    if params.get("mode") != "setup":
        raise InvalidRequest("Only Checkout Sessions in `setup` mode are available here.", param="mode")
    if "success_url" not in params:
        raise InvalidRequest("Missing required param: success_url.", code="parameter_missing", param="success_url")
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise InvalidRequest(
            "You must provide `currency` or `allowed_payment_method_types` in `setup` mode.",
            code="parameter_missing",
            param="currency",
        )
    life = params.get("expires_at", call.work.now + LIFE_SECONDS) - call.work.now
    if not SHORTEST_LIFE_SECONDS <= life <= LIFE_SECONDS:
        raise InvalidRequest(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )


def _blank(params: Json) -> Json:
    return new(
        CHECKOUT_SESSION,
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=params.get("currency"),
        customer=params.get("customer"),
        customer_email=params.get("customer_email"),
        locale=params.get("locale"),
        metadata=params.get("metadata") or {},
        success_url=params["success_url"],
    )
