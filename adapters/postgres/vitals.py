"""How far behind the system is, and what is stuck: a few figures of the whole database at one instant.

Asked for every few seconds by who watches. So each question goes over an index that holds only what is not well, and
looks at no more rows than `AT_MOST`: a figure that says so many means "so many or more".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.postgres.message_deliveries import DUE
from adapters.postgres.parkings import TOLD_ONCE_IN
from adapters.postgres.pool import Connection, Pool, snapshot

AT_MOST: Final = 10_000
_SECONDS: Final = 2
"""The server gives up after that: a scrape does not wait longer."""

_INBOX: Final = """
    SELECT count(*), min(received_at) FROM (
        SELECT received_at FROM inbox WHERE delivered_at IS NULL ORDER BY deliver_after, id LIMIT $1
    ) AS waiting
"""
_UNREAD: Final = """
    SELECT count(*), min(signalled_at) FROM (
        SELECT signalled_at FROM inbox_readers WHERE read_at IS NULL AND acked_at IS NULL ORDER BY inbox_id LIMIT $1
    ) AS unread WHERE signalled_at IS NOT NULL
"""
_OUTBOX: Final = """
    SELECT count(*), min(created_at) FROM (
        SELECT created_at FROM outbox WHERE done_at IS NULL ORDER BY deliver_after, id LIMIT $1
    ) AS waiting
"""
_IN_FLIGHT: Final = """
    SELECT count(*), min(first_sent_at) FROM (
        SELECT first_sent_at FROM payment_attempts WHERE result IS NULL ORDER BY invoice_id LIMIT $1
    ) AS flying
"""
_STUCK: Final = """
    SELECT coalesce(sum(jsonb_array_length(
               jsonb_path_query_array(state->'parked', '$[*] ? (!exists(@.review.overage))')
           )), 0) AS parked,
           coalesce(sum(jsonb_array_length(state->'backoff')), 0) AS backing_off
    FROM (SELECT state FROM subscriptions WHERE stuck AND NOT finished ORDER BY id LIMIT $1) AS stuck
"""
_STOPPED: Final = "SELECT count(*) FROM parking_stops WHERE last_at > $1"
_FROZEN: Final = """
    SELECT state, count(*) FROM (
        SELECT DISTINCT ON (agency_id) state FROM connected_accounts ORDER BY agency_id, number DESC
    ) AS newest WHERE state IN ('restricted', 'disconnected') GROUP BY state
"""
_FINDINGS: Final = """
    SELECT count(*) FROM (SELECT FROM findings WHERE resolved_at IS NULL LIMIT $1) AS lasting
"""

_MESSAGES: Final = f"""
    SELECT count(*) AS count, now() - min(next_at) AS age FROM (
        SELECT d.next_at FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id
        WHERE {DUE} ORDER BY d.channel, d.next_at LIMIT $1
    ) AS waiting
"""
"""Messages are dated by the database's own clock."""
_DEAF: Final = """
    SELECT count(*) FROM webhook_endpoints WHERE disabled_at IS NOT NULL AND removed_at IS NULL
"""


@dataclass(frozen=True)
class Waiting:
    """How many wait, and how long the oldest has; zero when none does."""

    count: int
    age: timedelta


NONE_WAITS: Final = Waiting(0, timedelta())


@dataclass(frozen=True)
class Vitals:
    """`frozen` counts the agencies whose Stripe account takes no charges, by its state; `findings` are those that
    last."""

    inbox: Waiting
    unread: Waiting
    outbox: Waiting
    in_flight: Waiting
    parked: int
    parking_stopped: int
    backing_off: int
    frozen: dict[str, int]
    findings: int = 0
    reconciled_at: datetime | None = None
    """When the last reconciliation of all accounts came to its end."""
    messages: Waiting = NONE_WAITS
    endpoints_disabled: int = 0


async def read(pool: Pool, now: datetime) -> Vitals:
    """Everything at one instant. `now` is business time, by which all of it is dated."""
    async with snapshot(pool) as books:
        await books.execute(f"SET LOCAL statement_timeout = '{_SECONDS}s'")
        stuck = await books.fetchrow(_STUCK, AT_MOST)
        assert stuck is not None, "an aggregate always answers"
        frozen = {"restricted": 0, "disconnected": 0}
        return Vitals(
            inbox=await _waiting(books, _INBOX, now),
            unread=await _waiting(books, _UNREAD, now),
            outbox=await _waiting(books, _OUTBOX, now),
            in_flight=await _waiting(books, _IN_FLIGHT, now),
            parked=stuck["parked"],
            parking_stopped=await books.fetchval(_STOPPED, now - TOLD_ONCE_IN),
            backing_off=stuck["backing_off"],
            frozen=frozen | {row["state"]: row["count"] for row in await books.fetch(_FROZEN)},
            findings=await books.fetchval(_FINDINGS, AT_MOST),
            reconciled_at=await books.fetchval("SELECT max(finished_at) FROM reconciliations"),
            messages=await _messages(books),
            endpoints_disabled=await books.fetchval(_DEAF),
        )


async def _messages(books: Connection) -> Waiting:
    row: Any = await books.fetchrow(_MESSAGES, AT_MOST)
    return Waiting(row["count"], row["age"] or timedelta())


async def _waiting(books: Connection, question: str, now: datetime) -> Waiting:
    row: Any = await books.fetchrow(question, AT_MOST)
    count, oldest = row
    return Waiting(count, max(timedelta(), now - oldest) if oldest else timedelta())
