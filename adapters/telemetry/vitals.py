"""The database's figures in a scrape: as fresh as a few seconds, and never waited for longer than that.

A database that is away, or slow, leaves its figures out, so that an alert on a value cannot take the last one for the
present one; `retainer_database_up` says why.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.postgres.vitals import Vitals, Waiting

FRESH_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 2.0
_STALE_SECONDS: Final = FRESH_SECONDS + 2 * PATIENCE_SECONDS

log = logging.getLogger(__name__)


class VitalFigures(Collector):
    """What `read` last answered, as gauges. `refresh` is called before each scrape, in the process's own loop."""

    def __init__(self, read: Callable[[], Awaitable[Vitals]]) -> None:
        self._read = read
        self._reading: asyncio.Task[None] | None = None
        self._known: Vitals | None = None
        self._read_at = 0.0

    async def refresh(self) -> None:
        """Have figures that are fresh, or none. One question at a time, however many scrapes wait for it."""
        if self._known and time.monotonic() - self._read_at < FRESH_SECONDS:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._ask())
        _, late = await asyncio.wait({self._reading}, timeout=PATIENCE_SECONDS)
        if late:
            self._known = None

    async def _ask(self) -> None:
        try:
            self._known = await self._read()
            self._read_at = time.monotonic()
        except Exception as error:  # whatever it is, there are no figures
            self._known = None
            log.warning("the database's figures could not be read", extra={"why": type(error).__name__})

    def describe(self) -> Iterator[Metric]:
        """Nothing: what is here depends on the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        # A loop that answers nobody has refreshed nothing.
        known = self._known if time.monotonic() - self._read_at < _STALE_SECONDS else None
        yield _gauge("database_up", "Whether the database answered this scrape.", 0 if known is None else 1)
        if known is None:
            return
        yield from _waiting("inbox_undelivered", "Events not yet brought to their subscription", known.inbox)
        yield from _waiting("inbox_unread", "Events brought and not yet read", known.unread)
        yield from _waiting("outbox_undelivered", "Starts of workflows not yet delivered", known.outbox)
        yield from _waiting("attempts_in_flight", "Payment attempts whose outcome is not known", known.in_flight)
        yield from _waiting("messages_undelivered", "Mails and webhooks that are due and not delivered", known.messages)
        off = "Webhook endpoints of agencies that were switched off because they take nothing."
        yield _gauge("endpoints_disabled", off, known.endpoints_disabled)
        yield _gauge(
            "parked_invoices", "Invoices to which something impossible happened: a person has to look.", known.parked
        )
        stopped = "Causes for which parking has stopped, because too many invoices were parked for them."
        yield _gauge("parking_stopped", stopped, known.parking_stopped)
        yield _gauge("steps_in_backoff", "Steps that failed and are tried again after a pause.", known.backing_off)
        yield _gauge("findings_open", "Differences between Stripe and the books that last.", known.findings)
        reconciled = known.reconciled_at.timestamp() if known.reconciled_at else 0
        yield _gauge("reconciled_timestamp_seconds", "When all accounts were last compared; 0: never.", reconciled)
        frozen = GaugeMetricFamily(
            "retainer_frozen_accounts", "Agencies whose Stripe account takes no charges.", labels=["state"]
        )
        for state, count in known.frozen.items():
            frozen.add_metric([state], count)
        yield frozen


def _waiting(name: str, what: str, waiting: Waiting) -> Iterator[Metric]:
    yield _gauge(name, f"{what}.", waiting.count)
    yield _gauge(f"{name}_age_seconds", f"{what}: how long the oldest waits.", waiting.age.total_seconds())


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"retainer_{name}", what, value)
