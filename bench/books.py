"""A durable PostgreSQL server, and processes of ours on databases of it. Without Temporal: calls taken in and usage
read ask nothing of it, and it would use the same cores.
"""

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from adapters.postgres.migrate import migrate
from adapters.settings import Settings
from bench.house import as_deployed
from sandbox.caller import READY_SECONDS, http_client
from sandbox.child import Program, running
from sandbox.home import Home, Kept
from sandbox.ports import free_port
from sandbox.postgres import dsn, running_postgres
from sandbox.stack import url


@dataclass(frozen=True)
class Api:
    """A running API process, and the settings that it has its tokens checked by."""

    base: str
    pid: int
    settings: Settings


@dataclass(frozen=True)
class Books:
    """A running server."""

    home: Home
    kept: Kept

    async def database(self, name: str) -> str:
        """Make a database with the newest schema; its DSN."""
        port = self.kept.ports["postgres"]
        connection = await asyncpg.connect(dsn(port))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        await migrate(dsn(port, name))
        return dsn(port, name)

    def env(self, database: str) -> dict[str, str]:
        """The settings of a process on this database."""
        return as_deployed(self.home, self.kept, database)

    @asynccontextmanager
    async def api(self, database: str) -> AsyncIterator[Api]:
        """An API process on this database answers inside the block: one of several, each at a port of its own."""
        kept = replace(self.kept, ports={**self.kept.ports, "api": free_port()})
        base, env = url(kept, "api"), as_deployed(self.home, kept, database)

        async def ready() -> bool:
            async with http_client(base, READY_SECONDS) as http:
                return (await http.get("/livez")).is_success

        log = self.home.logs / f"api-{kept.ports['api']}.log"
        async with running(Program("api", (sys.executable, "-m", "api"), log, ready, env)) as child:
            settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
            yield Api(base, child.pid, settings)


@asynccontextmanager
async def books() -> AsyncIterator[Books]:
    """A fresh server inside the block."""
    with tempfile.TemporaryDirectory(prefix="retainer-bench-") as folder:
        home = Home(Path(folder))
        kept = home.open()
        home.assign_ports(kept, 0)
        async with running_postgres(home.postgres, kept.ports["postgres"]):
            yield Books(home, kept)
