"""Messages to an agency as it reads them in the app. They are written with the facts that they tell (messages.py)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.postgres.pool import Connection, Pool


@dataclass(frozen=True)
class Notification:
    """One message to the agency; no `client_id`: it is about the agency itself; no `read_at`: it is unread."""

    id: str
    kind: str
    client_id: str | None
    invoice_id: str | None
    at: datetime
    title: str
    detail: str
    read_at: datetime | None


_COLUMNS: Final = ", ".join(Notification.__dataclass_fields__)
_TO_THE_AGENCY: Final = "agency_id = $1 AND in_app"


async def notifications(
    source: Connection | Pool, agency: str, *, unread: bool, limit: int, after: tuple[datetime, str] | None
) -> list[Notification]:
    """At most `limit` messages, newest first, behind the position `after`; with `unread` only those."""
    rows = await source.fetch(
        f"""
        SELECT {_COLUMNS} FROM notifications WHERE {_TO_THE_AGENCY} AND (NOT $2 OR read_at IS NULL)
        AND ($3::timestamptz IS NULL OR (at, id) < ($3, $4::text))
        ORDER BY at DESC, id DESC LIMIT $5
        """,
        agency,
        unread,
        *(after or (None, None)),
        limit,
    )
    return [Notification(**row) for row in rows]


async def unread(source: Connection | Pool, agency: str) -> int:
    """How many messages nobody has read."""
    count: int = await source.fetchval(
        f"SELECT count(*) FROM notifications WHERE {_TO_THE_AGENCY} AND read_at IS NULL", agency
    )
    return count


async def read_one(source: Connection | Pool, agency: str, notification: str, at: datetime) -> Notification | None:
    """Mark the message as read, since when it first was; none when it is not one of the agency's."""
    row = await source.fetchrow(
        f"""
        UPDATE notifications SET read_at = coalesce(read_at, $3) WHERE {_TO_THE_AGENCY} AND id = $2
        RETURNING {_COLUMNS}
        """,
        agency,
        notification,
        at,
    )
    return Notification(**row) if row else None


async def read_all(source: Connection | Pool, agency: str, at: datetime) -> int:
    """Mark all messages as read; how many were not."""
    rows = await source.fetch(
        f"UPDATE notifications SET read_at = $2 WHERE {_TO_THE_AGENCY} AND read_at IS NULL RETURNING id", agency, at
    )
    return len(rows)
