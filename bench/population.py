"""Many open subscriptions: the memory that a worker holds for them, and whether they slow down what is due."""

from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import mean
from typing import Final

from bench.estate import furnish_agencies
from bench.figures import MIB, Figure
from bench.house import house, resident_bytes
from bench.periods import check_books, close, close_idle, idle, subscriptions
from bench.worker import PRODUCT

FEW: Final = 200
MANY: Final = 2_000
AGENCIES: Final = 25


async def measured(few: int = FEW, many: int = MANY) -> list[Figure]:
    """Few before and after the many, all of each due at one instant."""
    async with house() as servers:
        at = datetime.now(UTC) - timedelta(days=100)
        agencies = await furnish_agencies(servers.pool, [f"acct_{n}" for n in range(AGENCIES)], at)
        opening = partial(subscriptions, servers, agencies)
        async with servers.worker("bench.worker", PRODUCT) as worker:
            before = await close(servers, worker, "before", few, opening)
            waiting = await idle(servers, "many", many, opening)
            memory = resident_bytes(worker.pid)
            closed = await close_idle(servers, worker, *waiting)
            after = await close(servers, worker, "after", few, opening)
        await check_books(servers)
    rate = mean((before.rate, after.rate))
    made_of = f"{closed.rate:.1f} closes/s ÷ {rate:.1f} ({before.rate:.1f} before, {after.rate:.1f} after)"
    return [
        Figure(f"worker memory, {many:,} subscriptions idle", memory / MIB, "MiB"),
        Figure(f"close rate at {many:,} ÷ at {few:,}", closed.rate / rate, at_least=0.8, detail=made_of),
    ]
