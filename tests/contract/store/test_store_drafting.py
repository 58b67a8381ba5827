"""Drafting: one live invoice for a source, credit never used twice, late entries settled once (billing-rules 5)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from support.house import CARD, DAY, HOUR, START, House, call, new_invoice, opened_for, reading

from adapters.postgres.drafting import EntriesGone
from adapters.postgres.invoice_checks import amounts
from adapters.postgres.pool import transaction
from billing.invoices import InvoiceKind, InvoiceStatus, Line, LineKind, late_line, overage_line, price_line
from billing.ledger import InvoiceRow, NewInvoice
from billing.state import State

END = datetime(2026, 2, 28, tzinfo=UTC)
PRICE = Line(LineKind.PRICE, "Voice Pro", 4900)


def _new(number: int, *lines: Line, late: tuple[int, ...] = ()) -> NewInvoice:
    """An invoice for a change of the plan: as many as wanted, each for a source of its own."""
    return NewInvoice(f"inv_{number}", InvoiceKind.CHANGE, str(number), lines or (PRICE,), late, START)


async def _draft(house: House, state: State, new: NewInvoice) -> InvoiceRow:
    async with house.store.transaction() as books:
        return await books.draft_invoice(state, new)


async def _credit(house: House, amount: int, state: State, currency: str = "usd") -> int:
    """A credit of the client's, made by an invoice of its own."""
    owner = replace(state, terms=replace(state.terms, currency=currency))
    number = 100 + await house.value("SELECT count(*) FROM credits")
    lines = (Line(LineKind.CORRECTION, "Correction", -amount),)
    await _draft(house, owner, _new(number, *lines))
    credit: int = await house.value("SELECT max(id) FROM credits")
    return credit


async def _left(house: House) -> list[int]:
    return [row["left"] for row in await house.fetch("SELECT amount - consumed AS left FROM credits ORDER BY id")]


# One live invoice per source


async def test_drafts_of_one_source_that_race_are_one_invoice(house: House) -> None:
    state = await house.subscribed("anna")
    rows = await asyncio.gather(*(house.draft(state, START) for _ in range(5)))
    assert {row.id for row in rows} == {"inv_anna_p1"}
    assert await house.value("SELECT count(*) FROM invoices") == 1
    assert await house.value("SELECT count(*) FROM invoice_lines") == 1


async def test_drafts_of_one_source_under_several_ids_are_the_first_one(house: House) -> None:
    state = await house.subscribed("anna")
    several = [replace(new_invoice(state.to_issue[0], START), id=f"inv_{n}") for n in range(4)]
    rows = await asyncio.gather(*(_draft(house, state, new) for new in several))
    assert len({row.id for row in rows}) == 1
    assert await house.value("SELECT count(*) FROM invoices") == 1


async def test_a_draft_that_is_repeated_stands_as_it_was_whatever_is_owed_by_then(house: House) -> None:
    state = await house.subscribed("anna")
    first = await house.draft(state, START)
    again = await house.draft(state, START + DAY, PRICE, Line(LineKind.OVERAGE, "Overage", 100))
    assert again == first
    assert again.created_at == START


async def test_a_void_invoice_makes_room_for_the_next_revision(house: House) -> None:
    state = await house.subscribed("anna")
    first = await house.draft(state, START)
    async with house.store.transaction() as books:
        await books.mirror_invoice(first.id, reading(first), START)
        await books.mirror_invoice(first.id, reading(first, InvoiceStatus.VOID), START + HOUR)
    assert (await house.draft(state, START + DAY)).status is InvoiceStatus.VOID, "what was voided is not made again"
    corrected = replace(new_invoice(state.to_issue[0], START + DAY, replace(PRICE, amount=3900)), id="inv_anna_p1_r2")
    assert (await _draft(house, state, corrected)).total == 3900
    assert (await _draft(house, state, replace(corrected, id="inv_anna_p1_r3"))).id == "inv_anna_p1_r2"
    assert (await house.draft(state, START + DAY)).id == "inv_anna_p1_r2"


async def test_a_draft_that_dies_halfway_leaves_nothing(house: House) -> None:
    state = await house.subscribed("anna")
    await _credit(house, 1000, state)

    async def broken_off() -> None:
        async with house.store.transaction() as books:
            await books.draft_invoice(state, _new(1))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await broken_off()
    assert await house.value("SELECT count(*) FROM invoices WHERE id = 'inv_1'") == 0
    assert await _left(house) == [1000]


# Lines


async def test_lines_are_kept_as_they_were_given(house: House) -> None:
    state = await house.subscribed("anna")
    rate = Decimal("12.000000000001")
    lines = (
        price_line("Voice Pro", 4900, END, END + 31 * DAY, source="2"),
        overage_line(36720, 500, rate, "usd", START, END, zone="Europe/Berlin", source="1"),
        late_line(LineKind.LATE_CALLS, 120, 600, rate, START, END, source="1"),
    )
    drafted = await _draft(house, state, _new(1, *lines))
    assert drafted.lines == lines
    assert (drafted.total, drafted.status, drafted.issued_at) == (6364, InvoiceStatus.DRAFT, None)


async def test_an_invoice_names_the_period_that_it_opens_and_the_one_that_it_closes(house: House) -> None:
    state = await house.subscribed("anna", card=CARD)
    await house.report(call("c1", "anna", START, 612), at=START + HOUR)
    state = await house.close(await house.issue(state, START), END + HOUR)
    await house.draft(state, END + HOUR)
    rows = await house.fetch("SELECT source, opens_period, closed_period, total FROM invoices ORDER BY source")
    assert rows == [
        {"source": "1", "opens_period": 1, "closed_period": None, "total": 4900},
        {"source": "2", "opens_period": 2, "closed_period": 1, "total": 6244},
    ]


async def test_lines_of_nothing_are_an_invoice_of_nothing(house: House) -> None:
    drafted = await _draft(house, await house.subscribed("anna"), _new(1, replace(PRICE, amount=0)))
    assert (drafted.total, drafted.lines) == (0, ())


# Credit


async def test_credit_is_consumed_by_one_line_the_oldest_first_and_the_rest_stays(house: House) -> None:
    state = await house.subscribed("anna")
    for amount in (1000, 3000, 2000):
        await _credit(house, amount, state)
    drafted = await _draft(house, state, _new(1))
    assert (drafted.total, drafted.lines[-1].kind, drafted.lines[-1].amount) == (0, LineKind.CREDIT, -4900)
    assert await _left(house) == [0, 0, 1100]
    drafted = await _draft(house, state, _new(2))
    assert (drafted.total, await _left(house)) == (3800, [0, 0, 0])


async def test_what_a_correction_brings_beyond_the_invoice_stays_as_credit(house: House) -> None:
    state = await house.subscribed("anna")
    drafted = await _draft(house, state, _new(1, PRICE, Line(LineKind.CORRECTION, "Correction", -6000)))
    assert (drafted.total, await _left(house)) == (0, [1100])
    rows = await house.fetch("SELECT client_id, currency, amount, invoice_id FROM credits")
    assert rows == [{"client_id": "cli_anna", "currency": "usd", "amount": 6000, "invoice_id": "inv_1"}]


async def test_credit_is_carried_through_statements_to_what_stripe_has(house: House) -> None:
    """The agency asks its client for a statement's total: it uses credit up, makes it, and keeps what it used."""
    state = await house.subscribed("anna")
    await _credit(house, 1000, state)
    lines = (_new(1, PRICE, Line(LineKind.CORRECTION, "Correction", -6000)), _new(2))
    totals = []
    for new in lines:
        row = await _draft(house, state, new)
        async with house.store.transaction() as books:
            kept = await books.keep_statement(row.id, START)
        assert await _draft(house, state, new) == kept, "a repeat uses nothing more"
        totals.append((kept.status, kept.total, kept.lines[-1].amount))
    assert totals == [(InvoiceStatus.STATEMENT, 0, -4900), (InvoiceStatus.STATEMENT, 2800, -2100)]
    assert await _left(house) == [0, 0]
    assert (await _draft(house, state, _new(3))).total == 4900
    async with house.pool.acquire() as connection:
        assert (await amounts(connection)).wrong == ()


async def test_credit_is_the_clients_own_and_of_its_currency(house: House) -> None:
    anna, bert = await house.subscribed("anna"), await house.subscribed("bert")
    await _credit(house, 1000, anna, "eur")
    await _credit(house, 2000, bert)
    assert (await _draft(house, anna, _new(1))).total == 4900
    assert await _left(house) == [1000, 2000]


async def test_drafts_that_race_for_one_credit_never_use_it_twice(house: House) -> None:
    state = await house.subscribed("anna")
    await _credit(house, 12_000, state)
    rows = await asyncio.gather(*(_draft(house, state, _new(number)) for number in range(5)))
    assert sorted(row.total for row in rows) == [0, 0, 2700, 4900, 4900]
    assert await _left(house) == [0]


async def test_whoever_uses_a_credit_without_asking_first_is_stopped_by_the_credit(house: House) -> None:
    """Two transactions that both saw 1000 left: the second waits for the first, and is refused."""
    state = await house.subscribed("anna")
    credit = await _credit(house, 1000, state)
    for number in (1, 2):
        await _draft(house, replace(state, terms=replace(state.terms, currency="eur")), _new(number))

    async def use(invoice: str) -> None:
        async with transaction(house.pool) as connection:
            await connection.execute(
                "INSERT INTO credit_uses (credit_id, invoice_id, agency_id, amount, used_at) "
                "VALUES ($1, $2, $3, 600, $4)",
                credit,
                invoice,
                state.agency,
                START,
            )

    outcomes = await asyncio.gather(use("inv_1"), use("inv_2"), return_exceptions=True)
    (refused,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(refused, asyncpg.CheckViolationError)
    assert refused.constraint_name == "credits_never_over_consumed"
    assert await _left(house) == [400]


async def test_a_credit_left_by_an_ended_subscription_serves_the_next_one(house: House) -> None:
    old = await house.subscribed("anna")
    await _credit(house, 1000, old)
    new = opened_for("anna", id="sub_again")
    await house.pool.execute("UPDATE subscriptions SET status = 'cancelled', finished = true")
    await house.subscribe("anna", id="sub_again")
    assert (await _draft(house, new, _new(1))).total == 3900


# Late entries


async def _late(house: House) -> tuple[State, dict[str, Any]]:
    """A closed period to which two calls come late."""
    state = await house.issue(await house.subscribed("anna"), START)
    await house.report(call("c1", "anna", START, 500), at=START + HOUR)
    state = await house.close(state, END + HOUR)
    await house.report(call("c2", "anna", START, 2), call("c3", "anna", START, 3), at=END + 2 * HOUR)
    return state, {row["call_id"]: row["id"] for row in await house.fetch("SELECT id, call_id FROM late_entries")}


async def test_late_entries_are_settled_by_the_invoice_that_bills_them_and_by_no_other(house: House) -> None:
    state, entries = await _late(house)
    await _draft(house, state, _new(1, late=(entries["c2"],)))
    with pytest.raises(EntriesGone, match="inv_2"):
        await _draft(house, state, _new(2, late=(entries["c2"], entries["c3"])))
    assert await house.value("SELECT count(*) FROM invoices WHERE id = 'inv_2'") == 0
    rows = await house.fetch("SELECT call_id, settled_by, settled_at FROM late_entries ORDER BY call_id")
    assert [tuple(row.values()) for row in rows] == [("c2", "inv_1", START), ("c3", None, None)]
    assert await house.value("SELECT settled_late_seconds FROM periods WHERE number = 1") == 120


async def test_invoices_that_race_for_the_same_late_entries_bill_them_once(house: House) -> None:
    state, entries = await _late(house)
    both = tuple(entries.values())
    outcomes = await asyncio.gather(
        *(_draft(house, state, _new(number, late=both)) for number in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, EntriesGone) for outcome in outcomes) == 3
    assert await house.value("SELECT count(*) FROM invoices WHERE kind = 'change'") == 1
    assert await house.value("SELECT settled_late_seconds FROM periods WHERE number = 1") == 300


async def test_late_entries_of_another_subscription_are_not_there_to_be_settled(house: House) -> None:
    _, entries = await _late(house)
    bert = await house.subscribed("bert")
    with pytest.raises(EntriesGone):
        await _draft(house, bert, _new(1, late=tuple(entries.values())))
    assert await house.value("SELECT count(*) FROM late_entries WHERE settled_by IS NULL") == 2
