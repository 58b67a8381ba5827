"""The deliveries of messages by mail and webhook: whose turn it is, and what came of it.

All times are the database's, so that workers agree. A claimed row is its worker's until its lease ends; `attempts` is
the token by which it marks what came of it: who took longer than his lease marks nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.pool import Connection, Pool
from billing.notices import Audience, Channel

CHANNEL: Final = "retainer_messages"
"""NOTIFY is sent on it when deliveries are committed."""
_OF_ONE_ENDPOINT: Final = 5
"""At once: an endpoint that answers slowly must not have all places."""

# No mail to clients of an account that can't charge (billing-rules 8): it waits for the thaw, which never comes to one
# that was left for another. This is the one place that knows; the time machine asks it too.
_HELD: Final = """
    (n.audience = 'client' AND EXISTS (
        SELECT FROM account_freezes f WHERE f.thawed_at IS NULL AND f.replaced_at IS NULL AND f.account_id IN (
            SELECT account_id FROM subscriptions WHERE id = n.subscription_id
            UNION ALL SELECT account_id FROM invoices WHERE id = n.invoice_id
        )
    ))
"""
DUE: Final = f"d.status = 'pending' AND d.next_at <= now() AND NOT {_HELD}"
"""Of `message_deliveries d JOIN notifications n`: what is to be sent now, or is being sent."""


@dataclass(frozen=True)
class Claimed:
    """A delivery that is the caller's until its lease ends, with its message. `attempts` counts this one."""

    id: str
    agency_id: str
    endpoint_id: str | None
    attempts: int
    audience: Audience
    kind: str
    notification_id: str
    client_id: str | None
    subscription_id: str | None
    invoice_id: str | None
    title: str
    detail: str
    at: datetime


async def claim(pool: Pool, channel: Channel, limit: int, lease: timedelta) -> Sequence[Claimed]:
    """Deliveries that are due, for the caller alone: then it has marked what came of them, or died."""
    rows = await pool.fetch(
        f"""
        WITH due AS (
            SELECT d.id, row_number() OVER (PARTITION BY d.endpoint_id ORDER BY d.next_at, d.id) AS place
            FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id
            WHERE d.channel = $1 AND {DUE} AND (d.leased_until IS NULL OR d.leased_until <= now())
            ORDER BY d.next_at, d.id LIMIT $2
        ), mine AS (
            SELECT id FROM message_deliveries
            WHERE id IN (SELECT id FROM due WHERE place <= $3 OR $1 = 'mail')
            AND status = 'pending' AND (leased_until IS NULL OR leased_until <= now())
            ORDER BY next_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
        )
        UPDATE message_deliveries d SET attempts = d.attempts + 1, leased_until = now() + $5::interval, tried_at = now()
        FROM notifications n WHERE d.id IN (SELECT id FROM mine) AND n.id = d.notification_id
        RETURNING d.id, d.agency_id, d.endpoint_id, d.attempts, n.audience, n.kind, d.notification_id, n.client_id,
                  n.subscription_id, n.invoice_id, n.title, n.detail, n.at
        """,
        channel.value,
        50 * limit,
        _OF_ONE_ENDPOINT,
        limit,
        lease,
    )
    return [Claimed(**row) for row in rows]


async def delivered(pool: Pool, claimed: Claimed, answer: int) -> bool:
    """It was taken, with this answer. False when the claim was no longer the caller's."""
    return await _end(pool, claimed, "delivered", answer, None)


async def failed(pool: Pool, claimed: Claimed, answer: int | None, why: str) -> bool:
    """It will not be tried again."""
    return await _end(pool, claimed, "failed", answer, why)


async def dropped(pool: Pool, claimed: Claimed, why: str) -> bool:
    """It is not sent, on purpose."""
    return await _end(pool, claimed, "dropped", None, why)


async def again(pool: Pool, claimed: Claimed, pause: timedelta, answer: int | None, why: str) -> bool:
    """Try again after the pause."""
    marked: str = await pool.execute(
        """
        UPDATE message_deliveries
        SET next_at = now() + $3::interval, leased_until = NULL, answer = $4, detail = $5
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        claimed.id,
        claimed.attempts,
        pause,
        answer,
        why,
    )
    return marked == "UPDATE 1"


async def drop_held(connection: Connection, account: str) -> None:
    """What clients were to be told of an account that was left is not told any more."""
    await connection.execute(
        """
        UPDATE message_deliveries d
        SET status = 'dropped', leased_until = NULL, detail = 'the account was left', finished_at = now()
        FROM notifications n WHERE n.id = d.notification_id AND d.status = 'pending' AND n.audience = 'client'
        AND $1 IN (
            SELECT account_id FROM subscriptions WHERE id = n.subscription_id
            UNION ALL SELECT account_id FROM invoices WHERE id = n.invoice_id
        )
        """,
        account,
    )


async def _end(pool: Pool, claimed: Claimed, status: str, answer: int | None, why: str | None) -> bool:
    marked: str = await pool.execute(
        """
        UPDATE message_deliveries
        SET status = $3, leased_until = NULL, answer = $4, detail = $5, finished_at = now()
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        claimed.id,
        claimed.attempts,
        status,
        answer,
        why,
    )
    return marked == "UPDATE 1"
