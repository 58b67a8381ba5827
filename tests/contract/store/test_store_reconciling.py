"""Our books' side of reconciliation: what is compared, what moves, and findings that are entered, told and resolved."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, attempt

from adapters.postgres import disputes, refunds
from adapters.postgres.findings import agrees_with_stripe, findings, last_run
from adapters.postgres.pool import transaction
from adapters.postgres.reconciling import PostgresComparison
from billing.disputes import DisputeReading, DisputeStatus
from billing.payments import EventReading
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind, Subject
from billing.refunds import RefundReading, RefundStatus
from billing.reversals import BookedReversal
from billing.state import Origin
from tests.contract.store.test_store_refunds import asked

P1 = "inv_anna_p1"
GONE = Difference(FindingKind.INVOICE_MISSING, "in_1", "open", "is not there", P1, "cli_anna")
LIMPS = Difference(FindingKind.ACCOUNT_DIFFERS, ACCOUNT, "charges enabled", "charges disabled")


@pytest.fixture
def books(house: House) -> PostgresComparison:
    return PostgresComparison(house.pool)


async def the_invoice(books: PostgresComparison, since: datetime = START) -> Booked:
    (found,) = await books.expected(ACCOUNT, since)
    return found


async def test_an_invoice_is_compared_with_what_our_attempts_paid(house: House, books: PostgresComparison) -> None:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    owed = await the_invoice(books)
    assert (owed.invoice, owed.client, owed.status, owed.amount_due) == (P1, "cli_anna", "open", 4900)
    assert (owed.charges, owed.moving) == (frozenset(), False)
    await house.charge(state, START + HOUR)
    paid = await the_invoice(books)
    assert (paid.status, paid.amount_paid, len(paid.charges)) == ("paid", 4900, 1)
    assert await books.expected(ACCOUNT, START + DAY) == []
    assert await books.booked(ACCOUNT, [], [P1]) == await books.booked(ACCOUNT, [paid.provider_id or ""], []) == [paid]
    assert await books.booked("acct_other", [], [P1]) == []


async def test_an_old_invoice_is_compared_as_long_as_it_is_open(house: House, books: PostgresComparison) -> None:
    await house.issue(await house.subscribed("anna"), START)
    assert (await the_invoice(books, START + 90 * DAY)).invoice == P1


async def test_an_invoice_moves_while_an_attempt_is_in_flight(house: House, books: PostgresComparison) -> None:
    await house.issue(await house.subscribed("anna", card=CARD), START)
    async with house.store.transaction() as ledger:
        await ledger.begin_attempt("sub_anna", attempt(P1, 1, START + HOUR), Origin.ISSUE, START + HOUR)
    assert (await the_invoice(books)).moving


async def test_an_invoice_moves_while_its_news_are_unread(house: House, books: PostgresComparison) -> None:
    await house.issue(await house.subscribed("anna"), START)
    provider_id = (await the_invoice(books)).provider_id or ""
    await books.wake(ACCOUNT, {provider_id: Subject.INVOICE}, START + HOUR)
    assert (await the_invoice(books)).moving
    (row,) = await house.pool.fetch("SELECT id, type, object_id FROM inbox")
    assert (row["type"], row["object_id"]) == ("invoice.updated", provider_id)
    await house.pool.execute("UPDATE inbox SET delivered_at = $1", START + HOUR)
    assert not (await the_invoice(books)).moving
    await house.pool.execute(
        "INSERT INTO inbox_readers (inbox_id, subscription_id, agency_id) VALUES ($1, 'sub_anna', $2)",
        row["id"],
        AGENCY,
    )
    assert (await the_invoice(books)).moving


BACK = RefundReading("re_1", None, "pi_1", 900, "usd", RefundStatus.SUCCEEDED, None, None, START + DAY)
ASKED = DisputeReading(
    "du_1", "ch_1", "pi_1", 4900, "usd", DisputeStatus.OPEN, "fraudulent", CARD.identity, None, START + DAY
)


async def test_refunds_and_disputes_are_compared_for_their_time_and_as_long_as_they_go_on(
    house: House, books: PostgresComparison
) -> None:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    await house.charge(state, START + HOUR)
    async with transaction(house.pool) as connection:
        await refunds.mirror(connection, ACCOUNT, P1, BACK, START + DAY)
        await disputes.mirror(connection, ACCOUNT, P1, ASKED, START + DAY)
    refund = BookedReversal(Subject.REFUND, "re_1", P1, "cli_anna", "succeeded", 900, "usd")
    dispute = BookedReversal(Subject.DISPUTE, "du_1", P1, "cli_anna", "open", 4900, "usd")
    assert set(await books.expected_reversals(ACCOUNT, START)) == {refund, dispute}
    assert await books.expected_reversals(ACCOUNT, START + 2 * DAY) == [dispute]
    assert await books.booked_reversals(ACCOUNT, ["re_1", "re_2"]) == [refund]
    assert await books.expected_reversals("acct_other", START) == []
    async with transaction(house.pool) as connection:
        await disputes.mirror(connection, ACCOUNT, P1, replace(ASKED, status=DisputeStatus.LOST), START + DAY)
    assert await books.expected_reversals(ACCOUNT, START + 2 * DAY) == []


async def test_a_refund_that_stripe_is_not_known_to_have_is_not_compared(
    house: House, books: PostgresComparison
) -> None:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    await house.charge(state, START + HOUR)
    async with transaction(house.pool) as connection:
        await refunds.enter(connection, asked("one", 900, P1))
    assert await books.expected_reversals(ACCOUNT, START) == []


async def test_what_is_woken_is_unread_until_it_is_delivered(house: House, books: PostgresComparison) -> None:
    objects = {"re_1": Subject.REFUND, "du_1": Subject.DISPUTE}
    await books.wake(ACCOUNT, objects, START)
    rows = await house.fetch("SELECT type, object_id FROM inbox ORDER BY object_id")
    assert [(row["type"], row["object_id"]) for row in rows] == [
        ("charge.dispute.updated", "du_1"),
        ("refund.updated", "re_1"),
    ]
    assert await books.unread(ACCOUNT, [*objects, "re_2"]) == set(objects)
    assert await books.unread("acct_other", list(objects)) == frozenset()
    await house.pool.execute("UPDATE inbox SET delivered_at = $1 WHERE object_id = 're_1'", START)
    assert await books.unread(ACCOUNT, list(objects)) == {"du_1"}


async def test_the_customers_of_an_account_that_are_clients_are_known(house: House, books: PostgresComparison) -> None:
    state = await house.subscribed("anna")
    assert await books.are_clients(ACCOUNT, {state.customer, "cus_own"}) == {state.customer}
    assert await books.are_clients("acct_other", {state.customer}) == frozenset()


@pytest.mark.parametrize("kind", list(FindingKind))
async def test_every_kind_of_finding_is_entered_and_told(
    house: House, books: PostgresComparison, kind: FindingKind
) -> None:
    assert await books.settle(ACCOUNT, [Difference(kind, "x_1", "this", "that")], ["x_1"], START) == (1, 0)
    assert len(await messages(house)) == 1


def event(id: str) -> EventReading:
    payload = {"id": id, "data": {"object": {"id": "in_1", "object": "invoice", "status": "paid"}}}
    return EventReading(id, "invoice.paid", START, "in_1", "cus_anna", json.dumps(payload))


async def test_only_events_that_the_inbox_lacks_are_taken_in(house: House, books: PostgresComparison) -> None:
    assert await books.take_in(ACCOUNT, [event("evt_1"), event("evt_2")], START) == 2
    assert await books.take_in(ACCOUNT, [event("evt_2"), event("evt_3")], START) == 1
    assert await house.pool.fetchval("SELECT count(*) FROM inbox WHERE account = $1", ACCOUNT) == 3
    assert await books.events_since(ACCOUNT) is None
    await books.reconciled(ACCOUNT, START + DAY, START + DAY)
    await books.reconciled(ACCOUNT, None, START + 2 * DAY)
    assert await books.events_since(ACCOUNT) == START + DAY


async def messages(house: House) -> list[Any]:
    return list(await house.pool.fetch("SELECT * FROM notifications WHERE kind = 'finding' ORDER BY at, client_id"))


async def test_a_finding_is_told_once_for_as_long_as_it_lasts(house: House, books: PostgresComparison) -> None:
    await house.issue(await house.subscribed("anna"), START)
    both = (GONE, LIMPS)
    objects = [one.object for one in both]
    assert await books.settle(ACCOUNT, both, objects, START) == (2, 0)
    assert await books.settle(ACCOUNT, (replace(GONE, ours="paid"), LIMPS), objects, START + HOUR) == (0, 0)
    assert sorted(await books.open_findings(ACCOUNT)) == sorted(one.key for one in both)
    told = await messages(house)
    assert sorted((one["client_id"] or "", one["invoice_id"] or "") for one in told) == [("", ""), ("cli_anna", P1)]
    async with house.pool.acquire() as connection:
        assert len((await agrees_with_stripe(connection)).wrong) == 2

    # What could not be judged is left as it is.
    assert await books.settle(ACCOUNT, (), [GONE.object], START + 2 * HOUR) == (0, 1)
    assert await books.open_findings(ACCOUNT) == [LIMPS.key]
    gone = next(
        one for one in await findings(house.pool, AGENCY, open_only=False, limit=9, after=None) if one.invoice_id
    )
    assert (gone.ours, gone.first_seen_at, gone.last_seen_at) == ("paid", START, START + HOUR)
    assert gone.resolved_at == START + 2 * HOUR

    # When it comes back, it is another finding.
    assert await books.settle(ACCOUNT, (GONE,), [GONE.object], START + 3 * HOUR) == (1, 0)
    assert len(await messages(house)) == 3


async def test_the_books_know_the_accounts_health_and_which_can_be_read(
    house: House, books: PostgresComparison
) -> None:
    await house.agency("agc_two", "acct_two", "pln_two")
    assert await books.account(ACCOUNT) == BookedAccount(ACCOUNT, True, False, "active", connected=True)
    assert await books.account("acct_nowhere") is None
    assert await books.accounts("", 10) == [ACCOUNT, "acct_two"]
    assert await books.accounts("", 1) == [ACCOUNT]
    assert await books.accounts(ACCOUNT, 10) == ["acct_two"]
    await house.pool.execute("UPDATE connected_accounts SET state = 'disconnected'")
    assert await books.accounts("", 10) == []
    await books.settle(ACCOUNT, (LIMPS,), [ACCOUNT], START)
    assert await books.accounts("", 10) == [ACCOUNT], "a finding about it may be over"


async def test_the_last_run_is_remembered(house: House, books: PostgresComparison) -> None:
    assert await last_run(house.pool) is None
    await books.finished(START, START + HOUR, 7, 1)
    await books.finished(START, START + HOUR, 7, 1)
    run = await last_run(house.pool)
    assert run is not None
    assert (run.started_at, run.finished_at, run.accounts, run.failed) == (START, START + HOUR, 7, 1)
