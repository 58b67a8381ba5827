"""Events: what Stripe reported, and our own wake-ups, brought to the subscriptions that they concern (stripe.md,
"Webhooks in").

Most events repeat what we did ourselves. Such a row is done without waking anybody; one about an attempt that still
awaits its answer is held until the books have it.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.news import NewsReader
from activities.ports import Clock
from adapters.postgres import accounts, deliveries, inbox, invoicing, projection
from adapters.postgres.inbox import HELD_FOR, Event, Reader
from adapters.postgres.pool import CONNECTION_LOST, Connection, Pool, snapshot, transaction
from adapters.stripe.readings import INVOICE_ID, disconnected
from adapters.telemetry import metrics
from adapters.telemetry.context import bind
from adapters.temporal import TemporalAway, within
from billing.facts import NewsRead
from billing.invoices import InvoiceStatus, may_become
from billing.ledger import ABOUT_CARDS, OURS, InvoiceRow
from worker.cards import CardKeeper
from worker.compose import Parts
from worker.delivery import patience
from worker.disputes import DisputeKeeper
from worker.refunds import RefundKeeper
from workflows.messages import FACTS_ARRIVED, subscription_workflow_id

_BATCH: Final = 50
_ANSWER_SECONDS: Final = 8.0
"""Within the lease of a claimed row."""
_HELD_AT_MOST: Final = timedelta(minutes=1)
"""A step takes at most 45 s; what is still in flight then is for the reading to find out."""
_ABOUT_ACCOUNTS: Final = ("account.", "capability.")
_ABOUT_INVOICES: Final = ("invoice.", "invoice_payment.", "credit_note.")
_ABOUT_REFUNDS: Final = "refund."
_ABOUT_DISPUTES: Final = "charge.dispute."
_FAILURES: Final = ("invoice.payment_failed", "invoice.payment_action_required")
_DISCONNECTED: Final = "account.application.deauthorized"

log = logging.getLogger(__name__)


class Events:
    """Carries the inbox's rows, with one signal for all that concern a subscription."""

    def __init__(self, parts: Parts, client: Client) -> None:
        self._parts = parts
        self._pool: Pool = parts.pool
        self._clock: Clock = parts.clock
        self._client = client
        self._reader = NewsReader(parts.store, parts.payments, parts.clock)
        self._cards = CardKeeper(parts.pool, parts.store, parts.payments, parts.clock)
        self._refunds = RefundKeeper(parts.pool, parts.refunds, parts.clock)
        self._disputes = DisputeKeeper(parts.pool, parts.disputes, self._refunds, parts.clock)

    async def carry(self) -> bool:
        """One batch; whether there may be more. Raises TemporalAway and what a lost database raises."""
        events = await inbox.claim(self._pool, self._clock.now(), _BATCH)
        concerned: dict[Reader, list[Event]] = defaultdict(list)
        for event in events:
            await self._guarded([event], self._sort(event, concerned))
        wakes = [self._guarded(about, self._wake(reader, about)) for reader, about in concerned.items()]
        for failure in await asyncio.gather(*wakes, return_exceptions=True):
            if failure is not None:
                raise failure
        return len(events) == _BATCH

    async def _guarded(self, events: Sequence[Event], work: Awaitable[None]) -> None:
        try:
            await work
        except (TemporalAway, *CONNECTION_LOST):
            metrics.DELIVERIES.labels("inbox", "away").inc(len(events))
            # Given back at once: the loop keeps the pace, on the system's clock.
            await self._defer(events, timedelta())
            raise
        except Exception:
            metrics.DELIVERIES.labels("inbox", "failed").inc(len(events))
            log.exception("events could not be delivered", extra={"inbox": [event.id for event in events]})
            await self._defer(events, patience(max(event.attempts for event in events)))

    async def _defer(self, events: Sequence[Event], pause: timedelta) -> None:
        for event in events:
            await inbox.defer(self._pool, event.id, self._clock.now() + pause)

    # Whom it concerns

    async def _sort(self, event: Event, concerned: dict[Reader, list[Event]]) -> None:
        for reader in await self._readers(event):
            concerned[reader].append(event)

    async def _readers(self, event: Event) -> Sequence[Reader]:
        """Those to be woken; nobody when the row is done, or held. The platform's own account is nobody's news."""
        kind = event.type
        if kind.startswith(_ABOUT_ACCOUNTS) and event.account:
            return await self._take_over_account(event)
        if kind.startswith(_ABOUT_INVOICES):
            return await self._readers_of_invoice(event)
        if kind.startswith(_ABOUT_REFUNDS):
            await self._refunds.keep(event.account, event.object_id)
            return await self._done(event)
        if kind.startswith(_ABOUT_DISPUTES):
            await self._disputes.keep(event.account, event.object_id)
            return await self._done(event)
        if kind.startswith((*ABOUT_CARDS, OURS)):
            return await self._resolve(event)
        return await self._done(event)

    async def _resolve(self, event: Event) -> Sequence[Reader]:
        readers = await inbox.resolve(self._pool, event.id)
        if not readers and event.type.startswith(ABOUT_CARDS):
            await self._cards.keep(event, _subject(event))
            # If a plan was assigned meanwhile, the card is its subscription's news.
            readers = await inbox.resolve(self._pool, event.id)
        return readers or await self._done(event)

    async def _done(self, event: Event) -> Sequence[Reader]:
        await inbox.done(self._pool, event.id, self._clock.now())
        metrics.DELIVERIES.labels("inbox", "done").inc()
        return ()

    async def _held(self, event: Event) -> Sequence[Reader]:
        await self._defer([event], HELD_FOR)
        return ()

    async def _readers_of_invoice(self, event: Event) -> Sequence[Reader]:
        fresh = self._clock.now() - event.created_at < _HELD_AT_MOST
        # Of one instant: an attempt that is settled between two questions would be neither known nor in flight.
        async with snapshot(self._pool) as books:
            invoice = await invoicing.invoice_by_provider(books, event.account, _provider_invoice(event))
            ours = invoice or await invoicing.load_invoice(books, _invoice_mark(event))
            known = ours is not None and await _is_known(books, event, ours)
            flying = invoice is not None and await deliveries.in_flight(books, invoice.id)
        # An agency's own invoice is nobody's news. One of ours may be reported before its issuing is written.
        if known or ours is None:
            return await self._done(event)
        if fresh and (flying or invoice is None):
            return await self._held(event)
        return await self._resolve(event) if invoice else await self._done(event)

    async def _take_over_account(self, event: Event) -> Sequence[Reader]:
        """The books' word on a connected account, by which attempts are guarded."""
        # Nothing can be read any more of an account that left: its signed event is believed.
        left = event.type == _DISCONNECTED
        reading = disconnected(event.account) if left else await self._parts.payments.read_account(event.account)
        async with transaction(self._pool) as books:
            await accounts.mirror_account(books, reading, self._clock.now())
        return await self._done(event)

    # How it is brought

    async def _wake(self, reader: Reader, events: Sequence[Event]) -> None:
        bind(subscription=reader.subscription)
        if not reader.finished and await self._signal(reader.subscription):
            await self._brought(reader.subscription, events)
        elif await deliveries.start_pending(self._pool, reader.subscription):
            await self._defer(events, HELD_FOR)
        else:
            await self._read_ourselves(reader.subscription, events)

    async def _signal(self, subscription: str) -> bool:
        """Whether the workflow runs, and has been woken."""
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            await within(_ANSWER_SECONDS, handle.signal(FACTS_ARRIVED))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _read_ourselves(self, subscription: str, events: Sequence[Event]) -> None:
        """The workflow has ended: the same code reads, and nobody is left who could not have learned it."""
        async with transaction(self._pool) as connection:
            state = await projection.load(connection, subscription)
        outcome = await self._reader.read(replace(state, acked=()))
        rows = [row for fact in outcome.facts if isinstance(fact, NewsRead) for row in fact.rows]
        await self._brought(subscription, events)
        async with self._parts.store.transaction() as books:
            await books.acknowledge(subscription, rows, self._clock.now())

    async def _brought(self, subscription: str, events: Sequence[Event]) -> None:
        for event in events:
            await inbox.signalled(self._pool, event.id, subscription, self._clock.now())
            metrics.DELIVERIES.labels("inbox", "carried").inc()


async def _is_known(books: Connection, event: Event, invoice: InvoiceRow) -> bool:
    """Whether the books are as far as the event, or further."""
    seen = _subject(event)
    if seen.get("object") == "invoice_payment":
        return seen.get("status") == "paid" and invoice.status is InvoiceStatus.PAID
    if seen.get("object") != "invoice" or seen.get("status") not in set(InvoiceStatus):
        return False
    status = InvoiceStatus(seen["status"])
    if status is not invoice.status and not may_become(status, invoice.status):
        return False
    return event.type not in _FAILURES or await deliveries.failure_known(books, invoice.id, event.created_at)


def _subject(event: Event) -> dict[str, Any]:
    """The object that the event shows, as it was then."""
    seen = (event.payload.get("data") or {}).get("object") if isinstance(event.payload, dict) else None
    return seen if isinstance(seen, dict) else {}


def _provider_invoice(event: Event) -> str:
    named = _subject(event).get("invoice")
    return named if isinstance(named, str) else event.object_id


def _invoice_mark(event: Event) -> str:
    """Our id of the invoice, which its metadata carries; empty where there is none."""
    marks = _subject(event).get("metadata")
    return str(marks.get(INVOICE_ID, "")) if isinstance(marks, dict) else ""
