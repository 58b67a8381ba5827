"""Taking in calls, beside the fastest that PostgreSQL can do with the same rows: COPY into a table with the same key.

Both in turn, batch by batch, over one connection to a durable server, so that a machine whose speed drifts slows down
both. What COPY leaves out is what a call needs: duplicates told apart, a period found, a rollup kept.
"""

import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from adapters.postgres import agencies, clients, plans, projection
from adapters.postgres.migrate import migrate
from adapters.postgres.plans import Plan
from adapters.postgres.pool import Pool, open_pool, transaction
from adapters.postgres.usage import Call, record_calls
from billing.state import RULES
from billing.subscription import opened
from billing.usage import Outcome
from sandbox.postgres import running_postgres

BATCH: Final = 500
ROUNDS: Final = 40
WARM_UP: Final = 4
CLIENTS: Final = 10
START: Final = datetime(2026, 11, 1, tzinfo=UTC)
NOW: Final = START + timedelta(days=10)
_COPIED: Final = "CREATE TABLE copied (LIKE calls INCLUDING DEFAULTS, PRIMARY KEY (agency_id, call_id))"
AGENCY, ACCOUNT, PLAN = "agc_bench", "acct_bench", "pln_bench"


@dataclass(frozen=True)
class Figures:
    """Medians of one run, in calls a second."""

    ingest: float
    copy: float

    def __str__(self) -> str:
        return (
            f"ingest, one connection, batches of {BATCH}: {self.ingest:,.0f} calls/s; "
            f"COPY into the keyed table: {self.copy:,.0f} rows/s; ratio {self.ingest / self.copy:.2f}"
        )


async def measured() -> Figures:
    """Measure on a fresh server of its own."""
    with tempfile.TemporaryDirectory(prefix="retainer-bench-") as folder:
        async with running_postgres(Path(folder) / "postgres") as dsn:
            await migrate(dsn)
            async with open_pool(dsn, 2) as pool:
                await _furnish(pool)
                return await _measure(pool)


async def _furnish(pool: Pool) -> None:
    """One agency with subscribed clients, and a table that has nothing of `calls` but its key."""
    plan = Plan(PLAN, 1, "Voice Pro", "pro", "usd", 4900, 500, Decimal("12.5"), 60, START)
    async with transaction(pool) as connection:
        await agencies.insert_agency(
            connection,
            AGENCY,
            name="Bench",
            country="US",
            timezone="UTC",
            tier="growth",
            default_currency="usd",
            at=START,
        )
        await agencies.begin_account(connection, AGENCY, START)
        await plans.insert_plan(connection, AGENCY, plan)
        await connection.execute(_COPIED)
    await agencies.name_account(pool, AGENCY, 1, ACCOUNT, START)
    for number in range(CLIENTS):
        await _subscribe(pool, number, plan)


async def _subscribe(pool: Pool, number: int, plan: Plan) -> None:
    client = f"cli_{number}"
    state = opened(
        id=f"sub_{number}",
        agency=AGENCY,
        client=client,
        account=ACCOUNT,
        customer=f"cus_{number}",
        zone="UTC",
        terms=plan.terms,
        rules=RULES,
        at=START,
        starts_at=START,
    )
    async with transaction(pool) as connection:
        await clients.insert_client(
            connection,
            AGENCY,
            client,
            name=client,
            email=f"{client}@bench.example",
            external_id=None,
            billing_details=None,
            at=START,
        )
        await projection.open_subscription(connection, state, {}, START)


async def _measure(pool: Pool) -> Figures:
    ingest, copy = [], []
    for number in range(WARM_UP + ROUNDS):
        calls = _batch(number)
        ingest.append(await _seconds(partial(_ingest, pool, calls)))
        copy.append(await _seconds(partial(_copy, pool, calls)))
    return Figures(BATCH / median(ingest[WARM_UP:]), BATCH / median(copy[WARM_UP:]))


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


async def _ingest(pool: Pool, calls: Sequence[Call]) -> None:
    receipt = await record_calls(pool, AGENCY, calls, NOW)
    if any(verdict.result != "accepted" for verdict in receipt.verdicts):
        raise RuntimeError("a call was not accepted: what is measured is not ingest")


async def _copy(pool: Pool, calls: Sequence[Call]) -> None:
    rows = [
        (AGENCY, c.call_id, c.client, c.started_at, c.duration_seconds, c.outcome.value, c.duration_seconds, NOW)
        for c in calls
    ]
    columns = ("agency_id", "call_id", "client_id", "started_at", "duration_seconds", "outcome", "billed_seconds")
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("copied", records=rows, columns=(*columns, "received_at"))
