"""Taking in calls, beside the fastest that PostgreSQL can do with the same rows, COPY into a table with the same key;
and taking in the same calls once more.

All in turn, batch by batch, over one connection to a durable server, so that a machine whose speed drifts slows down
all. What COPY leaves out is what a call needs: duplicates told apart, a period found, a rollup kept.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from adapters.postgres.calls import Call
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.process import collect_garbage_rarely
from bench.calls import BATCH, batch, furnish_callers, seconds, take_in
from bench.estate import BEGUN_BEFORE
from bench.figures import Figure
from sandbox.postgres import running_postgres

ROUNDS: Final = 40
WARM_UP: Final = 4
START: Final = datetime(2026, 11, 1, tzinfo=UTC)
NOW: Final = START + timedelta(days=10)
_COPIED: Final = "CREATE TABLE copied (LIKE calls INCLUDING ALL)"


async def measured() -> list[Figure]:
    """Measure on a fresh server of its own."""
    with tempfile.TemporaryDirectory(prefix="retainer-bench-") as folder:
        async with running_postgres(Path(folder) / "postgres") as dsn:
            await migrate(dsn)
            return await asyncio.to_thread(uvloop.run, _measure(dsn))


async def _measure(dsn: str) -> list[Figure]:
    collect_garbage_rarely()
    ingest, copy, replay = [], [], []
    async with open_pool(dsn, 2) as pool:
        agency = await furnish_callers(pool, START, START + BEGUN_BEFORE)
        await pool.execute(_COPIED)
        for number in range(WARM_UP + ROUNDS):
            calls = batch(number, START + timedelta(seconds=number * BATCH))
            ingest.append(await seconds(take_in(pool, agency.id, calls, NOW)))
            copy.append(await seconds(_copy(pool, agency.id, calls)))
            replay.append(await seconds(take_in(pool, agency.id, calls, NOW, expected="duplicate")))
    first, least, again = (median(took[WARM_UP:]) for took in (ingest, copy, replay))
    rate = f"{BATCH / first:,.0f} calls/s"
    beside_copy = f"one connection, batches of {BATCH}: {rate} ÷ {BATCH / least:,.0f} rows/s"
    return [
        Figure("ingest ÷ COPY into the keyed table", least / first, at_least=0.5, detail=beside_copy),
        Figure(
            "replay of duplicates ÷ first time", first / again, at_least=1.5, detail=f"{BATCH / again:,.0f} ÷ {rate}"
        ),
    ]


async def _copy(pool: Pool, agency: str, calls: Sequence[Call]) -> None:
    rows = [(agency, c.call_id, c.client, c.started_at, 4711, "sub_0", 1, False, c.duration_seconds) for c in calls]
    columns = (
        *("agency_id", "call_id", "client_id", "started_at", "content_hash", "subscription_id", "period", "late"),
        "billed_seconds",
    )
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("copied", records=rows, columns=columns)
