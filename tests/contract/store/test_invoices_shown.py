"""Invoices as people read them: whose, in which order, and with the portal's word (billing-rules 5)."""

from datetime import datetime, timedelta

from support.house import AGENCY, CARD, DAY, HOUR, START, House, answered, attempt, reading

from adapters.postgres.invoices import agency_invoices, client_invoices, invoice
from adapters.postgres.pdfs import keep_pdf, kept_pdf
from billing.declines import Decline
from billing.invoices import InvoiceStatus
from billing.state import Origin, State

DRY = Decline("card_declined", "insufficient_funds")
P1, P2 = "inv_anna_p1", "inv_anna_p2"


async def _words(house: House) -> dict[str, str]:
    return {one.id: one.portal_status for one in await client_invoices(house.pool, AGENCY, "cli_anna", 10, None)}


async def _two_periods(house: House, state: State, *, failing: bool) -> datetime:
    """Issue the invoices of both periods; `failing`: an attempt on the first fails in between. When the second is."""
    state = await house.issue(state, START)
    if failing:
        state = await house.charge(state, START + HOUR, DRY)
    assert state.period
    closed = state.period.end + HOUR
    await house.issue(await house.close(state, closed), closed)
    return closed


async def _tried(house: House, invoice: str, at: datetime, decline: Decline | None) -> None:
    tried = attempt(invoice, 7, at)
    async with house.store.transaction() as books:
        await books.begin_attempt("sub_anna", tried, Origin.LADDER, at)
        await books.settle_attempt(tried, answered(tried, 4900, at, decline), at)


async def test_an_invoice_that_was_issued_beside_a_failed_one_is_failed_as_long_as_that_is(house: House) -> None:
    issued = await _two_periods(house, await house.subscribed("anna", card=CARD), failing=True)
    assert await _words(house) == {P2: "failed", P1: "failed"}
    await _tried(house, P1, issued + DAY, None)
    assert await _words(house) == {P2: "pending", P1: "paid"}
    await _tried(house, P2, issued + DAY, DRY)
    assert await _words(house) == {P2: "failed", P1: "paid"}


async def test_an_invoice_that_was_issued_before_the_other_failed_is_pending(house: House) -> None:
    issued = await _two_periods(house, await house.subscribed("anna"), failing=False)
    assert await _words(house) == {P2: "pending", P1: "pending"}
    await _tried(house, P1, issued + DAY, DRY)
    assert await _words(house) == {P2: "pending", P1: "failed"}


async def test_another_clients_failure_is_not_this_ones(house: House) -> None:
    await _two_periods(house, await house.subscribed("anna"), failing=False)
    await house.charge(await house.issue(await house.subscribed("bert", card=CARD), START), START + HOUR, DRY)
    assert await _words(house) == {P2: "pending", P1: "pending"}


async def test_written_off_is_failed_and_void_is_void(house: House) -> None:
    await _two_periods(house, await house.subscribed("anna"), failing=False)
    async with house.store.transaction() as books:
        for id, status in ((P1, InvoiceStatus.UNCOLLECTIBLE), (P2, InvoiceStatus.VOID)):
            row = await books.invoice(id)
            assert row
            await books.mirror_invoice(id, reading(row, status), START + 60 * DAY)
    assert await _words(house) == {P2: "void", P1: "failed"}


async def test_what_is_due_is_the_total_until_stripe_says_otherwise(house: House) -> None:
    row = await house.draft(await house.subscribed("anna"), START)
    drafted = await invoice(house.pool, AGENCY, row.id)
    assert drafted
    assert (drafted.status, drafted.amount_due, drafted.balance_applied, drafted.sent) == ("draft", 4900, 0, False)
    said = reading(row, amount_due=4600, starting_balance=-300)
    async with house.store.transaction() as books:
        await books.mirror_invoice(row.id, said, START)
    issued = await invoice(house.pool, AGENCY, row.id)
    assert issued
    assert (issued.total, issued.amount_due, issued.balance_applied, issued.sent) == (4900, 4600, -300, True)
    assert [(line.kind, line.amount) for line in issued.lines] == [("price", 4900)]


async def test_a_total_under_stripes_minimum_waits_on_the_balance(house: House) -> None:
    row = await house.draft(await house.subscribed("anna", price=30), START)
    async with house.store.transaction() as books:
        await books.mirror_invoice(row.id, reading(row, InvoiceStatus.PAID, amount_due=0, ending_balance=30), START)
    shown = await invoice(house.pool, AGENCY, row.id)
    assert shown
    assert (shown.total, shown.amount_due, shown.balance_applied) == (30, 0, -30)


async def test_pages_go_from_the_newest_to_the_oldest_of_one_client_or_of_all(house: House) -> None:
    await _two_periods(house, await house.subscribed("anna"), failing=False)
    await house.issue(await house.subscribed("bert"), START + timedelta(days=1))
    seen: list[str] = []
    after = None
    while page := await agency_invoices(house.pool, AGENCY, None, 1, after):
        seen += [one.id for one in page]
        after = page[-1].created_at, page[-1].id
    assert seen == [P2, "inv_bert_p1", P1]
    assert [one.id for one in await client_invoices(house.pool, AGENCY, "cli_bert", 5, None)] == ["inv_bert_p1"]
    assert await agency_invoices(house.pool, AGENCY, InvoiceStatus.PAID, 5, None) == []
    assert len(await agency_invoices(house.pool, AGENCY, InvoiceStatus.OPEN, 5, None)) == 3


async def test_another_agencys_invoices_are_not_there(house: House) -> None:
    await house.issue(await house.subscribed("anna"), START)
    await house.agency("agc_two", "acct_two", "pln_two")
    assert await invoice(house.pool, "agc_two", P1) is None
    assert await agency_invoices(house.pool, "agc_two", None, 5, None) == []
    assert await client_invoices(house.pool, "agc_two", "cli_anna", 5, None) == []


async def test_a_pdf_is_kept_for_as_long_as_its_invoice_stands_so(house: House) -> None:
    await house.issue(await house.subscribed("anna"), START)
    assert await kept_pdf(house.pool, AGENCY, P1, InvoiceStatus.OPEN) is None
    await keep_pdf(house.pool, AGENCY, P1, InvoiceStatus.OPEN, b"%PDF due", START)
    assert await kept_pdf(house.pool, AGENCY, P1, InvoiceStatus.OPEN) == b"%PDF due"
    assert await kept_pdf(house.pool, "agc_two", P1, InvoiceStatus.OPEN) is None
    assert await kept_pdf(house.pool, AGENCY, P1, InvoiceStatus.PAID) is None
    await keep_pdf(house.pool, AGENCY, P1, InvoiceStatus.PAID, b"%PDF paid", START)
    assert await kept_pdf(house.pool, AGENCY, P1, InvoiceStatus.PAID) == b"%PDF paid"
