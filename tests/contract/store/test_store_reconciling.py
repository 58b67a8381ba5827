"""Our books' side of reconciliation: what is compared, what moves, and findings that are entered, told and resolved."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, attempt

from adapters.postgres.findings import agrees_with_stripe, findings, last_run
from adapters.postgres.reconciling import PostgresComparison
from billing.payments import EventReading
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind
from billing.state import Origin

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
    await books.wake(ACCOUNT, [provider_id], START + HOUR)
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
