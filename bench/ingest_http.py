"""Taking in calls over HTTP, with two API processes, database and load on the same cores, beside direct ingest in the
same run; and the memory of an API that takes in a CSV of 200 MiB."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

import uvloop

from adapters.postgres.calls import Call
from adapters.postgres.pool import Pool, open_pool
from adapters.process import collect_garbage_rarely
from api.tokens import Caller, Role, issue
from bench.books import books
from bench.calls import BATCH, batch, csv_pieces, furnish_callers, json_body, seconds, take_in
from bench.figures import MIB, Figure
from bench.house import most_resident_bytes, resident_bytes
from bench.sending import CONNECTIONS, Sender

BATCHES: Final = 60
"""Of each kind in a round."""
ROUNDS: Final = 5
AGENCY: Final = "agc_0"


async def measured() -> list[Figure]:
    """Measure on fresh servers, by a loop such as the API has."""
    now = datetime.now(UTC)
    async with books() as server:
        database = await server.database("taken_in")
        async with open_pool(database, 1) as pool:
            await furnish_callers(pool, now - timedelta(days=60), now + timedelta(days=20))
        async with server.api(database) as api, server.api(database) as another:
            token = issue(api.settings, Caller(Role.SERVICE, "bench", AGENCY), timedelta(hours=2))
            sender = Sender([api.base, another.base], token)
            rates = await asyncio.to_thread(uvloop.run, _rates(database, sender, now))
            return [*rates, await _memory(sender, api.pid, now)]


async def _rates(database: str, sender: Sender, now: datetime) -> list[Figure]:
    collect_garbage_rarely()
    direct, http = [], []
    numbers = itertools.count()
    async with open_pool(database, 1) as pool:
        for warm_up in (True, *(False for _ in range(ROUNDS))):
            batches = [_batch(next(numbers), now) for _ in range(BATCHES)]
            bodies = [json_body(_batch(next(numbers), now)) for _ in range(BATCHES)]
            took = await seconds(_directly(pool, batches, now)), await seconds(sender.all(bodies))
            if not warm_up:
                direct.append(BATCH * BATCHES / took[0])
                http.append(BATCH * BATCHES / took[1])
    rate, beside = median(http), median(direct)
    load = f"batches of {BATCH}, {CONNECTIONS} connections to two processes"
    made_of = f"{load}: {rate:,.0f} calls/s ÷ {beside:,.0f} over one, directly"
    return [
        Figure("HTTP ingest, two processes ÷ direct", rate / beside, at_least=0.75, detail=made_of),
        Figure("HTTP ingest, calls a second", rate, at_least=40_000),
    ]


def _batch(number: int, now: datetime) -> list[Call]:
    """Of the last hours."""
    return batch(number, now - timedelta(hours=6) + timedelta(seconds=number % 10_000))


async def _directly(pool: Pool, batches: Iterable[Sequence[Call]], now: datetime) -> None:
    for calls in batches:
        await take_in(pool, AGENCY, calls, now)


async def _memory(sender: Sender, pid: int, now: datetime) -> Figure:
    """What the API's process holds at most, beyond what it held before, while it takes in the file."""
    before, begun = resident_bytes(pid), time.perf_counter()
    sending = asyncio.create_task(sender.stream(csv_pieces(now)))
    most = await most_resident_bytes(pid, sending)
    answer, took = await sending, time.perf_counter() - begun
    detail = f"{answer['accepted']:,} calls accepted in {took:,.0f} s; {before / MIB:,.0f} MiB before"
    return Figure("memory for a CSV of 200 MiB", (most - before) / MIB, "MiB", at_most=150, detail=detail)
