"""`python -m api import-calls FILE.csv --agency AGENCY`: back-filling, straight into the database of the settings.

What is taken in is committed piece by piece. Beside the file stands how far it came, so that the command goes on there
when it is run again, and what was rejected, each row once. Calls are idempotent by their ids: what a kill leaves
between a commit and that note is told as duplicates.
"""

import asyncio
import csv
import hashlib
import io
import os
import sys
from collections.abc import Sequence
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
from api.reading_csv import CallRows, NotCsv
from api.tally import Rejected, recorded

ALL_TAKEN, SOME_REJECTED, NOT_ENDED = 0, 1, 2
"""The exit status."""
PIECE: Final = 192 * 1024
"""Read at a time, in bytes: some 2,500 calls, each piece one report."""


class Stopped(Exception):
    """It can't go on. The message says why, and what can be done."""


class Progressed(msgspec.Struct):
    """How far an import has come, as it is kept beside the file: bytes and rows that are done, and their verdicts.

    `rejected_bytes` is the length of the file of rejected rows up to there.
    """

    content: str
    agency: str
    bytes: int = 0
    rows: int = 0
    header: Sequence[str] | None = None
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


async def _import(settings: Settings, file: Path, agency: str) -> Progressed:
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
                raise Stopped(f"{file}: {error}. What came before was taken.") from error


def _known(file: Path, content: str, agency: str) -> Progressed:
    """How far this very content came for this agency; another one begins anew."""
    try:
        known = msgspec.json.decode(_note(file).read_bytes(), type=Progressed)
    except (FileNotFoundError, msgspec.DecodeError):
        return Progressed(content, agency)
    return known if (known.content, known.agency) == (content, agency) else Progressed(content, agency)


class _Import:
    def __init__(self, pool: Pool, settings: Settings, file: Path, done: Progressed) -> None:
        self._pool, self._clock, self._file, self._done = pool, clock_of(settings), file, done

    async def run(self, source: BinaryIO) -> Progressed:
        """Read on from where it stood, to the end."""
        done = self._done
        rows = CallRows(done.header, done.rows)
        size = source.seek(0, os.SEEK_END)
        source.seek(done.bytes)
        begun_at = done.bytes
        with _rejected_file(self._file, done) as rejected, _bar() as bar:
            task = bar.add_task(self._file.name, total=size, completed=done.bytes)
            for piece in iter(lambda: source.read(PIECE), None):
                first = rows.row
                read = rows.feed(piece) if piece else rows.end()
                receipt, refused = await recorded(self._pool, done.agency, read, first, self._clock.now())
                _append(rejected, refused, rows.texts, first)
                done.bytes, done.rows, done.header = begun_at + rows.taken, rows.row, rows.header
                for verdict in receipt.verdicts:
                    if verdict.result != "rejected":
                        setattr(done, verdict.result, getattr(done, verdict.result) + 1)
                done.rejected += len(refused)
                done.rejected_bytes = rejected.tell()
                done.blocked = sorted({*done.blocked, *receipt.blocked})
                if not piece:
                    break
                _keep(self._file, done)
                bar.update(task, completed=done.bytes)
        _note(self._file).unlink(missing_ok=True)
        if not done.rejected:
            _beside(self._file, ".rejected.csv").unlink()
        return done


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name.removesuffix(".csv") + suffix)


def _note(file: Path) -> Path:
    return _beside(file, ".import.json")


def _keep(file: Path, done: Progressed) -> None:
    """Whole or not at all: a half-written note would be none."""
    new = _beside(file, ".import.json.new")
    new.write_bytes(msgspec.json.encode(done))
    new.replace(_note(file))


def _rejected_file(file: Path, done: Progressed) -> BinaryIO:
    """The rejected rows up to where it stood: what a kill left behind them is written again."""
    opened = _beside(file, ".rejected.csv").open("r+b" if done.rejected_bytes else "w+b")
    opened.truncate(done.rejected_bytes)
    opened.seek(0, os.SEEK_END)
    if not done.rejected_bytes:
        opened.write(_line(("row", "code", "detail", *COLUMNS)))
        opened.flush()
    return opened


def _append(rejected: BinaryIO, refused: Sequence[Rejected], texts: Sequence[Sequence[str]], first: int) -> None:
    for one in refused:
        rejected.write(_line((str(one.index + 1), one.code, one.detail, *texts[one.index - first])))
    rejected.flush()


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _summary(done: Progressed, file: Path) -> str:
    told = [
        f"{done.rows:,} rows of {file.name}: {done.accepted:,} accepted, {done.duplicate:,} duplicates, "
        f"{done.unbilled:,} unbilled, {done.rejected:,} rejected"
    ]
    if done.rejected:
        told.append(f"The rejected ones, with the reason of each: {_beside(file, '.rejected.csv')}")
    if done.blocked:
        told.append(f"Have no service now: {', '.join(done.blocked)}")
    return "\n".join(told)
