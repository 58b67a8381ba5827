"""Comparing a connected account with our books, by reading both (docs/operations.md, "Reconciliation").

What the inbox lacks is taken in as if its webhook had come, and what differs is read again by whom it concerns: so what
may be applied is applied on the path of every event. Only what still differs at every look after that is a finding.
Nothing here writes what is owed or paid.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from temporalio import activity

from activities.messages import (
    FINISH_RECONCILIATION,
    LIST_ACCOUNTS,
    RECONCILE_ACCOUNT,
    Account,
    Accounts,
    Tally,
)
from activities.ports import Clock, Comparison, Payments, Records, Refunds
from activities.reversals import Look, Reversals
from activities.troubles import for_temporal
from billing.payments import InvoiceReading, Refused
from billing.reconciling import (
    Booked,
    Difference,
    Subject,
    account_differences,
    invoice_differences,
    subject_of,
)

PAUSES_SECONDS: Final = (1.0, 3.0, 8.0)
"""Before each further look at what differs: a step takes at most 45 s, and mostly well under one."""
EVENTS_KEPT: Final = timedelta(days=30)
"""For how long Stripe lists an event."""
_OVERLAP: Final = timedelta(hours=1)
"""An event may be listed a little later than the instant that it bears."""
_AT_MOST: Final = 200
"""Invoices, refunds and disputes that are looked at one by one in a run; more than these are the next run's."""


class Reconciling:
    def __init__(
        self,
        books: Comparison,
        records: Records,
        payments: Payments,
        refunds: Refunds,
        clock: Clock,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._books = books
        self._records = records
        self._payments = payments
        self._reversals = Reversals(books, records, refunds)
        self._clock = clock
        self._pauses = pauses_seconds

    @activity.defn(name=LIST_ACCOUNTS)
    async def list_accounts(self, asked: Accounts) -> Accounts:
        found = await self._books.accounts(asked.after, asked.limit)
        return Accounts(asked.after, asked.limit, tuple(found))

    @activity.defn(name=RECONCILE_ACCOUNT)
    async def reconcile_account(self, order: Account) -> Tally:
        """Take in what was lost, compare, and enter what differs. Repeatable: a finding is entered once."""
        with for_temporal():
            return await self.reconcile(order.account, timedelta(days=order.days))

    @activity.defn(name=FINISH_RECONCILIATION)
    async def finish_reconciliation(self, tally: Tally) -> None:
        await self._books.finished(tally.started_at, self._clock.now(), tally.accounts, tally.failed)

    async def reconcile(self, account: str, span: timedelta) -> Tally:
        """Raises billing.payments.PaymentTrouble."""
        now = self._clock.now()
        connected = (await self._payments.read_account(account)).connected
        until = await self._books.events_since(account)
        events = await self._take_in_events(account, until, now) if connected else 0
        found = await self._account_differences(account)
        if connected:
            found = (*found, *await self._first_look(account, now - span))
            # What was opened while nobody could look may be older than the span.
            found = (*found, *await self._reversals.first_look(account, min(now - span, until or now)))
        known = await self._books.open_findings(account)
        about = {one.object: subject_of(one.kind) for one in found}
        about |= {object: subject_of(kind) for kind, object in known}
        if not connected:
            # Nothing else of it can be read, so that nothing else can be said.
            about = {object: subject for object, subject in about.items() if subject is Subject.ACCOUNT}
        objects = dict(sorted(about.items())[:_AT_MOST])
        look = await self._further_looks(account, objects, {*known, *(d.key for d in found)})
        opened, resolved = await self._books.settle(account, look.differences, look.judged, self._clock.now())
        await self._books.reconciled(account, now if connected else None, self._clock.now())
        return Tally(now, 1, events=events, differing=len(look.differences), opened=opened, resolved=resolved)

    async def _take_in_events(self, account: str, known_until: datetime | None, now: datetime) -> int:
        since = known_until - _OVERLAP if known_until else now - EVENTS_KEPT
        lacking = 0
        async for events in self._records.events(account, since):
            lacking += await self._books.take_in(account, events, self._clock.now())
        return lacking

    async def _first_look(self, account: str, since: datetime) -> Sequence[Difference]:
        """By lists alone: some calls, however many invoices there are."""
        theirs: dict[str, InvoiceReading] = {}
        async for page in self._records.invoices(account, since):
            theirs |= {reading.provider_id: reading for reading in page if reading.invoice}
        marks = [reading.invoice for reading in theirs.values() if reading.invoice]
        ours = [*await self._books.expected(account, since), *await self._books.booked(account, theirs.keys(), marks)]
        return [d for found in _paired(ours, theirs) for d in found]

    async def _account_differences(self, account: str) -> Sequence[Difference]:
        ours = await self._books.account(account)
        return account_differences(ours, await self._payments.read_account(account)) if ours else ()

    async def _further_looks(self, account: str, objects: Mapping[str, Subject], keys: Collection[object]) -> Look:
        """What differs at every look, after those whom it concerns have had the time to read it."""
        if not objects:
            return Look((), frozenset())
        await self._books.wake(account, objects, self._clock.now())
        still, look = set(keys), Look((), frozenset())
        for seconds in self._pauses:
            await asyncio.sleep(seconds)
            look = await self._look(account, objects)
            still &= {difference.key for difference in look.differences}
            if not still and look.judged == objects.keys():
                break
        return Look(tuple(d for d in look.differences if d.key in still), look.judged)

    async def _look(self, account: str, objects: Mapping[str, Subject]) -> Look:
        """Both sides anew, one by one. The account itself is one of the objects."""
        found: list[Difference] = []
        judged: set[str] = set()
        if account in objects:
            found += await self._account_differences(account)
            judged.add(account)
        for look in (
            await self._look_at_invoices(account, [o for o, subject in objects.items() if subject is Subject.INVOICE]),
            await self._reversals.look(account, objects),
        ):
            found += look.differences
            judged |= look.judged
        return Look(tuple(found), frozenset(judged))

    async def _look_at_invoices(self, account: str, invoices: Sequence[str]) -> Look:
        theirs = {object: await self._invoice(account, object) for object in invoices}
        marks = [reading.invoice for reading in theirs.values() if reading and reading.invoice]
        # Ours after theirs: what Stripe showed and somebody has read by now is in the books.
        ours = await self._books.booked(account, invoices, marks)
        moving = {booked.provider_id for booked in ours if booked.moving} | _being_issued(ours, theirs)
        there = {object: reading for object, reading in theirs.items() if reading}
        found = [d for differences in _paired(ours, there) for d in differences if d.object in theirs]
        return Look(tuple(found), frozenset(set(invoices) - moving))

    async def _invoice(self, account: str, object: str) -> InvoiceReading | None:
        try:
            return await self._payments.read_invoice(account, object)
        except Refused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise


def _paired(ours: Iterable[Booked], theirs: dict[str, InvoiceReading]) -> Iterable[tuple[Difference, ...]]:
    """Each invoice of either side with its counterpart, found by the provider's id."""
    booked = {one.provider_id: one for one in ours if one.provider_id}
    issuing = {one.invoice for one in ours if one.provider_id is None}
    for object in sorted(booked.keys() | theirs.keys()):
        reading = theirs.get(object)
        if object in booked or (reading and reading.invoice not in issuing):
            yield invoice_differences(booked.get(object), reading)


def _being_issued(ours: Iterable[Booked], theirs: dict[str, InvoiceReading | None]) -> set[str]:
    """What Stripe has of an invoice whose issuing our books have not written yet."""
    issuing = {one.invoice for one in ours if one.provider_id is None}
    return {object for object, reading in theirs.items() if reading and reading.invoice in issuing}
