"""Messages to the agency, as it reads them in the app."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Query

from adapters.postgres import clients, notifications
from adapters.postgres.notifications import Notification
from api.fields import Answer
from api.guard import Calling
from api.openapi import example
from api.pagination import Page, PageQuery, page
from api.problems import NotFound
from api.services import Services, Used
from api.tenant import agency_router, own_agency
from api.tokens import Caller

router = agency_router("Notifications", "/notifications")


class NotificationOut(
    Answer,
    json_schema_extra=example(
        id="ntf_3f5m7kq2n4b6c8d0e2f4",
        kind="payment_failed",
        client_id="cli_3f5m7kq2n4b6c8d0e2f4",
        client_name="Harbor Dental",
        invoice_id="inv_3f5m7kq2n4b6c8d0e2f4_p2",
        at="2026-11-23T15:00:00Z",
        title="Payment failed",
        detail="Your card has insufficient funds. Next date: 2026-11-26 15:00 UTC.",
        read=False,
    ),
):
    """One fact that the agency is told of, once. Without `client_id` it is about the agency itself."""

    id: str
    kind: str
    client_id: str | None
    client_name: str | None
    invoice_id: str | None
    at: datetime
    title: str
    detail: str
    read: bool


class ReadOut(Answer, json_schema_extra=example(read=3)):
    """How many messages were unread."""

    read: int


class UnreadOut(Answer, json_schema_extra=example(unread=3)):
    """How many messages nobody has read."""

    unread: int


class NotificationsQuery(PageQuery):
    unread: bool = False


@router.get("", summary="Notifications, newest first")
async def list_notifications(
    query: Annotated[NotificationsQuery, Query()], services: Used, caller: Calling
) -> Page[NotificationOut]:
    """With `unread=true` only those that nobody has read."""
    await own_agency(services, caller)
    scope = f"notifications:{caller.agency}:{query.unread}"
    rows = await notifications.notifications(
        services.database, caller.agency, unread=query.unread, limit=query.limit + 1, after=query.after_time(scope)
    )
    about = await _names(services, caller, rows)
    return page(rows, query.limit, scope, lambda one: (one.at, one.id), lambda one: _out(one, about))


@router.get("/unread", summary="How many notifications are unread")
async def count_unread(services: Used, caller: Calling) -> UnreadOut:
    agency = await own_agency(services, caller)
    return UnreadOut(unread=await notifications.unread(services.database, agency.id))


@router.post("/read-all", summary="Mark all notifications as read")
async def read_all(services: Used, caller: Calling) -> ReadOut:
    agency = await own_agency(services, caller)
    return ReadOut(read=await notifications.read_all(services.database, agency.id, services.clock.now()))


@router.post("/{notification_id}/read", summary="Mark a notification as read")
async def read_one(notification_id: str, services: Used, caller: Calling) -> NotificationOut:
    read = await notifications.read_one(services.database, caller.agency, notification_id, services.clock.now())
    if read is None:
        raise NotFound
    return _out(read, await _names(services, caller, [read]))


async def _names(services: Services, caller: Caller, rows: Sequence[Notification]) -> dict[str, str]:
    """The names of the clients whom the messages are about."""
    return await clients.names(services.database, caller.agency, [one.client_id for one in rows if one.client_id])


def _out(one: Notification, names: Mapping[str, str]) -> NotificationOut:
    return NotificationOut(
        id=one.id,
        kind=one.kind,
        client_id=one.client_id,
        client_name=names[one.client_id] if one.client_id else None,
        invoice_id=one.invoice_id,
        at=one.at,
        title=one.title,
        detail=one.detail,
        read=one.read_at is not None,
    )
