"""Invoices after their drafting: brought to what Stripe says of them, and only forward (billing-rules 5)."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from support.house import ACCOUNT, AGENCY, DAY, HOUR, START, House, reading

from billing.invoices import InvoiceStatus, Line, LineKind
from billing.ledger import InvoiceRow
from billing.payments import InvoiceReading

OPEN, PAID, VOID, UNCOLLECTIBLE = (
    InvoiceStatus.OPEN,
    InvoiceStatus.PAID,
    InvoiceStatus.VOID,
    InvoiceStatus.UNCOLLECTIBLE,
)


async def _drafted(house: House, *lines: Line) -> InvoiceRow:
    return await house.draft(await house.subscribed("anna"), START, *lines)


async def _mirror(house: House, row: InvoiceRow, said: InvoiceReading, at: datetime = START) -> InvoiceRow:
    async with house.store.transaction() as books:
        return await books.mirror_invoice(row.id, said, at)


async def _row(house: House) -> dict[str, Any]:
    (row,) = await house.fetch("SELECT * FROM invoices")
    return row


async def test_a_reading_brings_number_amounts_links_and_the_time_of_issue(house: House) -> None:
    drafted = await _drafted(house)
    said = reading(drafted, total=5300, amount_due=5000, starting_balance=-300, number="ACME-0007")
    mirrored = await _mirror(house, drafted, said, START + HOUR)
    assert (mirrored.status, mirrored.provider_id, mirrored.issued_at) == (OPEN, f"in_{drafted.id}", START + HOUR)
    row = await _row(house)
    assert (row["number"], row["total"], row["provider_subtotal"], row["provider_total"]) == (
        "ACME-0007",
        4900,
        4900,
        5300,
    )
    assert (row["amount_due"], row["amount_paid"], row["starting_balance"], row["ending_balance"]) == (5000, 0, -300, 0)
    assert (row["hosted_url"], row["pdf_url"]) == ("https://invoice.test/1", "https://invoice.test/1.pdf")
    assert row["settled_at"] is None


async def test_the_same_reading_again_changes_nothing(house: House) -> None:
    drafted = await _drafted(house)
    for said in (reading(drafted), reading(drafted, PAID)):
        await _mirror(house, drafted, said, START + HOUR)
        once = await _row(house)
        await _mirror(house, drafted, said, START + DAY)
        assert await _row(house) == once


async def test_a_newer_reading_of_the_same_status_brings_what_has_changed(house: House) -> None:
    drafted = await _drafted(house)
    await _mirror(house, drafted, reading(drafted), START + HOUR)
    await _mirror(house, drafted, reading(drafted, amount_due=900, hosted_url=None, pdf_url=None), START + DAY)
    row = await _row(house)
    assert (row["amount_due"], row["issued_at"], row["hosted_url"]) == (900, START + HOUR, "https://invoice.test/1")


@pytest.mark.parametrize(
    ("known", "older"),
    [
        (OPEN, InvoiceStatus.DRAFT),
        *((PAID, older) for older in (InvoiceStatus.DRAFT, OPEN, VOID, UNCOLLECTIBLE)),
        *((VOID, older) for older in (InvoiceStatus.DRAFT, OPEN, PAID, UNCOLLECTIBLE)),
        *((UNCOLLECTIBLE, older) for older in (InvoiceStatus.DRAFT, OPEN)),
    ],
)
async def test_a_reading_that_is_older_than_the_books_changes_nothing(
    house: House, known: InvoiceStatus, older: InvoiceStatus
) -> None:
    drafted = await _drafted(house)
    await _mirror(house, drafted, reading(drafted))
    newest = await _mirror(house, drafted, reading(drafted, known), START + HOUR)
    before = await _row(house)
    assert await _mirror(house, drafted, reading(drafted, older, number="OLD", amount_due=1), START + DAY) == newest
    assert await _row(house) == before


@pytest.mark.parametrize("later", [PAID, VOID])
async def test_what_was_written_off_may_still_be_paid_or_voided(house: House, later: InvoiceStatus) -> None:
    drafted = await _drafted(house)
    await _mirror(house, drafted, reading(drafted, UNCOLLECTIBLE), START + HOUR)
    assert (await _mirror(house, drafted, reading(drafted, later), START + DAY)).status is later
    assert (await _row(house))["settled_at"] == START + DAY


async def test_readings_that_race_end_with_the_newest_status(house: House) -> None:
    drafted = await _drafted(house)
    said = [reading(drafted), reading(drafted, PAID), reading(drafted), reading(drafted, PAID)]
    await asyncio.gather(*(_mirror(house, drafted, one, START + HOUR) for one in said))
    row = await _row(house)
    assert (row["status"], row["amount_paid"], row["settled_at"]) == ("paid", 4900, START + HOUR)


async def test_an_invoice_that_was_paid_at_once_may_never_have_been_seen_open(house: House) -> None:
    drafted = await _drafted(house)
    assert (await _mirror(house, drafted, reading(drafted, PAID, amount_due=0, amount_paid=0))).status is PAID
    assert (await _row(house))["issued_at"] == START


# Credit


async def _with_credit(house: House) -> InvoiceRow:
    """An invoice of 49.00 that consumes the 10.00 which its own correction brought."""
    state = await house.subscribed("anna")
    price = Line(LineKind.PRICE, "Voice Pro", 4900)
    return await house.draft(state, START, price, Line(LineKind.CORRECTION, "Correction", -1000))


async def _credit(house: House) -> tuple[int, int]:
    (row,) = await house.fetch("SELECT amount, consumed FROM credits")
    return row["amount"], row["consumed"]


async def test_voiding_gives_back_the_credit_that_was_consumed_once(house: House) -> None:
    drafted = await _with_credit(house)
    assert (drafted.total, await _credit(house)) == (3900, (1000, 1000))
    await _mirror(house, drafted, reading(drafted))
    assert await _credit(house) == (1000, 1000)
    for at in (START + HOUR, START + DAY):
        await _mirror(house, drafted, reading(drafted, VOID), at)
        assert await _credit(house) == (1000, 0)
    assert await house.value("SELECT given_back_at FROM credit_uses") == START + HOUR


@pytest.mark.parametrize("settled", [PAID, UNCOLLECTIBLE])
async def test_credit_stays_consumed_by_what_is_paid_or_written_off(house: House, settled: InvoiceStatus) -> None:
    drafted = await _with_credit(house)
    await _mirror(house, drafted, reading(drafted, settled))
    assert await _credit(house) == (1000, 1000)


# An invoice of nothing


async def test_an_invoice_of_nothing_is_paid_in_our_books_alone(house: House) -> None:
    drafted = await _drafted(house, Line(LineKind.PRICE, "Free", 0))
    async with house.store.transaction() as books:
        settled = await books.settle_empty(drafted.id, START + HOUR)
        assert await books.settle_empty(drafted.id, START + DAY) == settled
    assert (settled.status, settled.issued_at, settled.provider_id) == (PAID, START + HOUR, None)
    assert (await _row(house))["settled_at"] == START + HOUR


async def test_an_invoice_of_something_is_never_settled_for_nothing(house: House) -> None:
    drafted = await _drafted(house)
    with pytest.raises(ValueError, match="4900 usd"):
        async with house.store.transaction() as books:
            await books.settle_empty(drafted.id, START)
    assert (await _row(house))["status"] == "draft"


# Reading


async def test_an_invoice_is_found_by_stripes_id_on_its_own_account_only(house: House) -> None:
    drafted = await _drafted(house)
    mirrored = await _mirror(house, drafted, reading(drafted))
    async with house.store.transaction() as books:
        assert await books.invoice_by_provider(ACCOUNT, f"in_{drafted.id}") == mirrored
        assert await books.invoice_by_provider("acct_two", f"in_{drafted.id}") is None
        assert await books.invoice_by_provider(ACCOUNT, "in_unknown") is None
        assert await books.invoice(drafted.id) == mirrored
        assert await books.invoice("inv_unknown") is None


async def test_an_unknown_invoice_is_said_to_be_unknown(house: House) -> None:
    drafted = await _drafted(house)
    async with house.store.transaction() as books:
        with pytest.raises(LookupError, match="inv_unknown"):
            await books.mirror_invoice("inv_unknown", reading(drafted), START)
        with pytest.raises(LookupError, match="inv_unknown"):
            await books.settle_empty("inv_unknown", START)
    assert await house.value("SELECT agency_id FROM invoices") == AGENCY
