"""Issuing an invoice: drafted in our books first, then made at the provider, then final in both (billing-rules 5)."""

from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.messages import ISSUE_INVOICE, Outcome, Work
from activities.outcomes import ended
from activities.parking import park
from activities.ports import Clock, Ledger, Payments, Store
from activities.standing import Look, look_at_account, take_over
from activities.troubles import account_not_ready, expect, for_temporal
from billing.facts import Fact, InvoiceIssued, InvoiceParked
from billing.invoices import InvoiceStatus, Line, LineKind, too_large
from billing.ledger import InvoiceRow, LateEntries, NewInvoice
from billing.lines import invoice_lines
from billing.payments import InvoiceOrder, InvoiceReading, KeyMisused, LinesDiffer, Refused
from billing.reissues import revised
from billing.review import PERIODS, explained, implausible
from billing.state import Issue, Review, State, Trouble
from billing.steps import IssueInvoice


class Issuing:
    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    @activity.defn(name=ISSUE_INVOICE)
    async def issue_invoice(self, work: Work) -> Outcome:
        """Issue one invoice, or park it. Repeatable from any point: a draft in our books stands as it is."""
        state, step = work.state, expect(work.step, IssueInvoice)
        if step.issue.statement:
            return await self._keep(state, step.issue)
        async with self._store.transaction() as books:
            account = await look_at_account(books, state, self._clock.now())
            if not account.frozen:
                draft = await self._draft(books, state, step.issue)
                review = await self._review(books, state, step.issue, draft)
        if account.frozen:
            return await self._learn(state, account)
        if review:
            return await self._park(state, draft.id, Trouble.IMPLAUSIBLE, explained(review, draft.currency), review)
        with for_temporal():
            return await self._issue(state, draft)

    async def _keep(self, state: State, issue: Issue) -> Outcome:
        """Under manual collection all of it is one transaction: Stripe has no part in it, nor has a freeze."""
        async with self._store.transaction() as books:
            draft = await self._draft(books, state, issue)
            facts = (InvoiceIssued(self._clock.now(), draft.id, 0),)
            await books.keep_statement(draft.id, self._clock.now())
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _draft(self, books: Ledger, state: State, issue: Issue) -> InvoiceRow:
        now = self._clock.now()
        if issue.revises:
            return await books.draft_invoice(state, await _revision(books, issue, now))
        if issue.replaces:
            lines = await self._without_overage(books, issue.replaces, now)
            late: tuple[LateEntries, ...] = ()  # what came late stands in those lines already
        else:
            late = await books.late_entries(state.id)
            lines = tuple(invoice_lines(state, issue, late))
        settles = tuple(entry for entries in late for entry in entries.ids)
        new = NewInvoice(issue.invoice, issue.kind, issue.source, lines, settles, now, issue.opens)
        return await books.draft_invoice(state, new)

    async def _without_overage(self, books: Ledger, rejected: str, now: datetime) -> tuple[Line, ...]:
        """What stands of the rejected draft, which goes void: all but its overage, and its credit, which comes back."""
        draft = await books.withdraw_draft(rejected, now)
        return tuple(line for line in draft.lines if line.kind not in (LineKind.OVERAGE, LineKind.CREDIT))

    async def _review(self, books: Ledger, state: State, issue: Issue, draft: InvoiceRow) -> Review | None:
        """Whether a person has to see the invoice before the client does: never one that Stripe has already."""
        if issue.closed is None or draft.provider_id or draft.status is not InvoiceStatus.DRAFT:
            return None
        past = await books.closed_before(state.id, issue.closed.number, PERIODS)
        return implausible(state, issue, past, await books.review_over(state.agency, draft.currency))

    async def _issue(self, state: State, draft: InvoiceRow) -> Outcome:
        if too_large(draft.lines, draft.currency):
            cause = "the amount is more than can be charged at once"
            return await self._park(state, draft.id, Trouble.TOO_LARGE, cause)
        if draft.total == 0:
            return await self._settle_empty(state, draft.id)
        try:
            reading = await self._payments.issue(state.account, invoice_order(state, draft), self._clock.now())
        except KeyMisused as trouble:
            return await self._park(state, draft.id, Trouble.KEY_MISUSED, str(trouble))
        except LinesDiffer as trouble:
            return await self._park(state, draft.id, Trouble.LINES_DIFFER, str(trouble))
        except Refused as refusal:
            return await self._stopped(state) or await self._park(state, draft.id, Trouble.REFUSED, str(refusal))
        stopped = await self._stopped(state) if reading.not_mailed else None
        return stopped or await self._issued(state, draft.id, reading)

    async def _stopped(self, state: State) -> Outcome | None:
        """What Stripe's refusal comes to when the account can't charge; none when it can, and the cause is another."""
        account = await self._payments.read_account(state.account)
        if account.healthy:
            return None
        frozen = await take_over(self._store, state, account, self._clock.now())
        if not frozen:
            raise account_not_ready(account)
        return await self._learn(state, Look(frozen, frozen=True))

    async def _learn(self, state: State, account: Look) -> Outcome:
        """Nothing is issued while the account is frozen: that it is, is what came of the step."""
        if not account.facts:
            raise ApplicationError("the account is frozen", type="AccountNotReady", non_retryable=True)
        async with self._store.transaction() as books:
            recorded = await books.record(state, account.facts)
        return Outcome(account.facts, recorded.version)

    async def _issued(self, state: State, invoice: str, reading: InvoiceReading) -> Outcome:
        now = self._clock.now()
        facts: tuple[Fact, ...] = (InvoiceIssued(now, invoice, reading.amount_due, reading.due_at, reading.not_mailed),)
        # A repeat may find that it was paid or voided since; one with nothing due is settled by being issued.
        since = ended(invoice, reading, now) if reading.amount_due > 0 else None
        facts = (*facts, since) if since else facts
        async with self._store.transaction() as books:
            await books.mirror_invoice(invoice, reading, now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _settle_empty(self, state: State, invoice: str) -> Outcome:
        now = self._clock.now()
        facts = (InvoiceIssued(now, invoice, 0),)
        async with self._store.transaction() as books:
            await books.settle_empty(invoice, now)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)

    async def _park(
        self, state: State, invoice: str, trouble: Trouble, cause: str, review: Review | None = None
    ) -> Outcome:
        parked = InvoiceParked(self._clock.now(), invoice, cause, trouble=trouble, review=review)
        async with park(self._store, parked) as books:
            recorded = await books.record(state, (parked,))
        return Outcome((parked,), recorded.version)


async def _revision(books: Ledger, issue: Issue, now: datetime) -> NewInvoice:
    """The corrected lines of the invoice that was voided for them; late entries wait for the next one of a period."""
    voided = await books.invoice(issue.revises or "")
    if voided is None:
        raise LookupError(f"no invoice {issue.revises}")
    lines = revised(voided.lines, issue.corrected)
    return NewInvoice(issue.invoice, issue.kind, issue.source, lines, (), now, revises=voided.id)


def invoice_order(state: State, draft: InvoiceRow) -> InvoiceOrder:
    """The draft as it is ordered from the provider."""
    marks = (
        ("agency_id", state.agency),
        ("client_id", state.client),
        ("subscription_id", state.id),
        ("kind", draft.kind.value),
        ("source", draft.source),
    )
    return InvoiceOrder(
        invoice=draft.id,
        customer=state.customer,
        currency=draft.currency,
        lines=draft.lines,
        description=state.terms.name,
        metadata=marks,
        created_at=draft.created_at,
        provider_id=draft.provider_id,
        levies=draft.levies,
        days_until_due=state.custom.days_until_due if state.custom else None,
    )
