"""Everything that the sandbox runs: which processes, with which settings, in which order."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.client import Client

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import open_pool
from adapters.settings import Settings
from adapters.temporal import connect, describe_queue
from sandbox import temporal
from sandbox.caller import READY_SECONDS, http_client
from sandbox.child import Program, Ready
from sandbox.clock import TimeMachine
from sandbox.emulator import Emulator, emulator_program
from sandbox.home import Home, Kept
from sandbox.mail import mail_program
from sandbox.postgres import dsn, postgres_program, prepare
from sandbox.processes import Supervisor, sole_owner
from sandbox.queues import Watch
from sandbox.run import CONTROL_URL, GRACE_SECONDS
from sandbox.runs import Runs
from sandbox.stripe.oauth import client_id_of

DATABASE = "retainer"
LOOPBACK = "127.0.0.1"
MAIL_FROM = "billing@retainer.example"
STICKY_SECONDS = 1
"""How long Temporal keeps a workflow for a worker that may be dead: production's 10 s would be felt here."""
LEASE_SECONDS = 3
"""Of a message that a worker died with, likewise: nothing here takes longer to send one."""
PROCESSES = ("worker", "api", "stripe", "temporal", "postgres", "mail")
WORKER = ("-m", "sandbox.run", "worker")
API = ("-m", "sandbox.run", "api")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, and what its control calls work with."""

    home: Home
    kept: Kept
    settings: Settings
    supervisor: Supervisor
    pool: asyncpg.Pool
    temporal: Client
    emulator: Emulator
    machine: TimeMachine

    def url(self, server: str) -> str:
        return url(self.kept, server)


@contextlib.asynccontextmanager
async def running_sandbox(
    home: Home, *, port: int, fresh: bool, worker: Sequence[str] = WORKER
) -> AsyncIterator[Sandbox]:
    """Everything up and ready inside the block, stopped after it. `port` is the API's; 0 takes any.

    `worker` is what Python is told to run as the worker: fault tests run one that dies when it is told to.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        left_behind = stack.enter_context(sole_owner(home))
        if left_behind:
            print(f"stopped what an earlier run had left in {home.folder}: {', '.join(left_behind)}", file=sys.stderr)
        if fresh:
            home.clear()
        kept = home.open()
        home.assign_ports(kept, port)
        settings = Settings.model_validate({name.lower(): value for name, value in environment(home, kept).items()})
        supervisor = Supervisor(home)
        stack.push_async_callback(supervisor.stop)
        yield await _start(stack, home, kept, settings, supervisor, worker)


async def _start(
    stack: contextlib.AsyncExitStack,
    home: Home,
    kept: Kept,
    settings: Settings,
    supervisor: Supervisor,
    worker: Sequence[str],
) -> Sandbox:
    await _start_servers(home, kept, supervisor)
    pool = await stack.enter_async_context(open_pool(settings.database_url.get_secret_value()))
    client = await connect(_temporal_address(kept))
    emulator = Emulator(url(kept, "stripe"), kept.secrets.stripe_api_key)
    stack.push_async_callback(emulator.close)
    await emulator.send_events_to(
        url(kept, "api"), platform_secret=kept.secrets.webhook, connect_secret=kept.secrets.connect_webhook
    )
    await _side_by_side(
        supervisor.start(lambda: _worker(home, kept, client, worker)), supervisor.start(lambda: _api(home, kept))
    )
    machine = TimeMachine(home, Runs(client), Watch(pool, emulator).look)
    return Sandbox(home, kept, settings, supervisor, pool, client, emulator, machine)


async def _start_servers(home: Home, kept: Kept, supervisor: Supervisor) -> None:
    """The servers that production would have elsewhere, and the database's schema."""
    ports, key, clock = kept.ports, kept.secrets.stripe_api_key, home.clock_file
    await _side_by_side(
        _start_postgres(home, ports["postgres"], supervisor),
        supervisor.start(
            lambda: temporal.temporal_program(
                home.temporal, ports["temporal"], home.logs / "temporal.log", ui_port=ports["temporal_ui"]
            )
        ),
        supervisor.start(lambda: emulator_program(home.stripe, ports["stripe"], key, clock, home.logs / "stripe.log")),
        supervisor.start(lambda: mail_program(home.mail, ports["mail"], clock, home.logs / "mail.log")),
    )


async def _side_by_side(*starts: Coroutine[Any, Any, None]) -> None:
    """Return when all have come to an end, also when one fails: what was started after that nobody would stop."""
    for ended in await asyncio.gather(*starts, return_exceptions=True):
        if ended:
            raise ended


async def _start_postgres(home: Home, port: int, supervisor: Supervisor) -> None:
    await prepare(home.postgres)
    await supervisor.start(lambda: postgres_program(home.postgres, port, home.logs / "postgres.log"))
    await _create_database(port)


async def _create_database(port: int) -> None:
    connection = await asyncpg.connect(dsn(port))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    await migrate(dsn(port, DATABASE))


def environment(home: Home, kept: Kept) -> dict[str, str]:
    """The settings of worker and API, by the names of their variables."""
    return {
        "RETAINER_ENVIRONMENT": "sandbox",
        "SANDBOX_CLOCK_FILE": str(home.clock_file),
        "DATABASE_URL": dsn(kept.ports["postgres"], DATABASE),
        "STRIPE_API_KEY": kept.secrets.stripe_api_key,
        "STRIPE_API_BASE": url(kept, "stripe"),
        "STRIPE_WEBHOOK_SECRET": kept.secrets.webhook,
        "STRIPE_CONNECT_WEBHOOK_SECRET": kept.secrets.connect_webhook,
        "STRIPE_CLIENT_ID": client_id_of(kept.secrets.stripe_api_key),
        "LINK_SECRET": kept.secrets.links,
        "SECRETS_KEY": kept.secrets.sealing,
        "SMTP_HOST": LOOPBACK,
        "SMTP_PORT": str(kept.ports["mail"]),
        "SMTP_TLS": "none",
        "MAIL_FROM": MAIL_FROM,
        "JWT_ISSUER": "retainer-sandbox",
        "JWT_SECRET": kept.secrets.jwt,
        "PUBLIC_BASE_URL": url(kept, "api"),
        "SIGN_IN_URL": url(kept, "control"),
        CONTROL_URL: url(kept, "control"),
        "API_HOST": LOOPBACK,
        "API_PORT": str(kept.ports["api"]),
        "WORKER_STICKY_TIMEOUT_SECONDS": str(STICKY_SECONDS),
        "WORKER_MESSAGE_LEASE_SECONDS": str(LEASE_SECONDS),
        "WORKER_GRACEFUL_SHUTDOWN_SECONDS": str(GRACE_SECONDS),
        "TEMPORAL_ADDRESS": _temporal_address(kept),
        "TEMPORAL_NAMESPACE": temporal.NAMESPACE,
    }


def url(kept: Kept, server: str) -> str:
    return f"http://{LOOPBACK}:{kept.ports[server]}"


def _temporal_address(kept: Kept) -> str:
    return temporal.address(kept.ports["temporal"])


def _worker(home: Home, kept: Kept, client: Client, told: Sequence[str]) -> Program:
    return _ours("worker", told, home, kept, lambda: _polled(client))


def _api(home: Home, kept: Kept) -> Program:
    return _ours("api", API, home, kept, lambda: _is_up(url(kept, "api")))


def _ours(name: str, told: Sequence[str], home: Home, kept: Kept, ready: Ready) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, *told),
        log=home.logs / f"{name}.log",
        ready=ready,
        env=environment(home, kept),
    )


async def _is_up(api: str) -> bool:
    async with http_client(api, READY_SECONDS) as http:
        return (await http.get("/readyz")).is_success


async def _polled(client: Client) -> bool:
    """Whether somebody works on both task queues."""
    for queue in (BILLING_QUEUE, STRIPE_QUEUE):
        described = await describe_queue(client, queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        if not described.pollers:
            return False
    return True
