"""What the benchmarks of ingest share: the clients, calls that nobody has sent before, and taking them in."""

import itertools
import json
import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.calls import Call
from adapters.postgres.pool import Pool
from adapters.postgres.usage import record_calls
from api.reading_calls import COLUMNS
from bench.estate import Agency, furnish_agencies, subscribe
from bench.figures import MIB
from billing.usage import Outcome

BATCH: Final = 500
CLIENTS: Final = 10
CSV_BYTES: Final = 200 * MIB
"""As much as is taken."""
_PIECE_ROWS: Final = 2_000


async def furnish_callers(pool: Pool, at: datetime, closing_at: datetime) -> Agency:
    """An agency, made at `at`, whose clients are in a period that is closed at `closing_at`."""
    [agency] = await furnish_agencies(pool, ["acct_bench"], at)
    await subscribe(pool, agency, [str(number) for number in range(CLIENTS)], closing_at)
    return agency


def batch(number: int, start: datetime) -> list[Call]:
    """Calls of each client in turn, one a second from `start` on. Another number gives other calls."""
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


async def take_in(pool: Pool, agency: str, calls: Sequence[Call], now: datetime, *, expected: str = "accepted") -> None:
    """Report the calls without HTTP. Raises RuntimeError when a verdict is another one than `expected`."""
    receipt = await record_calls(pool, agency, calls, now)
    if any(verdict.result != expected for verdict in receipt.verdicts):
        raise RuntimeError(f"a call was not {expected}: what is measured is something else")


async def seconds(work: Awaitable[None]) -> float:
    """How long the work takes."""
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


def json_body(calls: Iterable[Call]) -> bytes:
    """As a call engine sends them."""
    return json.dumps({"calls": [dict(zip(COLUMNS, _cells(call), strict=True)) for call in calls]}).encode()


def _cells(call: Call) -> tuple[str, str, str, int, str]:
    return call.call_id, call.client, call.started_at.isoformat(), call.duration_seconds, call.outcome.value


def csv_pieces(now: datetime) -> Iterator[bytes]:
    """A file of calls, of almost as many bytes as are taken."""
    header = (",".join(COLUMNS) + "\r\n").encode()
    yield header
    sent = len(header)
    for first in itertools.count(0, _PIECE_ROWS):
        rows = (
            (f"csv-{number:09d}", f"cli_{number % CLIENTS}", (now - timedelta(seconds=number % 80_000)).isoformat())
            for number in range(first, first + _PIECE_ROWS)
        )
        piece = "".join(f"{id},{client},{at},61,completed\r\n" for id, client, at in rows).encode()
        sent += len(piece)
        if sent > CSV_BYTES:
            return
        yield piece
