"""Where an agency's programs are told, and what was delivered there (Standard Webhooks)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres import messages
from adapters.postgres.message_deliveries import Claimed
from adapters.postgres.pool import Connection, Pool, transaction
from billing.notices import Notice, NoticeKind

MOST: Final = 10
"""Endpoints of one agency: each fact is a delivery to each."""
PREVIOUS_LASTS: Final = timedelta(days=1)
"""How long a secret that was rotated out still signs."""


class TooMany(Exception):
    """The agency has as many endpoints as it may have."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint, its secrets as they are kept (adapters.sealing). `previous_until`: until then its former secret
    signs, too (the system's clock)."""

    id: str
    agency_id: str
    url: str
    secret: str
    previous_secret: str | None
    previous_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True)
class Delivery:
    """A message on its way to an endpoint, or there. `next_at`: when it is tried next, while it is pending."""

    id: str
    endpoint_id: str
    notification_id: str
    kind: str
    at: datetime
    status: str
    attempts: int
    answer: int | None
    detail: str | None
    created_at: datetime
    next_at: datetime | None
    finished_at: datetime | None


_ENDPOINT: Final = ", ".join(Endpoint.__dataclass_fields__)
_DELIVERY: Final = """
    SELECT d.id, d.endpoint_id, d.notification_id, n.kind, n.at, d.status, d.attempts, d.answer, d.detail, d.created_at,
           CASE d.status WHEN 'pending' THEN d.next_at END AS next_at, d.finished_at
    FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id
    WHERE d.agency_id = $1 AND d.endpoint_id = $2
"""


async def add(connection: Connection, agency: str, endpoint: str, url: str, secret: str, at: datetime) -> Endpoint:
    """Enter the endpoint; one that is there already, because its request is repeated, stays. Raises TooMany."""
    await connection.execute("SELECT 1 FROM agencies WHERE id = $1 FOR NO KEY UPDATE", agency)
    others = await connection.fetchval(
        "SELECT count(*) FROM webhook_endpoints WHERE agency_id = $1 AND id <> $2 AND removed_at IS NULL",
        agency,
        endpoint,
    )
    if others >= MOST:
        raise TooMany
    await connection.execute(
        """
        INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING
        """,
        endpoint,
        agency,
        url,
        secret,
        at,
    )
    row = await connection.fetchrow(f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = $1", endpoint)
    return Endpoint(**row)  # type: ignore[arg-type]


async def one(source: Connection | Pool, agency: str, endpoint: str) -> Endpoint | None:
    """The agency's endpoint, unless it was removed."""
    row = await source.fetchrow(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE agency_id = $1 AND id = $2 AND removed_at IS NULL",
        agency,
        endpoint,
    )
    return Endpoint(**row) if row else None


async def listed(pool: Pool, agency: str, limit: int, after: tuple[datetime, str] | None) -> list[Endpoint]:
    """At most `limit` endpoints, newest first, behind the position `after`."""
    rows = await pool.fetch(
        f"""
        SELECT {_ENDPOINT} FROM webhook_endpoints WHERE agency_id = $1 AND removed_at IS NULL
        AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::text)) ORDER BY created_at DESC, id DESC LIMIT $4
        """,
        agency,
        *(after or (None, None)),
        limit,
    )
    return [Endpoint(**row) for row in rows]


async def remove(connection: Connection, agency: str, endpoint: str, at: datetime) -> Endpoint | None:
    """Nothing is delivered there any more; what was stays on record."""
    row = await connection.fetchrow(
        f"""
        UPDATE webhook_endpoints SET removed_at = $3 WHERE agency_id = $1 AND id = $2 AND removed_at IS NULL
        RETURNING {_ENDPOINT}
        """,
        agency,
        endpoint,
        at,
    )
    return Endpoint(**row) if row else None


async def rotate(connection: Connection, agency: str, endpoint: str, secret: str, now: datetime) -> Endpoint | None:
    """The endpoint signs with the new secret from now on, and for a day with the one before, too."""
    row = await connection.fetchrow(
        f"""
        UPDATE webhook_endpoints SET secret = $3, previous_secret = secret, previous_until = $4
        WHERE agency_id = $1 AND id = $2 AND removed_at IS NULL RETURNING {_ENDPOINT}
        """,
        agency,
        endpoint,
        secret,
        now + PREVIOUS_LASTS,
    )
    return Endpoint(**row) if row else None


async def reseal(pool: Pool, endpoint: str, known: str, sealed: str) -> None:
    """Keep the same secret in another form, unless it was rotated meanwhile."""
    await pool.execute(
        """
        UPDATE webhook_endpoints SET secret = CASE secret WHEN $2 THEN $3 ELSE secret END,
               previous_secret = CASE previous_secret WHEN $2 THEN $3 ELSE previous_secret END
        WHERE id = $1 AND $2 IN (secret, previous_secret)
        """,
        endpoint,
        known,
        sealed,
    )


async def deliveries(
    pool: Pool, agency: str, endpoint: str, limit: int, after: tuple[datetime, str] | None
) -> list[Delivery]:
    """At most `limit` deliveries to the endpoint, newest first, behind the position `after`."""
    rows = await pool.fetch(
        f"""
        {_DELIVERY} AND ($3::timestamptz IS NULL OR (d.created_at, d.id) < ($3, $4::text))
        ORDER BY d.created_at DESC, d.id DESC LIMIT $5
        """,
        agency,
        endpoint,
        *(after or (None, None)),
        limit,
    )
    return [Delivery(**row) for row in rows]


async def resend(connection: Connection, agency: str, endpoint: str, delivery: str) -> Delivery | None:
    """The delivery is due at once, with all its attempts before it, under the id that it has; one that is being made
    comes to its end first."""
    await connection.execute(
        """
        UPDATE message_deliveries SET status = 'pending', finished_at = NULL, next_at = now(), attempts = 0
        WHERE agency_id = $1 AND endpoint_id = $2 AND id = $3
        """,
        agency,
        endpoint,
        delivery,
    )
    row = await connection.fetchrow(f"{_DELIVERY} AND d.id = $3", agency, endpoint, delivery)
    return Delivery(**row) if row else None


async def switch_off(pool: Pool, claimed: Claimed, at: datetime, *, gone: bool) -> bool:
    """Switch the endpoint off, and tell the agency, when a delivery was given up and nothing has arrived there since it
    was entered; `gone`: in any case, because the endpoint itself says that it is no more."""
    async with transaction(pool) as connection:
        url = await connection.fetchval(
            """
            UPDATE webhook_endpoints e SET disabled_at = $3
            WHERE agency_id = $1 AND id = $2 AND disabled_at IS NULL AND removed_at IS NULL AND ($4 OR NOT EXISTS (
                SELECT FROM message_deliveries d WHERE d.endpoint_id = e.id AND d.status = 'delivered'
                AND d.finished_at > (SELECT created_at FROM message_deliveries WHERE id = $5)
            )) RETURNING url
            """,
            claimed.agency_id,
            claimed.endpoint_id,
            at,
            gone,
            claimed.id,
        )
        if url is None:
            return False
        detail = f"{url} takes no messages any more. Add it again when it does."
        key = f"endpoint-disabled:{claimed.endpoint_id}"
        await messages.write(
            connection, claimed.agency_id, Notice(NoticeKind.ENDPOINT_DISABLED, "agency", key, at, detail)
        )
    return True
