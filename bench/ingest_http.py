"""Taking in calls over HTTP, with two API processes, database and load on the same cores, beside direct ingest in the
same run; and the memory of an API that takes in a CSV of 200 MiB."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from urllib.parse import SplitResult, urlsplit

import uvloop

from adapters.postgres.calls import Call
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.usage import record_calls
from adapters.process import collect_garbage_rarely
from api.tokens import Caller, Role, issue
from bench.books import books
from bench.estate import furnish_agencies, subscribe
from bench.figures import Figure
from bench.house import most_resident_bytes, resident_bytes
from billing.usage import Outcome

BATCH: Final = 500
BATCHES: Final = 60
"""Of each kind in a round."""
ROUNDS: Final = 5
CONNECTIONS: Final = 4
CLIENTS: Final = 10
AGENCY: Final = "agc_0"
CSV_BYTES: Final = 200 * 1024 * 1024
"""As much as is taken."""
PIECE_ROWS: Final = 2_000
PATH: Final = "/v1/usage/calls"
COLUMNS: Final = ("call_id", "client_id", "started_at", "duration_seconds", "outcome")


async def measured() -> list[Figure]:
    """Measure on fresh servers, by a loop such as the API has."""
    now = datetime.now(UTC)
    async with books() as server:
        database = await server.database("taken_in")
        async with open_pool(database, 1) as pool:
            [agency] = await furnish_agencies(pool, ["acct_bench"], now - timedelta(days=60))
            await subscribe(pool, agency, [str(number) for number in range(CLIENTS)], now + timedelta(days=20))
        async with server.api(database) as api, server.api(database) as another:
            token = issue(api.settings, Caller(Role.SERVICE, "bench", AGENCY), timedelta(hours=2))
            sender = Sender([api.base, another.base], token)
            rates = await asyncio.to_thread(uvloop.run, _rates(database, sender, now))
            return [*rates, await _memory(sender, api.pid, now)]


async def _rates(database: str, sender: "Sender", now: datetime) -> list[Figure]:
    collect_garbage_rarely()
    direct, http = [], []
    numbers = itertools.count()
    async with open_pool(database, 1) as pool:
        for warm_up in (True, *(False for _ in range(ROUNDS))):
            batches = [batch(next(numbers), now) for _ in range(BATCHES)]
            bodies = [body(batch(next(numbers), now)) for _ in range(BATCHES)]
            took = await _seconds(_directly(pool, batches, now)), await _seconds(sender.all(bodies))
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


async def _seconds(work: Awaitable[None]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def _directly(pool: Pool, batches: Iterable[Sequence[Call]], now: datetime) -> None:
    for calls in batches:
        receipt = await record_calls(pool, AGENCY, calls, now)
        if any(verdict.result != "accepted" for verdict in receipt.verdicts):
            raise RuntimeError("a call was not accepted: what is measured is not ingest")


def batch(number: int, now: datetime) -> list[Call]:
    """Calls of the last hours, which nobody has sent before."""
    start = now - timedelta(hours=6) + timedelta(seconds=number % 10_000)
    return [
        Call(
            f"call-{number:06d}-{index:04d}",
            f"cli_{index % CLIENTS}",
            start + timedelta(seconds=index),
            30 + index % 300,
            Outcome.COMPLETED,
        )
        for index in range(BATCH)
    ]


def _cells(call: Call) -> tuple[str, str, str, int, str]:
    return call.call_id, call.client, call.started_at.isoformat(), call.duration_seconds, call.outcome.value


def body(calls: Iterable[Call]) -> bytes:
    """As a call engine sends them."""
    return json.dumps({"calls": [dict(zip(COLUMNS, _cells(call), strict=True)) for call in calls]}).encode()


class Sender:
    """Sends what was made ready before, over connections that stay open: as little work beside the server's as can
    be."""

    def __init__(self, bases: Sequence[str], token: str) -> None:
        self._bases = [urlsplit(base) for base in bases]
        self._token = token

    async def all(self, bodies: Sequence[bytes]) -> None:
        """Every body once, as many at a time as there are connections. Raises RuntimeError if a call is not taken."""
        waiting = iter(bodies)
        to = itertools.cycle(self._bases)
        await asyncio.gather(*(self._line(next(to), waiting) for _ in range(CONNECTIONS)))

    async def _line(self, to: SplitResult, waiting: Iterator[bytes]) -> None:
        async with self._connected(to) as (reader, writer):
            for sent in waiting:
                writer.write(self._head(to, "application/json", f"Content-Length: {len(sent)}") + sent)
                answer = await read_answer(reader)
                if answer["accepted"] != BATCH:
                    raise RuntimeError(f"not all was accepted, but {answer}")

    async def stream(self, pieces: Iterable[bytes]) -> dict[str, object]:
        """A CSV as it is made; the answer."""
        to = self._bases[0]
        async with self._connected(to) as (reader, writer):
            writer.write(self._head(to, "text/csv", "Transfer-Encoding: chunked"))
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return await read_answer(reader)

    @asynccontextmanager
    async def _connected(self, to: SplitResult) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(to.hostname, to.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    def _head(self, to: SplitResult, media_type: str, size: str) -> bytes:
        lines = (
            f"POST {PATH} HTTP/1.1",
            f"Host: {to.netloc}",
            f"Authorization: Bearer {self._token}",
            f"Content-Type: {media_type}",
            size,
        )
        return "\r\n".join((*lines, "", "")).encode()


async def read_answer(reader: asyncio.StreamReader) -> dict[str, object]:
    """The next answer's JSON. Raises RuntimeError for one that is no success."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    said: dict[str, object] = json.loads(await reader.readexactly(size))
    if " 200 " not in head.partition("\r\n")[0]:
        raise RuntimeError(f"refused: {said}")
    return said


async def _memory(sender: Sender, pid: int, now: datetime) -> Figure:
    """What the API's process holds at most, beyond what it held before, while it takes in the file."""
    before, begun = resident_bytes(pid), time.perf_counter()
    sending = asyncio.create_task(sender.stream(csv_pieces(now)))
    most = await most_resident_bytes(pid, sending)
    answer, took = await sending, time.perf_counter() - begun
    detail = f"{answer['accepted']:,} calls accepted in {took:,.0f} s; {before / 2**20:,.0f} MiB before"
    return Figure("memory for a CSV of 200 MiB", (most - before) / 2**20, "MiB", at_most=150, detail=detail)


def csv_pieces(now: datetime) -> Iterator[bytes]:
    """A file of calls that nobody has sent before, of almost as many bytes as are taken."""
    header = (",".join(COLUMNS) + "\r\n").encode()
    yield header
    sent = len(header)
    for first in itertools.count(0, PIECE_ROWS):
        rows = (
            (f"csv-{number:09d}", f"cli_{number % CLIENTS}", (now - timedelta(seconds=number % 80_000)).isoformat())
            for number in range(first, first + PIECE_ROWS)
        )
        piece = "".join(f"{id},{client},{at},61,completed\r\n" for id, client, at in rows).encode()
        sent += len(piece)
        if sent > CSV_BYTES:
            return
        yield piece
