"""What is done about a debt besides attempts: giving up, reminding, and the final action (billing-rules 6 and 7)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from temporalio import activity

from activities.issuing import invoice_order
from activities.messages import (
    CREDIT_INVOICE,
    MARK_INVOICE,
    MARK_TRIAL,
    REMIND,
    REMIND_DUE,
    SEND_INVOICE,
    TAKE_FINAL_ACTION,
    TELL_EXPIRY,
    VOID_INVOICE,
    Outcome,
    Work,
)
from activities.outcomes import ended, noted
from activities.ports import Clock, Payments, Store
from activities.standing import look_at_account
from activities.troubles import expect, for_temporal
from billing.facts import (
    CardExpiryTold,
    DueReminded,
    Fact,
    FinalActionTaken,
    InvoiceSent,
    InvoiceVoided,
    Reminded,
    RequestRefused,
)
from billing.ledger import InvoiceRow
from billing.parking import unissued
from billing.payments import InvoiceReading, Refused
from billing.state import State
from billing.steps import (
    CreditInvoice,
    MarkInvoice,
    MarkTrial,
    Remind,
    RemindDue,
    SendInvoice,
    TakeFinalAction,
    TellExpiry,
    VoidInvoice,
)
from billing.trialing import TrialEnded, TrialEnding

_Settling = Callable[[str, str, str], Awaitable[InvoiceReading]]


class GivingUp:
    """What ends an open invoice without a payment of ours. A refusal answers the request that asked for it."""

    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    @activity.defn(name=VOID_INVOICE)
    async def void_invoice(self, work: Work) -> Outcome:
        """Void the invoice, or learn that it was settled otherwise. One that is parked unissued is withdrawn."""
        step = expect(work.step, VoidInvoice)
        if unissued(work.state, step.invoice):
            async with self._store.transaction() as books:
                account = await look_at_account(books, work.state, self._clock.now())
                draft = await books.invoice(step.invoice)
            if draft and draft.provider_id is None and not account.frozen:
                return await self._withdraw(work.state, draft, step.request)
        return await self._give_up(work.state, step.invoice, step.request, self._payments.void)

    @activity.defn(name=MARK_INVOICE)
    async def mark_invoice(self, work: Work) -> Outcome:
        """Write the invoice off, or take it as paid elsewhere; or learn that it was settled otherwise."""
        step = expect(work.step, MarkInvoice)
        mark = self._payments.mark_paid if step.mark == "paid" else self._payments.mark_uncollectible
        return await self._give_up(work.state, step.invoice, step.request, mark)

    @activity.defn(name=CREDIT_INVOICE)
    async def credit_invoice(self, work: Work) -> Outcome:
        """Make the credit note, or learn that the invoice was settled otherwise."""
        step = expect(work.step, CreditInvoice)

        async def credit(account: str, provider_invoice: str, _: str) -> InvoiceReading:
            return await self._payments.credit(account, provider_invoice, step.order, step.asked_at, self._clock.now())

        return await self._give_up(work.state, step.invoice, step.request, credit)

    async def _give_up(self, state: State, invoice: str, request: str | None, how: _Settling) -> Outcome:
        async with self._store.transaction() as books:
            account = await look_at_account(books, state, self._clock.now())
            known = await books.invoice(invoice)
        if account.frozen and account.facts:
            return await self._refuse(state, request, "agency_frozen", account.facts)
        if known is None or known.provider_id is None:
            return await self._refuse(state, request, "invoice_not_open")
        with for_temporal():
            try:
                reading = await how(state.account, known.provider_id, invoice)
            except Refused:
                if request is None:
                    raise
                return await self._refuse(state, request, "stripe_refused")
        return await self._settle(state, invoice, request, reading)

    async def _withdraw(self, state: State, draft: InvoiceRow, request: str | None) -> Outcome:
        """It never becomes an invoice: gone at Stripe first, then void in our books, where its credit comes back."""
        with for_temporal():
            try:
                await self._payments.discard(state.account, invoice_order(state, draft))
            except Refused:
                return await self._refuse(state, request, "stripe_refused")
        now = self._clock.now()
        facts = (InvoiceVoided(now, draft.id),)
        async with self._store.transaction() as books:
            await books.withdraw_draft(draft.id, now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _settle(self, state: State, invoice: str, request: str | None, reading: InvoiceReading) -> Outcome:
        now = self._clock.now()
        facts = _learned(state, invoice, request, reading, now)
        async with self._store.transaction() as books:
            await books.mirror_invoice(invoice, reading, now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _refuse(self, state: State, request: str | None, code: str, learned: tuple[Fact, ...] = ()) -> Outcome:
        refused = (RequestRefused(self._clock.now(), request, code),) if request else ()
        facts = (*learned, *refused)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)


def _learned(
    state: State, invoice: str, request: str | None, reading: InvoiceReading, now: datetime
) -> tuple[Fact, ...]:
    fact = ended(invoice, reading, now)
    if fact:
        return (fact,)
    asked = next((asked for asked in state.asked if asked.id == request and asked.credit), None)
    if asked is None or asked.credit is None or request is None:
        return ()
    credited = noted(invoice, reading, now)
    if asked.credit.note in credited.notes:
        return (credited,)
    # Made and voided again within moments: nobody is kept waiting for it.
    return (credited, RequestRefused(now, request, "stripe_refused"))


class Sending:
    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    @activity.defn(name=SEND_INVOICE)
    async def send_invoice(self, work: Work) -> Outcome:
        """Have the invoice mailed once more, or say that Stripe refuses."""
        state, step = work.state, expect(work.step, SendInvoice)
        async with self._store.transaction() as books:
            invoice = await books.invoice(step.invoice)
        fact: Fact = RequestRefused(self._clock.now(), step.request, "invoice_not_open")
        if invoice and invoice.provider_id:
            with for_temporal():
                fact = await self._send(state, step, invoice.provider_id)
        async with self._store.transaction() as books:
            recorded = await books.record(state, (fact,))
        return Outcome((fact,), recorded.version)

    async def _send(self, state: State, step: SendInvoice, provider_id: str) -> Fact:
        try:
            await self._payments.send(state.account, provider_id, step.invoice, step.request)
        except Refused:
            return RequestRefused(self._clock.now(), step.request, "stripe_refused")
        return InvoiceSent(self._clock.now(), step.invoice, step.request)


class Reminding:
    """The steps that charge nothing: they write to the books only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn(name=REMIND)
    async def remind(self, work: Work) -> Outcome:
        """An attempt that fell due can't be made: it is recorded as skipped, and the client told what is needed."""
        state, step = work.state, expect(work.step, Remind)
        async with self._store.transaction() as books:
            await books.skip_attempt(state.id, step.invoice, step.obstacle.value, step.at)
            dunning = await books.dunning(state.agency)
            facts = (Reminded(step.at, step.invoice, step.obstacle, dunning, step.step),)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    @activity.defn(name=REMIND_DUE)
    async def remind_due(self, work: Work) -> Outcome:
        """The client is told that a sent invoice waits."""
        state, step = work.state, expect(work.step, RemindDue)
        facts = (DueReminded(step.at, step.invoice, step.number),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    @activity.defn(name=TELL_EXPIRY)
    async def tell_expiry(self, work: Work) -> Outcome:
        """The client is told that the card on file expires before it is charged again."""
        state, step = work.state, expect(work.step, TellExpiry)
        facts = (CardExpiryTold(step.at, step.card, step.period),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    @activity.defn(name=MARK_TRIAL)
    async def mark_trial(self, work: Work) -> Outcome:
        """The trial is over, or people are told that it soon will be."""
        state, step = work.state, expect(work.step, MarkTrial)
        facts: tuple[Fact, ...] = (TrialEnding(step.at) if step.what == "ending" else TrialEnded(step.at),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    @activity.defn(name=TAKE_FINAL_ACTION)
    async def take_final_action(self, work: Work) -> Outcome:
        """The last automatic attempt failed: past due, paused or cancelled, as the ladder says."""
        state, step = work.state, expect(work.step, TakeFinalAction)
        facts = (FinalActionTaken(step.at, step.action),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)
