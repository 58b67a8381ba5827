"""The worker process: waits for what it needs, works until it is told to stop, and lets go of nothing half done."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, NoReturn, TypeVar

from temporalio.client import Client, Interceptor
from temporalio.service import RPCError

from adapters.clock import clock_of
from adapters.logging import configure_logging
from adapters.postgres.pool import CONNECTION_LOST, Pool
from adapters.process import end
from adapters.settings import Settings, SettingsRefused, load_settings
from adapters.telemetry import tracing
from adapters.telemetry.scrape import Scrape, served
from adapters.telemetry.start import begin_telemetry
from adapters.temporal import TemporalAway, answering
from worker.compose import Parts, activities_of, messengers, real_parts
from worker.delivery import Carrier, Delivery, wait_for
from worker.events import Events
from worker.queues import limit_stripe_queue, workers
from worker.schedules import schedule_reconciliation, schedule_retention
from worker.starts import Starts

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 10.0

log = logging.getLogger(__name__)

T = TypeVar("T")


class NotReady(Exception):
    """Something that the worker needs is not there yet. The message says what."""


def main(
    *, client_interceptors: Sequence[Interceptor] = (), change: Callable[[Parts], Parts] = lambda parts: parts
) -> NoReturn:
    """Be the worker process. Its exit status: 0 stopped as asked, 1 could not go on, 2 refused to start.

    The sandbox passes an interceptor that stamps starts with its time; fault tests change the parts.
    """
    end(_status(client_interceptors, change))


def _status(client_interceptors: Sequence[Interceptor], change: Callable[[Parts], Parts]) -> int:
    try:
        settings = load_settings()
        begin_telemetry(settings, "retainer-worker")
    except SettingsRefused as refused:
        print(refused, file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    try:
        asyncio.run(run(settings, client_interceptors, change))
    except Exception:
        log.exception("the worker cannot go on")
        return 1
    finally:
        tracing.switch_off()
    return 0


async def run(settings: Settings, client_interceptors: Sequence[Interceptor], change: Callable[[Parts], Parts]) -> None:
    """Work until SIGTERM or SIGINT, then drain. Raises what made it impossible to go on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with real_parts(settings) as parts, _figures(settings, parts):
        if not await _until(stop, lambda: _database_ready(parts.pool)):
            return
        client = await _until(stop, lambda: _connected(client_interceptors))
        if client:
            await work(settings, change(parts), client, stop)
    log.info("stopped")


@contextlib.asynccontextmanager
async def _figures(settings: Settings, parts: Parts) -> AsyncIterator[None]:
    """Shown from the first moment, so that a worker which waits for something can be seen to."""
    if not settings.metrics_port:
        yield
        return
    async with served(Scrape(parts.pool, clock_of(settings)), settings.metrics_host, settings.metrics_port):
        yield


async def work(settings: Settings, parts: Parts, client: Client, stop: asyncio.Event) -> None:
    """Both queues and the delivery, until `stop` is set; then what is under way is brought to its end."""
    to_temporal: tuple[Carrier, ...] = (Starts(parts.pool, client, parts.clock), Events(parts, client))
    delivery = Delivery(settings.database_url.get_secret_value(), (*to_temporal, *messengers(settings, parts)))
    await limit_stripe_queue(client)
    await schedule_reconciliation(client, settings.reconcile_every)
    await schedule_retention(client, settings.retire_every)
    billing, stripe = workers(client, settings, activities_of(parts))
    async with billing, stripe:
        log.info("working", extra={"namespace": client.namespace, "identity": client.identity})
        # The delivery ends first: what it starts would only wait for another worker.
        await delivery.run(stop)
        log.info("draining", extra={"at_most_seconds": settings.worker_graceful_shutdown_seconds})


async def _until(stop: asyncio.Event, ready: Callable[[], Awaitable[T]]) -> T | None:
    """What `ready` answers once it no longer raises NotReady; none when we are told to stop before."""
    pause = _FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            return await ready()
        except NotReady as missing:
            log.warning("waiting: %s", missing)
        await wait_for(stop, pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return None


async def _database_ready(pool: Pool) -> bool:
    try:
        migrated = await pool.fetchval("SELECT to_regclass('outbox') IS NOT NULL")
    except CONNECTION_LOST as error:
        raise NotReady(f"PostgreSQL does not answer ({error})") from error
    if not migrated:
        raise NotReady("the database has no schema yet: run python -m adapters.postgres.migrate")
    return True


async def _connected(interceptors: Sequence[Interceptor]) -> Client:
    try:
        return await answering(interceptors)
    except TemporalAway as error:
        raise NotReady(f"Temporal does not answer ({error})") from error
    except RPCError as error:
        raise NotReady(f"Temporal refuses ({error.message})") from error
