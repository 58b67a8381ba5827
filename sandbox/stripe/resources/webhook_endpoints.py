"""`/v1/webhook_endpoints`: where events go."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Flag, ListOf, Metadata, Params, Text, Url
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.webhooks import create_webhook_endpoint, drop_webhook_endpoint

_SHARED: Params = {
    "description": Text(clearable=True),
    "enabled_events": ListOf(item=Text()),
    "metadata": Metadata(),
    "url": Url(),
}
_CREATE: Params = {
    **_SHARED,
    "api_version": Text(),
    "connect": Flag(),
    "enabled_events": ListOf(item=Text(), required=True),
    "url": Url(required=True),
}


@endpoint("webhook_endpoints.create", "POST", "/v1/webhook_endpoints", _CREATE)
def create(call: Call) -> Answer:
    """The only answer that ever shows the secret."""
    params = call.params
    record = create_webhook_endpoint(
        call.work, params["url"], connect=params.get("connect", False), enabled_events=params["enabled_events"]
    )
    record.body.update(
        description=params.get("description"),
        metadata=params.get("metadata") or {},
        api_version=params.get("api_version"),
    )
    return {**record.body, "secret": record.hidden["secret"]}


@endpoint("webhook_endpoints.retrieve", "GET", "/v1/webhook_endpoints/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("webhook_endpoint")


@endpoint("webhook_endpoints.update", "POST", "/v1/webhook_endpoints/{id}", {**_SHARED, "disabled": Flag()})
def update(call: Call) -> Answer:
    record = call.target("webhook_endpoint")
    if "enabled_events" in call.params and not call.params["enabled_events"]:
        raise InvalidRequest("You must provide at least one event.", param="enabled_events")
    for name in ("description", "enabled_events", "url"):
        if name in call.params:
            record.body[name] = call.params[name]
    if "metadata" in call.params:
        record.body["metadata"] = merged_metadata(record.body["metadata"], call.params["metadata"])
    if "disabled" in call.params:
        record.body["status"] = "disabled" if call.params["disabled"] else "enabled"
    return record


@endpoint("webhook_endpoints.delete", "DELETE", "/v1/webhook_endpoints/{id}")
def delete(call: Call) -> Answer:
    record = call.target("webhook_endpoint")
    drop_webhook_endpoint(call.work, record)
    return {"id": record.id, "object": "webhook_endpoint", "deleted": True}


@endpoint("webhook_endpoints.list", "GET", "/v1/webhook_endpoints", LIST_PARAMS)
def list_endpoints(call: Call) -> Answer:
    return call.page("webhook_endpoint")
