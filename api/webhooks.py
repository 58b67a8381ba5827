"""Stripe's events at the door (stripe.md, "Webhooks in"): verified, stored once, answered, nothing else."""

import json
from datetime import UTC, datetime
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import SecretStr

from adapters.postgres import inbox
from adapters.stripe.events import EVENTS
from adapters.stripe.webhooks import (
    BadSignature,
    MalformedBody,
    StaleTimestamp,
    WebhookEvent,
    WebhookRefused,
    verify,
)
from adapters.telemetry import metrics
from adapters.telemetry.context import bind
from api.fields import Answer
from api.guard import limited_body
from api.openapi import example, refusals
from api.problems import Unreadable
from api.services import Services, Used

BODY_LIMIT: Final = 1024 * 1024
_CODES: Final[dict[type[WebhookRefused], str]] = {
    BadSignature: "bad_signature",
    StaleTimestamp: "stale_timestamp",
    MalformedBody: "unreadable",
}
_EVENT: Final[dict[str, Any]] = {
    "id": "evt_1Nv0FGQ9RKHgCVdK",
    "object": "event",
    "type": "invoice.paid",
    "account": "acct_1Nv0FGQ9RKHgCVdK",
    "livemode": False,
    "created": 1796050800,
    "data": {"object": {"id": "in_1Nv0FGQ9RKHgCVdK", "object": "invoice"}},
}
_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Stripe-Signature",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "example": "t=1796050800,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "title": "Event"}, "example": _EVENT}},
    },
}

router = APIRouter(
    prefix="/webhooks/stripe",
    tags=["Webhooks"],
    responses={**refusals(400, *_CODES.values()), **refusals(503, "temporarily_unavailable")},
)


class Received(Answer, json_schema_extra=example(received=True)):
    received: Literal[True]


@router.post("", summary="Events of the platform's account", openapi_extra=_DOCUMENTED)
async def platform(request: Request, services: Used) -> Received:
    """Signed with STRIPE_WEBHOOK_SECRET, the old or the new one while it is rotated."""
    return await _receive(request, services, services.settings.stripe_webhook_secret)


@router.post("/connect", summary="Events of the agencies' accounts", openapi_extra=_DOCUMENTED)
async def connect(request: Request, services: Used) -> Received:
    """Signed with STRIPE_CONNECT_WEBHOOK_SECRET. The tenant is the event's account, never its metadata."""
    return await _receive(request, services, services.settings.stripe_connect_webhook_secret)


async def _receive(request: Request, services: Services, secrets: tuple[SecretStr, ...]) -> Received:
    body = await limited_body(request, BODY_LIMIT)
    keys = [secret.get_secret_value() for secret in secrets]
    try:
        # A signature knows no other clock than the wall's.
        event = verify(body, request.headers.get("Stripe-Signature"), keys, datetime.now(UTC))
    except WebhookRefused as refused:
        code = _CODES[type(refused)]
        metrics.WEBHOOKS.labels("unknown", code).inc()
        raise Unreadable(f"The event is refused: {refused}.", code=code) from refused
    bind(event=event.id, account=event.account)
    ours = event.livemode == services.settings.livemode
    stored = await _store(services, event) if ours else False
    result = "stored" if stored else "duplicate" if ours else "other_mode"
    metrics.WEBHOOKS.labels(event.type if event.type in EVENTS else "other", result).inc()
    return Received(received=True)


async def _store(services: Services, event: WebhookEvent) -> bool:
    """Committed before the answer: from here on nothing of it is lost. A repeat is stored already: False."""
    return await inbox.receive(
        services.database,
        account=event.account,
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        customer_id=event.customer,
        created_at=event.created_at,
        payload=json.loads(event.payload),
        received_at=services.clock.now(),
    )
