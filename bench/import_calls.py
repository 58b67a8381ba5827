"""The memory of `python -m api import-calls` while it takes in a file of 200 MiB: all that the process holds."""

import asyncio
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.postgres.pool import open_pool
from api import import_calls
from bench.books import books
from bench.calls import csv_pieces, furnish_callers
from bench.figures import MIB, Figure
from bench.house import most_resident_bytes
from sandbox.child import Child, Program


async def measured() -> list[Figure]:
    """Of a process of its own, on a fresh server."""
    now = datetime.now(UTC)
    async with books() as server:
        database = await server.database("imported")
        async with open_pool(database, 1) as pool:
            agency = await furnish_callers(pool, now - timedelta(days=60), now + timedelta(days=20))
        file, log = server.home.folder / "calls.csv", server.home.logs / "import.log"
        size = _written(file, csv_pieces(now))
        told = ("-m", "api", "import-calls", str(file), "--agency", agency.id)
        begun = time.perf_counter()
        child = await Child.start(Program("import", (sys.executable, *told), log, _at_once, server.env(database)))
        try:
            most = await most_resident_bytes(child.pid, asyncio.create_task(child.process.wait()))
        finally:
            await child.stop()
        if child.process.returncode != import_calls.ALL_TAKEN:
            raise RuntimeError(f"not all was taken: {log.read_text()}")
        detail = f"{size / MIB:,.0f} MiB in {time.perf_counter() - begun:,.0f} s: {log.read_text().splitlines()[-1]}"
        return [Figure("memory of import-calls, 200 MiB", most / MIB, "MiB", at_most=150, detail=detail)]


def _written(file: Path, pieces: Iterable[bytes]) -> int:
    with file.open("wb") as target:
        target.writelines(pieces)
        return target.tell()


async def _at_once() -> bool:
    return True
