"""One attempt on one invoice, from its begin to its outcome (billing-rules 6; stripe.md, "Answers").

The attempt is committed before Stripe is called, its outcome after. While no outcome is known it is sent again under
its one key; after ten minutes it is read instead, and only what Stripe shows is believed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.messages import CHARGE_INVOICE, Outcome, Work
from activities.outcomes import answer_in, attempted, paid_at, settled
from activities.parking import park
from activities.ports import Clock, Payments, Store
from activities.standing import look_at_account, take_over
from activities.troubles import account_not_ready, expect, for_temporal
from billing.facts import AttemptNotMade, CardRemoved, CardSaved, CardUsed, Fact, InvoiceParked
from billing.invoices import InvoiceStatus
from billing.ledger import AttemptRefused, AttemptRow, InvoiceRow
from billing.payments import InvoiceReading, KeyMisused, PayAnswer, Refused
from billing.plans import Dunning
from billing.state import Attempt, Origin, State, Trouble
from billing.steps import ChargeInvoice

SAME_KEY: Final = timedelta(minutes=10)
"""How long an attempt without an answer is sent again under its key; after that its outcome is read."""


@dataclass(frozen=True)
class _Finding:
    """What is known of an attempt. Without an answer, and not parked, Stripe never made it."""

    answer: PayAnswer | None
    status: InvoiceStatus = InvoiceStatus.OPEN
    reading: InvoiceReading | None = None
    card: CardSaved | CardRemoved | None = None
    used: CardUsed | None = None
    frozen: tuple[Fact, ...] = ()
    """What is new of the agency's account, for which Stripe never made it."""
    parked: str | None = None
    trouble: Trouble = Trouble.ATTEMPT_IMPOSSIBLE
    """Of what is parked: why, as far as others may be for the same cause."""


class Charging:
    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    @activity.defn(name=CHARGE_INVOICE)
    async def charge_invoice(self, work: Work) -> Outcome:
        """Make the attempt of the step, or find out what became of it. The same number is never another charge."""
        state, step = work.state, expect(work.step, ChargeInvoice)
        with for_temporal():
            try:
                finding = await self._attempt(state, step.attempt, step.origin)
            except AttemptRefused as refused:
                finding = await self._not_begun(state, step.attempt, refused)
        return await self._settle(state, step.attempt, finding)

    async def _attempt(self, state: State, attempt: Attempt, origin: Origin) -> _Finding:
        # Committed before Stripe is called: whatever dies from here on, the attempt is known to have begun.
        async with self._store.transaction() as books:
            account = await look_at_account(books, state, self._clock.now())
            row = await books.begin_attempt(state.id, attempt, origin, self._clock.now(), frozen=account.frozen)
            invoice = await books.invoice(attempt.invoice)
        if invoice is None or invoice.provider_id is None:
            return _Finding(None, parked="it was never issued at Stripe")
        if row.number != attempt.number:
            return _Finding(None, parked=f"attempt {row.number} is in flight in the books")
        if row.result == "not_made" or row.answer:
            return _Finding(row.answer, invoice.status)
        if self._is_to_be_read(attempt, row, invoice):
            return await self._read(state, attempt, row, invoice.provider_id)
        if account.frozen:
            return await self._look_for(state, attempt, row, invoice.provider_id)
        return await self._pay(state, attempt, row, invoice.provider_id)

    async def _not_begun(self, state: State, attempt: Attempt, refused: AttemptRefused) -> _Finding:
        async with self._store.transaction() as books:
            if refused.why == "account_unusable":
                account = await look_at_account(books, state, self._clock.now())
                if not account.facts:
                    raise ApplicationError(str(refused), type="AccountNotReady", non_retryable=True) from refused
                return _Finding(None, frozen=account.facts)
            invoice = await books.invoice(refused.invoice)
            if refused.why in ("card_declined_hard", "card_limit"):
                return _Finding(None, used=await books.card_used(state, attempt.card.identity, attempt.attempted_at))
        if invoice is None or settled(invoice.id, invoice.status, self._clock.now()) is None:
            return _Finding(None, parked=str(refused))
        return _Finding(None, invoice.status)

    def _is_to_be_read(self, attempt: Attempt, row: AttemptRow, invoice: InvoiceRow) -> bool:
        too_old = self._clock.now() - row.first_sent_at >= SAME_KEY
        return too_old or attempt.processing or invoice.status is not InvoiceStatus.OPEN

    async def _pay(self, state: State, attempt: Attempt, row: AttemptRow, provider_invoice: str) -> _Finding:
        try:
            return _Finding(await self._payments.pay(state.account, provider_invoice, attempt))
        except (Refused, KeyMisused) as trouble:
            return await self._judge(state, attempt, row, provider_invoice, trouble)

    async def _read(self, state: State, attempt: Attempt, row: AttemptRow, provider_invoice: str) -> _Finding:
        async with self._store.transaction() as books:
            known = await books.charges(attempt.invoice)
        reading = await self._payments.read_invoice(state.account, provider_invoice)
        return _Finding(answer_in(reading, attempt, row.first_sent_at, known), reading.status, reading)

    async def _look_for(self, state: State, attempt: Attempt, row: AttemptRow, provider_invoice: str) -> _Finding:
        """While the account is frozen an attempt is not sent again. What shows of it is believed; that nothing shows
        means nothing until the time is over in which it may still arrive."""
        found = await self._read(state, attempt, row, provider_invoice)
        if found.answer is None and found.status is InvoiceStatus.OPEN:
            raise ApplicationError("in flight when the account froze: read again", type="Unsettled", non_retryable=True)
        return found

    async def _judge(
        self, state: State, attempt: Attempt, row: AttemptRow, provider_invoice: str, trouble: Refused | KeyMisused
    ) -> _Finding:
        """A refusal often comes without a reason: read the invoice, then the account, then the card, then park."""
        found = await self._read(state, attempt, row, provider_invoice)
        if found.answer or found.status is not InvoiceStatus.OPEN:
            return found
        if isinstance(trouble, Refused):
            account = await self._payments.read_account(state.account)
            if not account.healthy:
                frozen = await take_over(self._store, state, account, self._clock.now())
                if not frozen:
                    raise account_not_ready(account) from trouble
                return _Finding(None, found.status, found.reading, frozen=frozen)
            card = await self._payments.read_card(state.account, state.customer)
            now = self._clock.now()
            if card is None:
                return _Finding(None, found.status, found.reading, card=CardRemoved(now))
            if card.id != attempt.card.id:
                return _Finding(None, found.status, found.reading, card=CardSaved(now, card))
        kind = Trouble.REFUSED if isinstance(trouble, Refused) else Trouble.KEY_MISUSED
        return _Finding(None, found.status, found.reading, parked=str(trouble), trouble=kind)

    async def _settle(self, state: State, attempt: Attempt, finding: _Finding) -> Outcome:
        """Commit what became of the attempt; a payment that is still processing stays in flight."""
        now = self._clock.now()
        parked = _parked(attempt, finding, now)
        async with park(self._store, parked) if parked else self._store.transaction() as books:
            if finding.answer is None or finding.answer.result != "processing":
                await books.settle_attempt(attempt, finding.answer, now)
            if finding.reading:
                await books.mirror_invoice(attempt.invoice, finding.reading, now)
            if finding.card:
                card = finding.card.card if isinstance(finding.card, CardSaved) else None
                await books.set_card(state.client, card, now)
            facts = _facts(attempt, finding, await books.dunning(state.agency), now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)


def _parked(attempt: Attempt, finding: _Finding, now: datetime) -> InvoiceParked | None:
    if finding.parked is None:
        return None
    return InvoiceParked(now, attempt.invoice, finding.parked, trouble=finding.trouble)


def _facts(attempt: Attempt, finding: _Finding, dunning: Dunning, now: datetime) -> tuple[Fact, ...]:
    answer, reading = finding.answer, finding.reading
    facts: list[Fact] = list(finding.frozen)
    # First what settled the invoice otherwise: then a decline beside it starts no ladder and tells nobody.
    if answer is None or answer.result != "paid":
        elsewhere = settled(attempt.invoice, finding.status, (paid_at(reading) if reading else None) or now)
        facts += [elsewhere] if elsewhere else []
    if finding.card:
        facts.append(finding.card)
    parked = _parked(attempt, finding, now)
    if parked:
        facts.append(parked)
    elif answer:
        facts.append(attempted(attempt, answer, dunning, now))
    else:
        facts.append(AttemptNotMade(now, attempt.invoice, attempt.number))
    if finding.used:
        # Last: the try that was not made is forgotten by now, and takes no other's place among those that count.
        facts.append(finding.used)
    return tuple(facts)
