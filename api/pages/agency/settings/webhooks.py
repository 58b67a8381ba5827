"""Webhooks to the agency's programs: where they go, their secrets, and what was delivered."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from api.pages.agency.door import API, show
from api.pages.agency.settings.door import HERE, settings_router
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Refused
from api.pages.typed import Typed

router = settings_router("/webhooks")
_HERE: Final = f"{HERE}/webhooks"
_API: Final = f"{API}/webhook-endpoints"
_ROWS: Final = 25


@router.get("")
async def list_endpoints(visit: Visiting) -> Response:
    """All of them: there are few."""
    endpoints = await visit.inside.get(_API, limit=_ROWS)
    return await show(visit, "settings/webhooks.html", endpoints=endpoints["data"])


@router.get("/new")
async def new(visit: Visiting) -> Response:
    return await _form(visit, Entry())


@router.post("/new")
async def add(visit: Visiting) -> Response:
    """The answer itself holds the secret: it is shown this once, and no address leads to it."""
    typed = Typed(visit.form)
    typed.need("url")
    if typed.errors:
        return await _form(visit, typed.refused())
    try:
        made = await visit.inside.send("POST", _API, {"url": typed.text("url")}, key=visit.key)
    except Refused as refused:
        return await _form(visit, refused_entry(visit.form, refused, {"url": ("url",)}))
    return await show(visit, "settings/secret.html", endpoint=made)


@router.get("/{endpoint_id}")
async def read(visit: Visiting, endpoint_id: str, cursor: str | None = None) -> Response:
    endpoint, deliveries = await asyncio.gather(
        visit.inside.get(f"{_API}/{endpoint_id}"),
        visit.inside.get(f"{_API}/{endpoint_id}/deliveries", limit=_ROWS, cursor=cursor),
    )
    return await show(visit, "settings/webhook.html", endpoint=endpoint, deliveries=deliveries, cursor=cursor)


@router.get("/{endpoint_id}/rotate")
async def ask_to_rotate(visit: Visiting, endpoint_id: str) -> Response:
    endpoint = await visit.inside.get(f"{_API}/{endpoint_id}")
    return await show(visit, "settings/webhook_rotate.html", endpoint=endpoint)


@router.post("/{endpoint_id}/rotate")
async def rotate(visit: Visiting, endpoint_id: str) -> Response:
    made = await visit.inside.send("POST", f"{_API}/{endpoint_id}/rotate-secret", key=visit.key)
    return await show(visit, "settings/secret.html", endpoint=made)


@router.get("/{endpoint_id}/delete")
async def ask_to_delete(visit: Visiting, endpoint_id: str) -> Response:
    endpoint = await visit.inside.get(f"{_API}/{endpoint_id}")
    return await show(visit, "settings/webhook_delete.html", endpoint=endpoint)


@router.post("/{endpoint_id}/delete")
async def delete(visit: Visiting, endpoint_id: str) -> Response:
    gone = await visit.inside.send("DELETE", f"{_API}/{endpoint_id}", key=visit.key)
    return visit.go(_HERE, f"Nothing is sent to {gone['url']} any more.")


@router.post("/{endpoint_id}/resend")
async def resend(visit: Visiting, endpoint_id: str) -> Response:
    """The delivery that the form names."""
    here, delivery = f"{_HERE}/{endpoint_id}", visit.form.get("delivery", "")
    try:
        await visit.inside.send("POST", f"{_API}/{endpoint_id}/deliveries/{delivery}/resend", key=visit.key)
    except Refused as refused:
        if refused.status is HTTPStatus.NOT_FOUND:
            raise
        return visit.refused(here, refused)
    return visit.go(here, "The message is on its way again, under the same id. What came of it shows here.")


async def _form(visit: Visit, entry: Entry) -> Response:
    return await show(visit, "settings/webhook_new.html", entry.status, entry=entry)
