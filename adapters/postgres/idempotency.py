"""Answers that were given under an Idempotency-Key. All times are the system clock's (architecture, "Time")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from adapters.postgres.pool import Connection, Pool, transaction

KEPT: Final = timedelta(hours=24)
LONGEST_REQUEST: Final = timedelta(seconds=60)
"""A request that is open for longer has died with its process: the same key may go on."""
_SWEPT_AT_ONCE: Final = 100


class Scope(NamedTuple):
    """Whose key it is, and on what."""

    caller: str
    method: str
    path: str
    key: str


@dataclass(frozen=True)
class Begun:
    """This request does the work. `started_at` is when the first under the key began."""

    started_at: datetime


@dataclass(frozen=True)
class Stored:
    """The answer that was given. `body` as it is kept: whoever keeps it seals it."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Reused:
    """The key stands for other content."""


@dataclass(frozen=True)
class InProgress:
    """The first request is still open."""


async def begin(pool: Pool, scope: Scope, request_hash: str, now: datetime) -> Begun | Stored | Reused | InProgress:
    """Take the key, or say what became of it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(
            """
            INSERT INTO idempotency_keys AS k (caller, method, path, key, request_hash, started_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (caller, method, path, key) DO UPDATE
            SET request_hash = excluded.request_hash, started_at = excluded.started_at,
                status_code = NULL, response = NULL, finished_at = NULL
            WHERE k.started_at <= $7
            RETURNING started_at
            """,
            *scope,
            request_hash,
            now,
            now - KEPT,
        )
        return Begun(taken) if taken else await _known(connection, scope, request_hash, now)


async def _known(
    connection: Connection, scope: Scope, request_hash: str, now: datetime
) -> Begun | Stored | Reused | InProgress:
    row = await connection.fetchrow(
        """
        SELECT request_hash, started_at, finished_at, status_code, response FROM idempotency_keys
        WHERE (caller, method, path, key) = ($1, $2, $3, $4) FOR UPDATE
        """,
        *scope,
    )
    if row is None or row["request_hash"] != request_hash:
        return Reused()
    if row["status_code"] is not None:
        return Stored(row["status_code"], **row["response"])
    if row["finished_at"] is None and now - row["started_at"] < LONGEST_REQUEST:
        return InProgress()
    await connection.execute(
        "UPDATE idempotency_keys SET finished_at = NULL WHERE (caller, method, path, key) = ($1, $2, $3, $4)", *scope
    )
    return Begun(row["started_at"])


async def finish(pool: Pool, scope: Scope, answer: Stored | None, now: datetime) -> None:
    """Keep the answer; none: it was not final, and the same key goes on. Old keys go in passing."""
    await pool.execute(
        """
        UPDATE idempotency_keys SET status_code = $5, response = $6, finished_at = $7
        WHERE (caller, method, path, key) = ($1, $2, $3, $4)
        """,
        *scope,
        answer.status if answer else None,
        {"headers": dict(answer.headers), "body": answer.body} if answer else None,
        now,
    )
    await pool.execute(
        """
        DELETE FROM idempotency_keys WHERE (caller, method, path, key) IN (
            SELECT caller, method, path, key FROM idempotency_keys WHERE started_at <= $1
            ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        """,
        now - KEPT,
        _SWEPT_AT_ONCE,
    )
