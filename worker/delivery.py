"""Carries what must reach Temporal: starts out of the outbox, news out of the inbox (architecture, "Stripe's events").
And what must reach people: messages, by mail and webhook (telling.py).

A plain loop, because its job is the time when the others are not there: rows wait in Postgres until they are carried,
and carrying one twice changes nothing. Any number of workers may do it at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

import asyncpg

from adapters.postgres import inbox, message_deliveries, outbox
from adapters.postgres.pool import CONNECTION_LOST
from adapters.temporal import TemporalAway

_CHANNELS: Final = (inbox.CHANNEL, outbox.CHANNEL, message_deliveries.CHANNEL)
_LOOK_SECONDS: Final = 0.25
"""How often the tables are looked at without a notification: for rows that were held, and for lost notifications."""
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_LONGEST_PATIENCE: Final = timedelta(minutes=5)
_CONNECT_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Carrier(Protocol):
    """Carries a batch of due rows; answers whether there may be more. Raises TemporalAway and CONNECTION_LOST."""

    async def carry(self) -> bool: ...


class Delivery:
    """The loop over its carriers, each at its own pace: an outage that stops one does not stop the others."""

    def __init__(self, dsn: str, carriers: Sequence[Carrier]) -> None:
        self._dsn = dsn
        self._carriers = carriers

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. A batch that is being carried is carried to its end."""
        bells = [asyncio.Event() for _ in self._carriers]

        def ring() -> None:
            for bell in bells:
                bell.set()

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(_listen(self._dsn, ring))
            for carrier, bell in zip(self._carriers, bells, strict=True):
                tasks.create_task(_keep_carrying(carrier, bell, stop))
            await stop.wait()
            ring()
            listening.cancel()


async def _keep_carrying(carrier: Carrier, bell: asyncio.Event, stop: asyncio.Event) -> None:
    pause = 0.0
    while not stop.is_set():
        bell.clear()  # before the tables are looked at: what comes from here on rings again
        try:
            more = await carrier.carry()
            pause = 0.0
        except (TemporalAway, *CONNECTION_LOST) as error:
            pause = longer(pause)
            log.warning("nothing can be delivered: %s", error, extra={"again_in_seconds": pause})
        except Exception:
            # A defect must not take the activities of this process with it; the rows are kept.
            pause = longer(pause)
            log.exception("delivery failed", extra={"again_in_seconds": pause})
        if pause:
            await wait_for(stop, pause)
        elif not more:
            await wait_for(bell, _LOOK_SECONDS)


async def _listen(dsn: str, ring: Callable[[], None]) -> None:
    """Ring at every notification, on a connection of its own that is made again whenever it is lost."""
    while True:
        try:
            connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
            try:
                await _ring_until_lost(connection, ring)
            finally:
                connection.terminate()
        except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
            log.warning("not listening for notifications: %s", error)
        await asyncio.sleep(_FIRST_PAUSE_SECONDS)


async def _ring_until_lost(connection: asyncpg.Connection, ring: Callable[[], None]) -> None:
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    for channel in _CHANNELS:
        await connection.add_listener(channel, lambda *_: ring())
    await lost.wait()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after so many seconds of the system's clock."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def longer(pause: float) -> float:
    """The pause after this one: 1, 2, 4 … 30 s."""
    return min(max(2 * pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)


def patience(attempts: int) -> timedelta:
    """How long a row that fails for itself waits: 2, 4, 8 s … 5 min."""
    return min(timedelta(seconds=2 ** min(attempts, 10)), _LONGEST_PATIENCE)
