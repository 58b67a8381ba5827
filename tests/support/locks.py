"""Who waits for whom in a database."""

from typing import Final

from adapters.postgres.pool import Pool

_WAITERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
"""Of this database alone: others on the same server belong to other tests."""


async def waiters(pool: Pool) -> int:
    """How many wait at the moment for a lock that another holds."""
    waiting: int = await pool.fetchval(_WAITERS)
    return waiting
