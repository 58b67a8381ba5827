"""`/v1/events`: what happened, newest first."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.params import Flag, ListOf, Params, Text
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import event_body
from sandbox.stripe.work import listed

_LIST: Params = {
    **LIST_PARAMS,
    "delivery_success": Flag(),
    "type": Text(),
    "types": ListOf(item=Text(), at_most=20),
}


@endpoint("events.retrieve", "GET", "/v1/events/{id}")
def retrieve(call: Call) -> Answer:
    return event_body(call.work.site.store, call.target("event"))


@endpoint("events.list", "GET", "/v1/events", _LIST)
def list_events(call: Call) -> Answer:
    """Filtered by at most one of `type` and `types`; undelivered ones are those that some endpoint still waits for."""
    if "type" in call.params and "types" in call.params:
        raise InvalidRequest("You may only specify one of these parameters: type, types.")
    page = call.page("event", label=_wanted(call.params))
    bodies = [event_body(call.work.site.store, event) for event in page.records]
    if "delivery_success" in call.params:
        bodies = [body for body in bodies if (body["pending_webhooks"] == 0) == call.params["delivery_success"]]
    return {**listed(bodies, call.path), "has_more": page.has_more}


def _wanted(params: Json) -> list[str] | None:
    kinds: list[str] | None = [params["type"]] if "type" in params else params.get("types")
    return kinds
