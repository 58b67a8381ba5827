"""What is done about a debt besides attempts: voiding, reminding, and the final action (billing-rules 6 and 7)."""

from temporalio import activity

from activities.messages import (
    REMIND,
    REMIND_DUE,
    SEND_INVOICE,
    TAKE_FINAL_ACTION,
    TELL_EXPIRY,
    VOID_INVOICE,
    Outcome,
    Work,
)
from activities.outcomes import paid_at, settled
from activities.ports import Clock, Payments, Store
from activities.standing import look_at_account
from activities.troubles import expect, for_temporal
from billing.facts import CardExpiryTold, DueReminded, Fact, FinalActionTaken, InvoiceSent, Reminded, RequestRefused
from billing.payments import InvoiceReading, Refused
from billing.state import State
from billing.steps import Remind, RemindDue, SendInvoice, TakeFinalAction, TellExpiry, VoidInvoice


class Voiding:
    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    @activity.defn(name=VOID_INVOICE)
    async def void_invoice(self, work: Work) -> Outcome:
        """Void the invoice, or learn that it was settled otherwise. A refusal answers the request that asked for it."""
        state, step = work.state, expect(work.step, VoidInvoice)
        async with self._store.transaction() as books:
            account = await look_at_account(books, state, self._clock.now())
            invoice = await books.invoice(step.invoice)
        if account.frozen and account.facts:
            return await self._refuse(state, step, "agency_frozen", account.facts)
        if invoice is None or invoice.provider_id is None:
            return await self._refuse(state, step, "invoice_not_open")
        with for_temporal():
            try:
                reading = await self._payments.void(state.account, invoice.provider_id, invoice.id)
            except Refused:
                if step.request is None:
                    raise
                return await self._refuse(state, step, "stripe_refused")
        return await self._settle(state, invoice.id, reading)

    async def _settle(self, state: State, invoice: str, reading: InvoiceReading) -> Outcome:
        now = self._clock.now()
        fact = settled(invoice, reading.status, paid_at(reading) or now)
        facts = (fact,) if fact else ()
        async with self._store.transaction() as books:
            await books.mirror_invoice(invoice, reading, now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _refuse(self, state: State, step: VoidInvoice, code: str, learned: tuple[Fact, ...] = ()) -> Outcome:
        refused = (RequestRefused(self._clock.now(), step.request, code),) if step.request else ()
        facts = (*learned, *refused)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)


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

    @activity.defn(name=TAKE_FINAL_ACTION)
    async def take_final_action(self, work: Work) -> Outcome:
        """The last automatic attempt failed: past due, paused or cancelled, as the ladder says."""
        state, step = work.state, expect(work.step, TakeFinalAction)
        facts = (FinalActionTaken(step.at, step.action),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)
