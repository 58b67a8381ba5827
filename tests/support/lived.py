"""A house that has been lived in: two agencies, five clients, two months of everything that can happen to an invoice.

Nobody outside is needed: `Life` does what the workflow and its activities do, cards pay or decline as they are told.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.postgres import idempotency, inbox, outbox, sessions
from adapters.postgres.late import Correction, record_correction
from adapters.postgres.reconciling import PostgresComparison
from billing.agenda import next_step
from billing.declines import Decline
from billing.facts import (
    Fact,
    FinalActionTaken,
    InvoiceParked,
    InvoiceVoided,
    PaidElsewhere,
    Reminded,
    Requested,
)
from billing.invoices import InvoiceStatus
from billing.ledger import ACCOUNT_CHANGED
from billing.orders import (
    CancelRequested,
)
from billing.payments import AccountReading
from billing.reconciling import Difference, FindingKind
from billing.state import Asked, Card, Forgive, State, Trouble
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    Finish,
    IssueInvoice,
    Remind,
    Step,
    TakeFinalAction,
    VoidInvoice,
    Wait,
)
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, call, card_saved, reading

BOUNDARY = datetime(2026, 2, 28, tzinfo=UTC)
NEXT_BOUNDARY = datetime(2026, 3, 31, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
EMPTY = Decline("card_declined", "insufficient_funds")
LOST = Decline("card_declined", "lost_card")
LOST_CARD = Card("pm_lost", "fp_lost", 12, 2030, "visa", "0002")
OTHER_CARD = Card("pm_2", "fp_2", 6, 2031, "mastercard", "4444")
OTHER_AGENCY = {"agency": "agc_two", "account": "acct_two", "plan": "pln_two"}


@dataclass
class Life:
    """One subscription of the house. A card's `declines` come one after the other; then, and by default, it pays."""

    house: House
    state: State
    declines: dict[str, list[Decline]] = field(default_factory=dict)

    async def until(self, target: datetime) -> None:
        """Take every step that falls due up to `target`."""
        now = self.state.clock
        while not isinstance(step := next_step(self.state, now), Finish):
            if not isinstance(step, Wait):
                self.state = await self._take(step, now)
            elif step.until is None or step.until > target:
                return
            else:
                now = step.until

    async def learn(self, *facts: Fact) -> None:
        """Facts of people's, and the steps that follow from them at once."""
        self.state = await self.house.record(self.state, *facts)
        await self.until(self.state.clock)

    async def paid_elsewhere(self, at: datetime) -> None:
        """The whole debt, on Stripe's pages."""
        for owed in self.state.debt:
            await self._mirror(owed.id, InvoiceStatus.PAID, at, PaidElsewhere(at, owed.id))
        await self.until(at)

    async def _take(self, step: Step, now: datetime) -> State:
        match step:
            case ClosePeriod(end=end):
                return await self.house.close(self.state, now, end)
            case IssueInvoice():
                return await self.house.issue(self.state, now)
            case ChargeInvoice(attempt=attempt):
                coming = self.declines.get(attempt.card.id)
                return await self.house.charge(self.state, now, coming.pop(0) if coming else None)
            case Remind(invoice=invoice, obstacle=obstacle, at=at, step=number):
                return await self._remind(step, Reminded(at, invoice, obstacle, await self._dunning(), number))
            case TakeFinalAction(action=action, at=at):
                return await self.house.record(self.state, FinalActionTaken(at, action))
            case VoidInvoice(invoice=invoice):
                return await self._mirror(invoice, InvoiceStatus.VOID, now, InvoiceVoided(now, invoice))
        raise AssertionError(f"{step} is not of this life")

    async def _remind(self, step: Remind, fact: Reminded) -> State:
        async with self.house.store.transaction() as books:
            await books.skip_attempt(self.state.id, step.invoice, step.obstacle.value, step.at)
            return await books.record(self.state, [fact])

    async def _dunning(self) -> Any:
        async with self.house.store.transaction() as books:
            return await books.dunning(self.state.agency)

    async def _mirror(self, invoice: str, status: InvoiceStatus, at: datetime, fact: Fact) -> State:
        async with self.house.store.transaction() as books:
            row = await books.invoice(invoice)
            assert row is not None
            await books.mirror_invoice(invoice, reading(row, status), at)
            self.state = await books.record(self.state, [fact])
        return self.state


async def live(house: House) -> None:
    """Fill the books, up to END."""
    await house.agency(*OTHER_AGENCY.values())
    await _the_account_is_restricted_for_a_while(house)
    await _anna_changes_her_card(house)
    await _bert_is_paused_and_comes_back(house)
    await _carl_gets_an_invoice_voided(house)
    await _dora_leaves(house)
    await _zoe_is_another_agencys(house)
    await _long_ago(house)
    await _post(house)


async def _anna_changes_her_card(house: House) -> None:
    """Overage; a late call; a soft decline, a hard one and a new card; at the end a soft one, and its ladder runs."""
    life = Life(house, await house.subscribed("anna", card=LOST_CARD))
    life.declines = {LOST_CARD.id: [EMPTY, EMPTY, LOST], OTHER_CARD.id: []}
    await house.report(call("a1", "anna", START + DAY, 600), call("a2", "anna", START + DAY, 13), at=START + 2 * DAY)
    await record_correction(house.pool, AGENCY, Correction("k1", "a2", -60, "a minute too many"), START + 3 * DAY)
    await life.until(START + 9 * DAY)
    await life.learn(card_saved(START + 10 * DAY, OTHER_CARD))
    await life.until(BOUNDARY + 2 * HOUR)
    await house.report(call("a3", "anna", BOUNDARY - HOUR, 10), at=BOUNDARY + 3 * HOUR)
    life.declines[OTHER_CARD.id] = [EMPTY]
    await life.until(END)


async def _bert_is_paused_and_comes_back(house: House) -> None:
    """No card: past due, then paused for three unpaid periods; all is paid elsewhere, and a new anchor begins."""
    start = START - 31 * DAY
    await house.client("bert")
    life = Life(house, await house.subscribe("bert", at=START - 31 * DAY, starts_at=start))
    await life.until(NEXT_BOUNDARY + 2 * HOUR)
    await life.paid_elsewhere(NEXT_BOUNDARY + 5 * HOUR)
    await life.until(END)


async def _carl_gets_an_invoice_voided(house: House) -> None:
    """A correction makes a credit; the invoice that consumes it is parked and voided; the next consumes it again."""
    life = Life(house, await house.subscribed("carl", card=CARD))
    await house.report(call("c1", "carl", START + DAY, 612), at=START + DAY)
    await life.until(BOUNDARY + HOUR - timedelta(seconds=1))
    life.state = await house.close(life.state, BOUNDARY + HOUR)
    await record_correction(house.pool, AGENCY, Correction("k2", "c1", -3600, "an echo"), BOUNDARY + HOUR)
    life.declines = {CARD.id: [EMPTY]}
    await life.until(BOUNDARY + DAY)
    await life.learn(InvoiceParked(BOUNDARY + DAY, life.state.debt[0].id, "no reason given", trouble=Trouble.REFUSED))
    asked = Asked("req_1", "void", BOUNDARY + 2 * DAY, life.state.debt[0].id, "agency", "a wrong price")
    await life.learn(Requested(BOUNDARY + 2 * DAY, asked))
    await life.until(END)


async def _dora_leaves(house: House) -> None:
    """Cancelled in the middle of a period; what comes after is unbilled."""
    life = Life(house, await house.subscribed("dora", card=CARD))
    await house.report(call("d1", "dora", START + DAY, 501), at=START + DAY)
    await life.until(START + 2 * DAY)
    await life.learn(CancelRequested(START + 3 * DAY, True, Forgive.NONE, "agency"))
    await life.until(END)
    await house.report(call("d2", "dora", START + 4 * DAY), call("d3", "dora", START + DAY), at=START + 5 * DAY)
    await record_correction(house.pool, AGENCY, Correction("k3", "d1", -60, "too late"), START + 5 * DAY)


async def _zoe_is_another_agencys(house: House) -> None:
    await house.client("zoe", OTHER_AGENCY["agency"], OTHER_AGENCY["account"])
    life = Life(house, await house.subscribe("zoe", card=replace(CARD, id="pm_zoe"), **OTHER_AGENCY))
    await house.report(call("z1", "zoe", START + DAY, 4), at=START + DAY, agency=OTHER_AGENCY["agency"])
    await record_correction(house.pool, OTHER_AGENCY["agency"], Correction("k4", "z1", -60, "twice"), START + DAY)
    await life.until(END)


async def _long_ago(house: House) -> None:
    """A call of a year before, of which only its month's total is kept."""
    long_ago = START - 365 * DAY
    await house.report(call("d0", "dora", long_ago), at=long_ago)
    while await house.value("SELECT retire_calls($1, 1, $2)", long_ago.date().replace(day=1), START):
        pass


async def _post(house: House) -> None:
    """What came in, what went out, and who was on the way to a page of Stripe's."""
    await house.pool.execute(
        "INSERT INTO card_sessions (id, agency_id, client_id, account_id, session_id, return_url, created_at) "
        "VALUES ('cs_1', $1, 'cli_anna', $2, 'cs_test_1', 'https://app.test', $3)",
        AGENCY,
        ACCOUNT,
        START,
    )
    await house.pool.execute(
        "INSERT INTO invoice_pdfs (invoice_id, agency_id, status, content, fetched_at) VALUES ($1, $2, $3, $4, $5)",
        "inv_anna_p1",
        AGENCY,
        "paid",
        b"%PDF",
        START,
    )
    await house.pool.execute(
        "INSERT INTO refunds (id, agency_id, invoice_id, account_id, amount, currency, status, provider_id, "
        "created_at, first_sent_at, settled_at) "
        "VALUES ('rfd_1', $1, 'inv_anna_p1', $2, 400, 'usd', 'succeeded', 're_1', $3, $3, $3)",
        AGENCY,
        ACCOUNT,
        END,
    )
    await house.pool.execute(
        "INSERT INTO credit_notes (id, agency_id, invoice_id, account_id, provider_id, number, amount, before_payment, "
        "currency, status, created_at) "
        "VALUES ('cnt_1', $1, 'inv_anna_p1', $2, 'cn_1', 'ACME-0001-CN-01', 400, 0, 'usd', 'issued', $3)",
        AGENCY,
        ACCOUNT,
        END,
    )
    await house.pool.execute(
        "INSERT INTO disputes (id, agency_id, invoice_id, account_id, provider_id, charge_id, amount, currency, "
        "status, reason, created_at, closed_at) "
        "VALUES ('dsp_1', $1, 'inv_anna_p1', $2, 'du_1', 'ch_1', 4900, 'usd', 'won', 'fraudulent', $3, $3)",
        AGENCY,
        ACCOUNT,
        END,
    )
    found = Difference(FindingKind.INVOICE_AMOUNT_DIFFERS, "in_1", "ours", "theirs", "inv_anna_p1", "cli_anna")
    await PostgresComparison(house.pool).settle(ACCOUNT, [found], ["in_1"], START)
    await PostgresComparison(house.pool).settle(ACCOUNT, [], ["in_1"], START + HOUR)
    await receive_event(house, "evt_1", "cus_anna")
    (event,) = await inbox.claim(house.pool, END)
    await inbox.resolve(house.pool, event.id)
    async with house.pool.acquire() as connection:
        await outbox.add(connection, AGENCY, "start", "start:sub_anna", {"subscription": "sub_anna"}, START)
    scope = idempotency.Scope("agency:agc_one", "POST", "/v1/agency/clients", "key-1")
    await idempotency.begin(house.pool, scope, "hash", START)
    await sessions.open_session(
        house.pool,
        sessions.Session("hash", "hash", "client", "ada", AGENCY, "cli_anna", ["manage_billing"], START, END),
    )


async def receive_event(house: House, event: str, customer: str | None, **changes: Any) -> bool:
    """Store an event about the customer's card, as Stripe would report it."""
    given: dict[str, Any] = {
        "account": ACCOUNT,
        "event_id": event,
        "type": "payment_method.attached",
        "object_id": f"obj_{event}",
        "customer_id": customer,
        "created_at": START,
        "payload": {"data": {"object": {}}},
        "received_at": START,
    }
    return await inbox.receive(house.pool, **(given | changes))


async def _the_account_is_restricted_for_a_while(house: House) -> None:
    """Before its first subscription: nobody had to wait."""
    well = AccountReading(ACCOUNT, True, True, True, "active")
    for hours, health in enumerate((replace(well, charges_enabled=False), well)):
        async with house.store.transaction() as books:
            await books.mirror_account(health, START - DAY + hours * HOUR)
    for row in await house.fetch("SELECT id FROM inbox WHERE type = $1", ACCOUNT_CHANGED):
        await inbox.done(house.pool, row["id"], START)
