"""What all tests share: the real servers, started once per test session, and the one way to wait for something."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from support.servers import Eventually, StripeServer

from sandbox.child import running
from sandbox.clock import pause_after
from sandbox.emulator import emulator_program
from sandbox.ports import free_port
from sandbox.postgres import running_postgres
from sandbox.temporal import running_temporal

pytest_plugins = ["support.databases", "support.sandboxes"]

T = TypeVar("T")


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    async def wait(ask: Callable[[], Awaitable[T]], *, seconds: float = 20.0) -> T:
        began_at = time.monotonic()
        while not (answer := await ask()):
            waited_seconds = time.monotonic() - began_at
            assert waited_seconds < seconds, f"not within {seconds:g} s; the last answer was {answer!r}"
            await asyncio.sleep(pause_after(waited_seconds))
        return answer

    return wait


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where this session's servers keep their data. Not pytest's own folder: it is closed to other users, and
    PostgreSQL runs as another one when we are root."""
    with tempfile.TemporaryDirectory(prefix="retainer-servers-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
async def postgres_server(servers_folder: Path) -> AsyncIterator[str]:
    """The superuser's DSN of a PostgreSQL server of this session's own."""
    async with running_postgres(servers_folder / "postgres", durable=False) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def temporal_address(servers_folder: Path) -> AsyncIterator[str]:
    """The address of a Temporal server of this session's own, with our search attributes and time skipping."""
    async with running_temporal(servers_folder / "temporal") as address:
        yield address


@pytest.fixture(scope="session")
async def stripe_server(servers_folder: Path) -> AsyncIterator[StripeServer]:
    server = StripeServer(f"http://127.0.0.1:{(port := free_port())}", "sk_test_shared", servers_folder / "clock")
    server.clock_file.write_text("0")
    log = servers_folder / "stripe.log"
    async with running(emulator_program(servers_folder / "stripe", port, server.api_key, server.clock_file, log)):
        yield server


_status: list[int] = []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A program whose Temporal server was killed may abort while the interpreter ends, whatever it had done."""
    if _status and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1])
