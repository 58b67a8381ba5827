"""Fresh servers for a benchmark: PostgreSQL as durable as in production, Temporal, and processes of ours on them."""

import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]
from temporalio.client import Client

from adapters.postgres.migrate import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.settings import Settings
from adapters.temporal import connect
from sandbox.caller import READY_SECONDS, http_client
from sandbox.child import Child, Program, running
from sandbox.emulator import Emulator, emulator_program
from sandbox.home import Home, Kept
from sandbox.postgres import running_postgres
from sandbox.stack import environment, url
from sandbox.temporal import address, temporal_program

POOL_SIZE: Final = 8
WORKING: Final = '"message": "working"'
"""What a worker logs when it works on both queues."""
DEADLOCK: Final = "TMPRL1101"
"""How Temporal's own warning of a blocked workflow task begins: "Potential deadlock"."""
_OF_THE_SANDBOX: Final = ("SANDBOX_CLOCK_FILE", "WORKER_STICKY_TIMEOUT_SECONDS", "WORKER_GRACEFUL_SHUTDOWN_SECONDS")
"""Left as they are in production: the wall's clock, and Temporal's 10 s."""
_LOOK_SECONDS: Final = 0.05
_NUMBERS: Final = itertools.count(1)


@dataclass
class Pace:
    """How fast these servers get workflows idle, in seconds for each: measured anew each time."""

    idle_after_seconds: float = 0.05


@dataclass(frozen=True)
class House:
    """Running servers, and how processes of ours are run on them."""

    home: Home
    kept: Kept
    env: Mapping[str, str]
    settings: Settings
    pool: Pool
    temporal: Client
    server: Child
    """Temporal's process."""
    emulator: Emulator | None = None
    pace: Pace = field(default_factory=Pace)

    @asynccontextmanager
    async def worker(self, *module: str) -> AsyncIterator[Child]:
        """`python -m …` works on both queues inside the block."""
        log = self.home.logs / f"worker-{next(_NUMBERS)}.log"

        async def ready() -> bool:
            return WORKING in log.read_text()

        async with running(Program("worker", (sys.executable, "-m", *module), log, ready, self.env)) as child:
            yield child

    @asynccontextmanager
    async def api(self) -> AsyncIterator[tuple[str, Child]]:
        """The API process answers inside the block; its address, and itself."""
        base = url(self.kept, "api")

        async def ready() -> bool:
            async with http_client(base, READY_SECONDS) as http:
                return (await http.get("/readyz")).is_success

        program = Program("api", (sys.executable, "-m", "api"), self.home.logs / "api.log", ready, self.env)
        async with running(program) as child:
            yield base, child


@asynccontextmanager
async def house(*, stripe: bool = False) -> AsyncIterator[House]:
    """Fresh servers inside the block; with the Stripe emulator if `stripe`."""
    with tempfile.TemporaryDirectory(prefix="retainer-bench-") as folder:
        home = Home(Path(folder))
        kept = home.open()
        home.assign_ports(kept, 0)
        async with AsyncExitStack() as stack:
            dsn = await stack.enter_async_context(running_postgres(home.postgres, kept.ports["postgres"]))
            await migrate(dsn)
            server = await stack.enter_async_context(
                running(temporal_program(home.temporal, kept.ports["temporal"], home.logs / "temporal.log"))
            )
            emulator = await _emulator(stack, home, kept) if stripe else None
            env = as_deployed(home, kept, dsn)
            settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
            pool = await stack.enter_async_context(open_pool(dsn, POOL_SIZE))
            client = await connect(address(kept.ports["temporal"]))
            yield House(home, kept, env, settings, pool, client, server, emulator)


def as_deployed(home: Home, kept: Kept, dsn: str) -> dict[str, str]:
    """The settings of our processes on this database, as in production but for where the servers are."""
    env = {name: value for name, value in environment(home, kept).items() if name not in _OF_THE_SANDBOX}
    # Compiled as where it is deployed: each workflow run loads the workflow's module anew.
    return {**env, "DATABASE_URL": dsn, "PYTHONDONTWRITEBYTECODE": ""}


async def _emulator(stack: AsyncExitStack, home: Home, kept: Kept) -> Emulator:
    key, port = kept.secrets.stripe_api_key, kept.ports["stripe"]
    program = emulator_program(home.stripe, port, key, home.clock_file, home.logs / "stripe.log")
    await stack.enter_async_context(running(program))
    emulator = Emulator(url(kept, "stripe"), key)
    stack.push_async_callback(emulator.close)
    return emulator


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used of the CPUs since they began."""
    times = [process.cpu_times() for process in _tree(pid)]
    return float(sum(used.user + used.system for used in times))


def resident_bytes(pid: int) -> int:
    """The memory that a process and its children hold now."""
    return int(sum(process.memory_info().rss for process in _tree(pid)))


async def most_resident_bytes(pid: int, work: asyncio.Task[Any]) -> int:
    """The most memory that a process and its children were seen to hold before the work was done. Looks only: whether
    the work went well is for the caller to ask."""
    most = resident_bytes(pid)
    while not work.done():
        with contextlib.suppress(psutil.NoSuchProcess):  # it may be the end of the process that ends the work
            most = max(most, resident_bytes(pid))
        await asyncio.wait([work], timeout=_LOOK_SECONDS)
    return most


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
