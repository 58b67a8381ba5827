"""Webhooks to the agency's own programs: where they go, what was delivered, and once more."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request
from pydantic import Field

from adapters import outbound
from adapters.postgres import trail, webhook_endpoints
from adapters.postgres.pool import transaction
from adapters.postgres.webhook_endpoints import MOST, Delivery, Endpoint, TooMany
from adapters.sealing import Seal, seal_of
from api import fields
from api.conflicts import conflict
from api.fields import Answer
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.openapi import conflicts, example
from api.pagination import Page, PageQuery, page
from api.problems import InvalidFields, NotFound
from api.services import Services, Used
from api.tenant import agency_router, own_agency
from api.tokens import Caller

router = agency_router("Outbound webhooks", "/webhook-endpoints")
_URL: Final = "https://app.example.com/hooks/retainer"
_ENDPOINT: Final[dict[str, Any]] = {
    "id": "whe_3f5m7kq2n4b6c8d0e2f4",
    "url": _URL,
    "status": "enabled",
    "created_at": "2026-11-23T15:00:00Z",
    "disabled_at": None,
}
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class EndpointIn(fields.Request, json_schema_extra=example(url=_URL)):
    """An absolute https address that is reached over the public internet."""

    url: Annotated[str, Field(max_length=2000)]


class EndpointOut(Answer, json_schema_extra=example(**_ENDPOINT)):
    """A disabled endpoint has taken nothing for three days, or said 410: it is not tried again. Add it anew."""

    id: str
    url: str
    status: Literal["enabled", "disabled", "removed"]
    created_at: datetime
    disabled_at: datetime | None


class SecretOut(EndpointOut, json_schema_extra=example(**_ENDPOINT, secret=_SECRET, previous_until=None)):
    """With the secret that verifies its messages. It is shown this once. A former one signs until `previous_until`."""

    secret: str
    previous_until: datetime | None


class DeliveryOut(
    Answer,
    json_schema_extra=example(
        id="dlv_3f5m7kq2n4b6c8d0e2f4",
        type="payment_failed",
        notification_id="ntf_3f5m7kq2n4b6c8d0e2f4",
        status="pending",
        attempts=2,
        response_status=500,
        error="answered 500",
        created_at="2026-11-23T15:00:00Z",
        next_attempt_at="2026-11-23T15:05:00Z",
        finished_at=None,
    ),
):
    """One message to one endpoint; its id is the header `webhook-id`. Instants are the system clock's."""

    id: str
    type: str
    notification_id: str
    status: Literal["pending", "delivered", "failed", "dropped"]
    attempts: int
    response_status: int | None
    error: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None


@router.get("", summary="Webhook endpoints, newest first")
async def list_endpoints(query: Annotated[PageQuery, Query()], services: Used, caller: Calling) -> Page[EndpointOut]:
    await own_agency(services, caller)
    scope = f"webhook-endpoints:{caller.agency}"
    rows = await webhook_endpoints.listed(services.database, caller.agency, query.limit + 1, query.after_time(scope))
    return page(rows, query.limit, scope, lambda one: (one.created_at, one.id), _out)


@router.get("/{endpoint_id}", summary="A webhook endpoint")
async def read(endpoint_id: str, services: Used, caller: Calling) -> EndpointOut:
    return _out(await _own(services, caller, endpoint_id))


@router.post("", summary="Add a webhook endpoint", status_code=201, responses=conflicts("too_many_endpoints"))
async def add(body: EndpointIn, services: Used, caller: Calling, request: Request) -> SecretOut:
    """Facts from now on are delivered there, signed per Standard Webhooks with the secret in the answer."""
    agency = await own_agency(services, caller)
    if wrong := outbound.complaint(body.url, anywhere=services.settings.sandbox):
        raise InvalidFields(("url", wrong))
    now, seal = services.clock.now(), seal_of(services.settings)
    try:
        async with transaction(services.database) as connection:
            id = made_id("whe", seed(request))
            secret = seal.close(id, outbound.new_secret())
            made = await webhook_endpoints.add(connection, agency.id, id, body.url, secret, now)
            await trail.write(
                connection,
                agency.id,
                at=now,
                who=caller.name,
                what="WebhookEndpointAdded",
                detail={"endpoint": made.id},
                dedupe_key=f"{made.id}:added",
            )
    except TooMany as many:
        raise conflict("too_many_endpoints", f"An agency has {MOST} endpoints at most.") from many
    return _with_secret(made, seal)


@router.delete("/{endpoint_id}", summary="Remove a webhook endpoint")
async def remove(endpoint_id: str, services: Used, caller: Calling) -> EndpointOut:
    """What is still on its way there is dropped."""
    now = services.clock.now()
    async with transaction(services.database) as connection:
        removed = await webhook_endpoints.remove(connection, caller.agency, endpoint_id, now)
        if removed is None:
            raise NotFound
        detail = {"endpoint": removed.id}
        what = "WebhookEndpointRemoved"
        await trail.write(connection, caller.agency, at=now, who=caller.name, what=what, detail=detail)
    return _out(removed)


@router.post("/{endpoint_id}/rotate-secret", summary="Rotate a webhook endpoint's secret")
async def rotate(endpoint_id: str, services: Used, caller: Calling) -> SecretOut:
    """For a day each message carries two signatures, of the new secret and of the one before."""
    seal = seal_of(services.settings)
    async with transaction(services.database) as connection:
        secret = seal.close(endpoint_id, outbound.new_secret())
        rotated = await webhook_endpoints.rotate(connection, caller.agency, endpoint_id, secret, datetime.now(UTC))
        if rotated is None:
            raise NotFound
        detail, what = {"endpoint": rotated.id}, "WebhookSecretRotated"
        at = services.clock.now()
        await trail.write(connection, caller.agency, at=at, who=caller.name, what=what, detail=detail)
    return _with_secret(rotated, seal)


@router.get("/{endpoint_id}/deliveries", summary="Deliveries of an endpoint, newest first")
async def list_deliveries(
    endpoint_id: str, query: Annotated[PageQuery, Query()], services: Used, caller: Calling
) -> Page[DeliveryOut]:
    scope = f"deliveries:{caller.agency}:{endpoint_id}"
    after = query.after_time(scope)
    endpoint = await _own(services, caller, endpoint_id)
    rows = await webhook_endpoints.deliveries(services.database, caller.agency, endpoint.id, query.limit + 1, after)
    return page(rows, query.limit, scope, lambda one: (one.created_at, one.id), _delivery_out)


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/resend",
    summary="Send a delivery again",
    responses=conflicts("endpoint_disabled"),
)
async def resend(endpoint_id: str, delivery_id: str, services: Used, caller: Calling) -> DeliveryOut:
    """At once, under the same id: whoever keeps ids knows it as the same message."""
    endpoint = await _own(services, caller, endpoint_id)
    if endpoint.disabled_at is not None:
        raise conflict("endpoint_disabled")
    async with transaction(services.database) as connection:
        found = await webhook_endpoints.resend(connection, caller.agency, endpoint.id, delivery_id)
    if found is None:
        raise NotFound
    return _delivery_out(found)


async def _own(services: Services, caller: Caller, endpoint_id: str) -> Endpoint:
    """Raises NotFound, also for another tenant's."""
    found = await webhook_endpoints.one(services.database, caller.agency, endpoint_id)
    if found is None:
        raise NotFound
    return found


def _shown(one: Endpoint) -> dict[str, Any]:
    status = "removed" if one.removed_at else "disabled" if one.disabled_at else "enabled"
    return {
        "id": one.id,
        "url": one.url,
        "status": status,
        "created_at": one.created_at,
        "disabled_at": one.disabled_at,
    }


def _out(one: Endpoint) -> EndpointOut:
    return EndpointOut(**_shown(one))


def _with_secret(one: Endpoint, seal: Seal) -> SecretOut:
    return SecretOut(**_shown(one), secret=seal.open(one.id, one.secret), previous_until=one.previous_until)


def _delivery_out(one: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=one.id,
        type=one.kind,
        notification_id=one.notification_id,
        status=one.status,
        attempts=one.attempts,
        response_status=one.answer,
        error=one.detail,
        created_at=one.created_at,
        next_attempt_at=one.next_at,
        finished_at=one.finished_at,
    )
