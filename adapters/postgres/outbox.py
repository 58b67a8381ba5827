"""What must reach Temporal: written with what it follows from, carried there by worker/delivery.py, once each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.codec import Json
from adapters.postgres.pool import Connection, Pool

CHANNEL: Final = "retainer_outbox"
"""NOTIFY is sent on it when rows are committed: who carries them need not wait for its next look."""
LEASE: Final = timedelta(seconds=10)
"""How long a claimed row is left to who claimed it. Who dies with it is replaced after that."""

START: Final = "start"
"""The kind of a row by which a subscription's workflow is to be started."""

REFUND: Final = "refund"
"""The kind of a row by which a refund's workflow is to be started."""


def start_key(subscription: str) -> str:
    """The dedupe key of a subscription's start: there is one for its whole life."""
    return f"{START}:{subscription}"


@dataclass(frozen=True)
class Letter:
    """One row to be carried. `attempts` counts this one."""

    id: int
    kind: str
    payload: Json
    attempts: int


async def add(
    connection: Connection,
    agency: str,
    kind: str,
    dedupe_key: str,
    payload: Json,
    at: datetime,
    deliver_after: datetime | None = None,
) -> None:
    """Enter what is to be carried; under a key that is known nothing is added."""
    await connection.execute(
        """
        INSERT INTO outbox (agency_id, kind, dedupe_key, payload, created_at, deliver_after)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dedupe_key) DO NOTHING
        """,
        agency,
        kind,
        dedupe_key,
        payload,
        at,
        deliver_after or at,
    )


async def claim(pool: Pool, now: datetime, limit: int = 20) -> Sequence[Letter]:
    """Rows that are due, for the caller alone during LEASE: then it has called `done` or `defer`, or died."""
    rows = await pool.fetch(
        """
        UPDATE outbox SET attempts = attempts + 1, deliver_after = $2 WHERE id IN (
            SELECT id FROM outbox WHERE done_at IS NULL AND deliver_after <= $1
            ORDER BY deliver_after, id LIMIT $3 FOR UPDATE SKIP LOCKED
        ) RETURNING id, kind, payload, attempts
        """,
        now,
        now + LEASE,
        limit,
    )
    return sorted((Letter(*row) for row in rows), key=lambda letter: letter.id)


async def defer(pool: Pool, letter: int, until: datetime, why: str) -> None:
    """Try again at `until`."""
    await pool.execute(
        "UPDATE outbox SET deliver_after = $2, last_error = $3 WHERE id = $1 AND done_at IS NULL", letter, until, why
    )


async def done(pool: Pool, letter: int, at: datetime) -> None:
    await pool.execute("UPDATE outbox SET done_at = $2 WHERE id = $1 AND done_at IS NULL", letter, at)
