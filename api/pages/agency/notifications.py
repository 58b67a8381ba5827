"""Messages to the agency: read, and marked as read."""

from typing import Final

from starlette.responses import Response

from api.pages.agency import messages
from api.pages.agency.door import API, dashboard_router, show
from api.pages.door import Visit, Visiting

router = dashboard_router("/notifications")
_HERE: Final = "/agency/notifications"
_API: Final = f"{API}/notifications"
_ROWS: Final = 25


@router.get("")
async def list_messages(visit: Visiting, unread: bool = False, cursor: str | None = None) -> Response:
    found = await visit.inside.get(_API, limit=_ROWS, cursor=cursor, unread="true" if unread else None)
    here = _HERE + ("?unread=true" if unread else "")
    onward = f"{here}{'&' if unread else '?'}cursor={found['next_cursor']}" if found["next_cursor"] else None
    return await show(
        visit,
        "notifications.html",
        messages=messages.told(visit.formats, found["data"]),
        only_unread=unread,
        next=onward,
        first=here if cursor else None,
    )


@router.post("/read-all")
async def read_all(visit: Visiting) -> Response:
    marked = (await visit.inside.send("POST", f"{_API}/read-all", key=visit.key))["read"]
    return visit.go(_back(visit), f"{marked} {'message is' if marked == 1 else 'messages are'} marked as read.")


@router.post("/{notification_id}/read")
async def read_one(visit: Visiting, notification_id: str) -> Response:
    await visit.inside.send("POST", f"{_API}/{notification_id}/read", key=visit.key)
    return visit.go(_back(visit))


def _back(visit: Visit) -> str:
    """The list as it was filtered."""
    return f"{_HERE}?unread=true" if visit.form.get("unread") else _HERE
