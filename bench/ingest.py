"""Taking in calls, beside the fastest that PostgreSQL can do with the same rows, COPY into a table with the same key;
and taking in the same calls once more.

All in turn, batch by batch, over one connection to a durable server, so that a machine whose speed drifts slows down
all. What COPY leaves out is what a call needs: duplicates told apart, a period found, a rollup kept.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from adapters.postgres.calls import Call
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.usage import record_calls
from adapters.process import collect_garbage_rarely
from bench.estate import BEGUN_BEFORE, furnish_agencies, subscribe
from bench.figures import Figure
from billing.usage import Outcome
from sandbox.postgres import running_postgres

BATCH: Final = 500
ROUNDS: Final = 40
WARM_UP: Final = 4
CLIENTS: Final = 10
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
        [agency] = await furnish_agencies(pool, ["acct_bench"], START)
        await subscribe(pool, agency, [str(number) for number in range(CLIENTS)], START + BEGUN_BEFORE)
        await pool.execute(_COPIED)
        for number in range(WARM_UP + ROUNDS):
            calls = _batch(number)
            ingest.append(await _seconds(partial(_ingest, pool, agency.id, calls, "accepted")))
            copy.append(await _seconds(partial(_copy, pool, agency.id, calls)))
            replay.append(await _seconds(partial(_ingest, pool, agency.id, calls, "duplicate")))
    first, least, again = (median(seconds[WARM_UP:]) for seconds in (ingest, copy, replay))
    rate = f"{BATCH / first:,.0f} calls/s"
    beside_copy = f"one connection, batches of {BATCH}: {rate} ÷ {BATCH / least:,.0f} rows/s"
    return [
        Figure("ingest ÷ COPY into the keyed table", least / first, at_least=0.5, detail=beside_copy),
        Figure(
            "replay of duplicates ÷ first time", first / again, at_least=1.5, detail=f"{BATCH / again:,.0f} ÷ {rate}"
        ),
    ]


def _batch(number: int) -> list[Call]:
    return [
        Call(
            f"call-{number:06d}-{index:04d}",
            f"cli_{index % CLIENTS}",
            START + timedelta(seconds=number * BATCH + index),
            30 + index % 300,
            Outcome.COMPLETED,
        )
        for index in range(BATCH)
    ]


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def _ingest(pool: Pool, agency: str, calls: Sequence[Call], expected: str) -> None:
    receipt = await record_calls(pool, agency, calls, NOW)
    if any(verdict.result != expected for verdict in receipt.verdicts):
        raise RuntimeError(f"a call was not {expected}: what is measured is something else")


async def _copy(pool: Pool, agency: str, calls: Sequence[Call]) -> None:
    rows = [(agency, c.call_id, c.client, c.started_at, 4711, "sub_0", 1, False, c.duration_seconds) for c in calls]
    columns = (
        *("agency_id", "call_id", "client_id", "started_at", "content_hash", "subscription_id", "period", "late"),
        "billed_seconds",
    )
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("copied", records=rows, columns=columns)
