"""One agency, its plan and its clients in a real database, and what the worker would do with their books."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.outcomes import attempted
from adapters.postgres.calls import Call
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool, transaction
from adapters.postgres.projection import load, open_subscription
from adapters.postgres.usage import Receipt, record_calls
from billing.agenda import begin, next_step
from billing.declines import Decline
from billing.facts import CardSaved, Fact, InvoiceIssued, PeriodClosed
from billing.invoices import InvoiceStatus, Line, price_line
from billing.ledger import InvoiceRow, NewInvoice
from billing.lines import invoice_lines
from billing.payments import InvoiceReading, PayAnswer
from billing.plans import SpendCap, Terms
from billing.prorating import terms_in
from billing.state import Attempt, Card, Issue, State
from billing.steps import ChargeInvoice, IssueInvoice
from billing.subscription import opened
from billing.usage import Outcome

START = datetime(2026, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AGENCY, ACCOUNT, PLAN = "agc_one", "acct_one", "pln_one"
CARD = Card("pm_1", "fp_1", 12, 2030, "visa", "4242")


@dataclass
class House:
    """Ids are made of the names that a test gives: client "anna" has the subscription sub_anna."""

    pool: Pool
    store: PostgresStore

    async def agency(self, agency: str = AGENCY, account: str = ACCOUNT, plan: str = PLAN) -> None:
        async with transaction(self.pool) as connection:
            await connection.execute(
                "INSERT INTO agencies (id, name, country, timezone, tier, default_currency, created_at, updated_at) "
                "VALUES ($1, 'Bright Voice', 'US', 'UTC', 'growth', 'usd', $2, $2)",
                agency,
                START,
            )
            await connection.execute(
                "INSERT INTO connected_accounts (agency_id, number, account_id, state, charges_enabled, card_payments, "
                "created_at, updated_at) VALUES ($1, 1, $2, 'active', true, 'active', $3, $3)",
                agency,
                account,
                START,
            )
            await connection.execute("INSERT INTO plans VALUES ($1, $2, $3)", plan, agency, START)
            await connection.execute(
                "INSERT INTO plan_versions (plan_id, version, agency_id, name, tier, currency, price, "
                "included_minutes, overage_rate, call_increment_seconds, created_at) "
                "VALUES ($1, 1, $2, 'Voice Pro', 'pro', 'usd', 4900, 500, 12, 60, $3)",
                plan,
                agency,
                START,
            )

    async def client(self, name: str, agency: str = AGENCY, account: str = ACCOUNT) -> str:
        async with transaction(self.pool) as connection:
            await connection.execute(
                "INSERT INTO clients (id, agency_id, name, email, created_at, updated_at) "
                "VALUES ($1, $2, $3, 'client@test.invalid', $4, $4)",
                f"cli_{name}",
                agency,
                name,
                START,
            )
            await connection.execute(
                "INSERT INTO customers (client_id, account_id, agency_id, customer_id, created_at) "
                "VALUES ($1, $2, $3, $4, $5)",
                f"cli_{name}",
                account,
                agency,
                f"cus_{name}",
                START,
            )
        return f"cli_{name}"

    async def subscribe(
        self,
        name: str,
        *,
        id: str | None = None,
        at: datetime = START,
        starts_at: datetime | None = START,
        **terms: Any,
    ) -> State:
        """Assign the plan to a client that is there already."""
        state = opened_for(name, id=id or f"sub_{name}", at=at, starts_at=starts_at, **terms)
        async with transaction(self.pool) as connection:
            await open_subscription(connection, state, {"plan_id": PLAN}, at)
        return state

    async def subscribed(self, name: str, **terms: Any) -> State:
        """A new client with a subscription from START on."""
        await self.client(name)
        return await self.subscribe(name, **terms)

    async def state(self, name: str) -> State:
        """The client's subscription as the books have it."""
        async with self.pool.acquire() as connection:
            return await load(connection, f"sub_{name}")

    async def report(self, *calls: Call, at: datetime, agency: str = AGENCY) -> Receipt:
        return await record_calls(self.pool, agency, calls, at)

    async def record(self, state: State, *facts: Fact, by: str = "system") -> State:
        async with self.store.transaction() as books:
            return await books.record(state, facts, by=by)

    async def close(self, state: State, at: datetime, end: datetime | None = None) -> State:
        """What the activity close_period does."""
        period = state.period
        assert period is not None
        end = end or period.end
        async with self.store.transaction() as books:
            seconds = await books.freeze_usage(state, period.number, period.start, end, at)
            amount = terms_in(state, period).overage(seconds)
            await books.close_period(state, period.number, seconds, amount, at)
            return await books.record(state, [PeriodClosed(at, period.number, end, seconds, amount)])

    async def draft(self, state: State, at: datetime, *lines: Line) -> InvoiceRow:
        """What the first half of issue_invoice does, for the invoice that is next; `lines` instead of what is owed."""
        issue = state.to_issue[0]
        async with self.store.transaction() as books:
            if lines:
                return await books.draft_invoice(state, new_invoice(issue, at, *lines))
            late = await books.late_entries(state.id)
            settled = tuple(entry for entries in late for entry in entries.ids)
            new = new_invoice(issue, at, *invoice_lines(state, issue, late), late=settled)
            return await books.draft_invoice(state, new)

    async def issue(self, state: State, at: datetime, *lines: Line) -> State:
        """Draft the next invoice and make it final, as Stripe would."""
        row = await self.draft(state, at, *lines)
        begun = begin(state, IssueInvoice(state.to_issue[0]), at)
        async with self.store.transaction() as books:
            if row.total == 0:
                await books.settle_empty(row.id, at)
            else:
                await books.mirror_invoice(row.id, reading(row), at)
            return await books.record(begun, [InvoiceIssued(at, row.id, row.total)])

    async def charge(self, state: State, at: datetime, decline: Decline | None = None) -> State:
        """What the activity charge_invoice does with the attempt that is next: it pays, unless it is declined."""
        step = next_step(state, at)
        assert isinstance(step, ChargeInvoice), step
        answer = answered(step.attempt, sum(i.amount for i in state.debt if i.id == step.attempt.invoice), at, decline)
        async with self.store.transaction() as books:
            await books.begin_attempt(state.id, step.attempt, step.origin, at)
        async with self.store.transaction() as books:
            await books.settle_attempt(step.attempt, answer, at)
            fact = attempted(step.attempt, answer, await books.dunning(state.agency), at)
            return await books.record(begin(state, step, at), [fact])

    async def fetch(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(query, *values)]

    async def value(self, query: str, *values: Any) -> Any:
        return await self.pool.fetchval(query, *values)


def opened_for(
    name: str,
    *,
    id: str,
    at: datetime = START,
    starts_at: datetime | None = START,
    agency: str = AGENCY,
    account: str = ACCOUNT,
    plan: str = PLAN,
    card: Card | None = None,
    cap: SpendCap | None = None,
    trial_days: int = 0,
    zone: str = "UTC",
    **terms: Any,
) -> State:
    return opened(
        id=id,
        agency=agency,
        client=f"cli_{name}",
        account=account,
        customer=f"cus_{name}",
        zone=zone,
        terms=replace(Terms(plan, 1, "Voice Pro", "pro", "usd", 4900, 500, "12"), **terms),
        rules=1,
        at=at,
        starts_at=starts_at,
        card=card,
        spend_cap=cap,
        trial_days=trial_days,
    )


def call(
    id: str,
    client: str,
    at: datetime,
    minutes: int = 1,
    *,
    seconds: int | None = None,
    outcome: Outcome = Outcome.COMPLETED,
) -> Call:
    return Call(id, f"cli_{client}", at, minutes * 60 if seconds is None else seconds, outcome)


def new_invoice(issue: Issue, at: datetime, *lines: Line, late: tuple[int, ...] = ()) -> NewInvoice:
    standing = lines or price_lines(issue)
    return NewInvoice(issue.invoice, issue.kind, issue.source, standing, late, at, issue.opens)


def price_lines(issue: Issue) -> tuple[Line, ...]:
    return (price_line("Voice Pro", issue.price, issue.opens.start, issue.opens.end),) if issue.opens else ()


def reading(row: InvoiceRow, status: InvoiceStatus = InvoiceStatus.OPEN, **changes: Any) -> InvoiceReading:
    """The invoice as Stripe has it."""
    paid = row.total if status is InvoiceStatus.PAID else 0
    known = InvoiceReading(
        provider_id=f"in_{row.id}",
        invoice=row.id,
        status=status,
        number="ACME-0001",
        currency=row.currency,
        subtotal=row.total,
        total=row.total,
        amount_due=row.total,
        amount_paid=paid,
        starting_balance=0,
        ending_balance=0,
        paid_out_of_band=False,
        hosted_url="https://invoice.test/1",
        pdf_url="https://invoice.test/1.pdf",
        intent="none",
    )
    return replace(known, **changes)


def attempt(invoice: str, number: int = 1, at: datetime = START, card: Card = CARD) -> Attempt:
    return Attempt(invoice, number, card, False, at)


def answered(attempt: Attempt, amount: int, at: datetime, decline: Decline | None = None) -> PayAnswer:
    """What Stripe answers to the attempt."""
    made = f"{attempt.invoice}_{attempt.number}"
    return PayAnswer("declined" if decline else "paid", f"ch_{made}", f"pi_{made}", amount, at, decline)


def card_saved(at: datetime, card: Card = CARD) -> CardSaved:
    return CardSaved(at, card)
