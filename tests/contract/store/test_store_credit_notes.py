"""Credit notes in the books: taken over with the invoice's reading, each once, and void when Stripe shows no more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from support.house import AGENCY, START, House, reading

from adapters.postgres import credit_notes
from adapters.postgres.compared import Compared
from adapters.postgres.credit_notes import CreditNoteRow
from adapters.postgres.invariants import examine
from billing.credit_notes import CreditNoteReading
from billing.ledger import InvoiceRow

FIRST = CreditNoteReading("cn_1", None, "ACME-0001-CN-01", 1900, 1900, "usd", "issued", "order_change", "late", START)
OURS = replace(FIRST, provider_id="cn_2", note="cnt_ours", number="ACME-0001-CN-02", amount=500, before_payment=500)


@pytest.fixture
async def issued(house: House) -> InvoiceRow:
    await house.issue(await house.subscribed("anna"), START)
    async with house.store.transaction() as books:
        row = await books.invoice("inv_anna_p1")
    assert row
    return row


async def shown(house: House, invoice: InvoiceRow, *notes: CreditNoteReading) -> list[CreditNoteRow]:
    due = invoice.total - sum(note.before_payment for note in notes if note.status == "issued")
    async with house.store.transaction() as books:
        seen = reading(invoice, amount_due=due, total=invoice.total, credit_notes=notes)
        await books.mirror_invoice(invoice.id, seen, START + timedelta(days=1))
    return await credit_notes.of_invoice(house.pool, AGENCY, invoice.id)


async def test_each_is_taken_over_once_and_lowers_what_is_due(house: House, issued: InvoiceRow) -> None:
    (row,) = await shown(house, issued, FIRST)
    assert (row.amount, row.status, row.order_id, row.memo) == (1900, "issued", None, "late")
    rows = await shown(house, issued, FIRST, OURS)
    assert [(one.order_id, one.amount) for one in rows] == [(None, 1900), ("cnt_ours", 500)]
    assert rows == await shown(house, issued, FIRST, OURS)
    due = await house.pool.fetchval("SELECT amount_due FROM invoices WHERE id = $1", issued.id)
    assert due == issued.total - 2400
    assert await credit_notes.of_invoice(house.pool, "agc_other", issued.id) == []


async def test_what_stripe_shows_as_void_or_no_more_is_void_for_good(house: House, issued: InvoiceRow) -> None:
    await shown(house, issued, FIRST, OURS)
    rows = await shown(house, issued, FIRST, replace(OURS, status="void"))
    assert [one.status for one in rows] == ["issued", "void"]
    assert [one.status for one in await shown(house, issued)] == ["void", "void"]


async def test_the_check_counts_what_is_credited_to_the_cent(house: House, issued: InvoiceRow) -> None:
    await shown(house, issued, FIRST)
    assert _wrong(await examine(house.pool)) == []
    await house.pool.execute("UPDATE invoices SET amount_due = amount_due - 1 WHERE id = $1", issued.id)
    assert _wrong(await examine(house.pool)) == [
        "inv_anna_p1: 2999 due, of 4900 with tax, a balance that went from 0 to 0, and 1900 credited"
    ]


def _wrong(found: Sequence[Compared]) -> list[str]:
    return [sentence for compared in found if compared.id == "I2" for sentence in compared.wrong]
