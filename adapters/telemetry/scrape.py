"""What is answered to a scrape: the process's own figures and the database's, in the format that was asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from adapters.clock import FileClock, WallClock
from adapters.postgres import vitals
from adapters.postgres.pool import Pool
from adapters.telemetry import metrics
from adapters.telemetry.vitals import PATIENCE_SECONDS, VitalFigures

_BRIDGE_SECONDS: Final = 2 * PATIENCE_SECONDS


class Scrape:
    """One process's figures."""

    def __init__(self, pool: Pool, clock: WallClock | FileClock) -> None:
        self.vitals = VitalFigures(lambda: vitals.read(pool, clock.now()))
        self.registry = CollectorRegistry()
        self.registry.register(metrics.REGISTRY)
        self.registry.register(self.vitals)
        ProcessCollector(registry=self.registry)

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type. In a thread: a thousand lines may not keep a request waiting."""
        await self.vitals.refresh()
        encode, content_type = choose_encoder(accept)
        return await asyncio.to_thread(encode, self.registry), content_type


@contextlib.asynccontextmanager
async def served(scrape: Scrape, host: str, port: int) -> AsyncIterator[int]:
    """Serve the figures inside the block, in a thread of the library's own; yields the port. OSError when it is taken.

    The loop is asked for the database's figures. While it answers nobody, they are left out.
    """
    bridge = CollectorRegistry()
    bridge.register(_Bridge(scrape, asyncio.get_running_loop()))
    server, _ = start_http_server(port, host, bridge)
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _Bridge(Collector):
    def __init__(self, scrape: Scrape, loop: asyncio.AbstractEventLoop) -> None:
        self._scrape = scrape
        self._loop = loop

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        asking = asyncio.run_coroutine_threadsafe(self._scrape.vitals.refresh(), self._loop)
        try:
            asking.result(_BRIDGE_SECONDS)
        except TimeoutError:
            asking.cancel()
        yield from self._scrape.registry.collect()
