"""`python -m api import-calls FILE.csv --agency AGENCY`: back-filling, straight into the database of the settings.

Calls are committed piece by piece. A checkpoint beside the file says how far the import has come, so that the command
goes on from there when it is run again; rejected rows are written to another file beside it, each once. Calls are
idempotent by their ids: those committed after the last checkpoint of a killed import are counted as duplicates.
"""

import asyncio
import csv
import hashlib
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.clock import clock_of
from adapters.postgres import agencies
from adapters.postgres.pool import CONNECTION_LOST, Pool, open_pool
from adapters.settings import Settings, load_settings
from api.reading_calls import COLUMNS
from api.reading_csv import PIECE, CallRows, NotCsv, Row, reports
from api.tally import recorded

ALL_TAKEN, SOME_REJECTED, NOT_ENDED = 0, 1, 2
"""The exit status."""
_TOLD_PERCENT: Final = 10
"""Where there is no terminal for a bar, a line is printed every so many percent."""


class Stopped(Exception):
    """The import can't go on. The message says why, and what can be done."""


class Checkpoint(msgspec.Struct):
    """How far an import has come, as it is kept beside the file: bytes, rows and lines that are done, and the verdicts.

    `rejected_bytes` is the length of the file of rejected rows at that point.
    """

    content: str
    agency: str
    bytes: int = 0
    rows: int = 0
    lines: int = 0
    header: Sequence[str] = ()
    accepted: int = 0
    duplicate: int = 0
    unbilled: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    blocked: list[str] = []


def main(file: Path, agency: str) -> int:
    """Import the file, or the rest of it; the exit status. Raises SettingsRefused."""
    settings = load_settings()
    try:
        done = asyncio.run(_import(settings, file, agency))
    except (Stopped, OSError) as error:
        print(error, file=sys.stderr)
        return NOT_ENDED
    except KeyboardInterrupt:
        print("Interrupted. Run it again to go on from there.", file=sys.stderr)
        return NOT_ENDED
    print(_summary(done, file))
    return SOME_REJECTED if done.rejected else ALL_TAKEN


async def _import(settings: Settings, file: Path, agency: str) -> Checkpoint:
    with file.open("rb") as source:
        content = hashlib.file_digest(source, "sha256").hexdigest()
        async with open_pool(settings.database_url.get_secret_value(), 1) as pool:
            try:
                if await agencies.agency(pool, agency) is None:
                    raise Stopped(f"--agency: there is no agency {agency}")
                return await _Import(pool, settings, file, _known(file, content, agency)).run(source)
            except CONNECTION_LOST as error:
                raise Stopped(f"The database went away ({error}). Run it again to go on from there.") from error
            except NotCsv as error:
                where = "the header: " if error.row is None else ""
                raise Stopped(f"{file}, line {error.line}: {where}{error.why}") from error


def _known(file: Path, content: str, agency: str) -> Checkpoint:
    """How far the import of this content for this agency has come. Other content begins anew, and so does an import
    whose rejected rows are missing."""
    try:
        known = msgspec.json.decode(_checkpoint_file(file).read_bytes(), type=Checkpoint)
        kept = _beside(file, ".rejected.csv").stat().st_size
    except (FileNotFoundError, msgspec.DecodeError):
        return Checkpoint(content, agency)
    goes_on = (known.content, known.agency) == (content, agency) and kept >= known.rejected_bytes
    return known if goes_on else Checkpoint(content, agency)


class _Import:
    def __init__(self, pool: Pool, settings: Settings, file: Path, done: Checkpoint) -> None:
        self._pool, self._clock, self._file, self._done = pool, clock_of(settings), file, done

    async def run(self, source: BinaryIO) -> Checkpoint:
        """Read from the checkpoint to the end."""
        done = self._done
        rows = CallRows(done.header, done.rows, done.lines)
        size = source.seek(0, os.SEEK_END)
        begun_at = source.seek(done.bytes)
        with _rejected_file(self._file, done) as rejected, _progress(self._file.name, size, begun_at) as tell:
            for piece in iter(lambda: source.read(PIECE), None):
                await self._take(rows.feed(piece) if piece else rows.end(), rows.header, rejected)
                done.bytes, done.header = begun_at + rows.taken, rows.header
                done.rows, done.lines = rows.row, rows.lines
                _save(self._file, done)
                tell(done.bytes)
                if not piece:
                    break
        _checkpoint_file(self._file).unlink()
        if not done.rejected:
            _beside(self._file, ".rejected.csv").unlink()
        return done

    async def _take(self, texts: Sequence[Row], header: Row, rejected: BinaryIO) -> None:
        done = self._done
        for first, read in reports(texts, header, done.rows):
            receipt, refused = await recorded(self._pool, done.agency, read, first, self._clock.now())
            for one in refused:
                cells = (str(one.index + 1), one.code, one.detail, *texts[one.index - done.rows])
                rejected.write(_line(cells))
            counted = Counter(verdict.result for verdict in receipt.verdicts)
            done.accepted += counted["accepted"]
            done.duplicate += counted["duplicate"]
            done.unbilled += counted["unbilled"]
            done.rejected += len(refused)
            done.blocked = sorted({*done.blocked, *receipt.blocked})
        rejected.flush()
        done.rejected_bytes = rejected.tell()


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name.removesuffix(".csv") + suffix)


def _checkpoint_file(file: Path) -> Path:
    return _beside(file, ".import.json")


def _save(file: Path, done: Checkpoint) -> None:
    """Replaced as a whole: a half-written checkpoint could not be read."""
    new = _beside(file, ".import.json.new")
    new.write_bytes(msgspec.json.encode(done))
    new.replace(_checkpoint_file(file))


def _rejected_file(file: Path, done: Checkpoint) -> BinaryIO:
    """The rejected rows up to the checkpoint: any that were written after it are written again."""
    opened = _beside(file, ".rejected.csv").open("r+b" if done.rejected_bytes else "w+b")
    opened.truncate(done.rejected_bytes)
    opened.seek(0, os.SEEK_END)
    if not done.rejected_bytes:
        opened.write(_line(("row", "code", "detail", *COLUMNS)))
        opened.flush()
    return opened


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


@contextmanager
def _progress(name: str, size: int, begun_at: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how many bytes are done: a bar on a terminal, otherwise a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(name, size, begun_at)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=size, completed=begun_at)
        yield lambda done: bar.update(task, completed=done)


def _lines(name: str, size: int, begun_at: int) -> Callable[[int], None]:
    told = _percent(begun_at, size)

    def tell(done: int) -> None:
        nonlocal told
        if (reached := _percent(done, size)) > told:
            told = reached
            print(f"{name}: {reached} %", file=sys.stderr, flush=True)

    return tell


def _percent(done: int, size: int) -> int:
    return 100 * done // max(size, 1) // _TOLD_PERCENT * _TOLD_PERCENT


def _summary(done: Checkpoint, file: Path) -> str:
    told = [
        f"{done.rows:,} rows of {file.name}: {done.accepted:,} accepted, {done.duplicate:,} duplicates, "
        f"{done.unbilled:,} unbilled, {done.rejected:,} rejected"
    ]
    if done.rejected:
        told.append(f"The rejected ones, with the reason of each: {_beside(file, '.rejected.csv')}")
    if done.blocked:
        told.append(f"Have no service now: {', '.join(done.blocked)}")
    return "\n".join(told)
