"""The retention of calls: old months are deleted piece by piece, and their totals stay, sealed.

Implements `activities.ports.CallRetention`. A piece is deleted by a function of the tables' owner (docs/adr/0029).
"""

from datetime import date, datetime
from typing import Final

import asyncpg

from adapters.postgres.pool import Pool

_PIECE: Final = 200
"""Rows of details, each with a client's calls of one day and report: at most some ten thousand calls, or one second."""


class PostgresRetention:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def months_before(self, day: date) -> list[date]:
        """The months that have details and ended by this day, the oldest first."""
        rows = await self._pool.fetch(
            """
            SELECT month FROM (
                SELECT to_date(right(c.relname, 7), 'YYYY_MM') AS month
                FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'call_details'::regclass
            ) known WHERE month + interval '1 month' <= $1 ORDER BY month
            """,
            day,
        )
        return [row["month"] for row in rows]

    async def retire_some(self, month: date, at: datetime) -> int | None:
        """Retire a piece of the month. Returns how many calls: 0 when none were left and the month is gone, None while
        some belong to a period that is not closed, or somebody holds a lock on it."""
        try:
            gone: int = await self._pool.fetchval("SELECT retire_calls($1, $2, $3)", month, _PIECE, at)
        except (asyncpg.RestrictViolationError, asyncpg.LockNotAvailableError):
            return None
        return gone
