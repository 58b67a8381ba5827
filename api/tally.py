"""The verdicts on calls, counted as they come; rejected calls are kept, to be listed in the answer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Final, Self

import msgspec
from starlette.responses import Response, StreamingResponse

from adapters.postgres.calls import Call
from adapters.postgres.pool import Pool
from adapters.postgres.usage import Receipt, record_calls
from adapters.telemetry import metrics
from api.reading_calls import InvalidCall, Read

_IN_MEMORY: Final = 1024 * 1024
_PIECE: Final = 64 * 1024


class Rejected(msgspec.Struct, frozen=True):
    """A call that was not taken. `index` counts what was sent from 0."""

    index: int
    call_id: str | None
    code: str
    detail: str


async def recorded(
    pool: Pool, agency: str, read: Sequence[Read], first: int, now: datetime
) -> tuple[Receipt, list[Rejected]]:
    """Record what could be read: the receipt, and all that was rejected, in order. `first` is the index of the
    first."""
    calls = [one for one in read if isinstance(one, Call)]
    receipt = await record_calls(pool, agency, calls, now)
    results = Counter(verdict.result for verdict in receipt.verdicts)
    for result, count in (*results.items(), ("unreadable", len(read) - len(calls))):
        metrics.USAGE_CALLS.labels(result).inc(count)
    if results["rejected"] or len(calls) < len(read):
        return receipt, list(_rejected(read, first, receipt))
    return receipt, []


def _rejected(read: Sequence[Read], first: int, receipt: Receipt) -> Iterator[Rejected]:
    verdicts = iter(receipt.verdicts)
    for index, one in enumerate(read, first):
        if isinstance(one, InvalidCall):
            yield Rejected(index, one.call_id, "invalid", one.detail)
        elif (verdict := next(verdicts)).result == "rejected":
            yield Rejected(index, one.call_id, verdict.code or "invalid", verdict.detail or "")


class Tally:
    """The answer as it grows: the counts, the rejected calls (on disk once they are many), and who is blocked.

    Used as `with Tally() as tally`: an error before the answer discards what was kept.
    """

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.blocked: set[str] = set()
        self._rejected: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._rejected.close()

    async def take(self, pool: Pool, agency: str, read: Sequence[Read], first: int, now: datetime) -> None:
        """Take in what was read, and count it."""
        if not read:
            return
        receipt, rejected = await recorded(pool, agency, read, first, now)
        self.results.update(verdict.result for verdict in receipt.verdicts)
        self.blocked.update(receipt.blocked)
        for one in rejected:
            self._rejected.write(b"," if self._rejected.tell() else b"")
            self._rejected.write(msgspec.json.encode(one))

    def answer(self) -> Response:
        """All of it as JSON, in one piece that can be remembered: for what has a limit. The tally can take no more."""
        return Response(b"".join(self._parts()), media_type="application/json")

    def streamed(self) -> Response:
        """All of it as JSON, however much it is. The tally can take no more."""
        return StreamingResponse(self._parts(), media_type="application/json")

    def _parts(self) -> Iterator[bytes]:
        accepted, duplicates, unbilled = (self.results[name] for name in ("accepted", "duplicate", "unbilled"))
        with self._rejected as told:
            told.seek(0)
            yield b'{"accepted":%d,"duplicates":%d,"unbilled":%d,"rejected":[' % (accepted, duplicates, unbilled)
            while piece := told.read(_PIECE):
                yield piece
            yield b'],"blocked":%b}' % msgspec.json.encode(sorted(self.blocked))
