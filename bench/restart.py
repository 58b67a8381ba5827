"""A worker that is killed and comes back when everything is due, beside one that was there all the time."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench.estate import furnish_agencies
from bench.figures import Figure
from bench.house import DEADLOCK, house
from bench.periods import check_books, close, idle, subscriptions, until, until_closed
from bench.worker import PRODUCT

COUNT: Final = 500
AGENCIES: Final = 25


async def measured(count: int = COUNT) -> list[Figure]:
    """Cold counts from the start of the process: loading it is part of coming back."""
    async with house() as servers:
        at = datetime.now(UTC) - timedelta(days=100)
        agencies = await furnish_agencies(servers.pool, [f"acct_{n}" for n in range(AGENCIES)], at)
        opening = partial(subscriptions, servers, agencies)
        async with servers.worker("bench.worker", PRODUCT) as worker:
            warm = (await close(servers, worker, "warm", count, opening)).seconds
            due, ids = await idle(servers, "cold", count, opening)
            worker.kill()
        # Away for as long as Temporal keeps a workflow for the worker that last had it.
        await until(max(due, datetime.now(UTC) + servers.settings.sticky_timeout))
        begun = time.perf_counter()
        async with servers.worker("bench.worker", PRODUCT) as again:
            await until_closed(servers, ids)
            cold = time.perf_counter() - begun
        await check_books(servers)
        deadlocks = _deadlocks((worker.program.log, again.program.log))
    made_of = f"{count} due: {cold:.1f} s from the start of the process ÷ {warm:.1f} s"
    return [
        Figure("cold restart ÷ warm", cold / warm, at_most=2, detail=made_of),
        Figure("deadlock errors", deadlocks, at_most=0),
    ]


def _deadlocks(logs: Sequence[Path]) -> int:
    return sum(log.read_text(errors="replace").count(DEADLOCK) for log in logs)
