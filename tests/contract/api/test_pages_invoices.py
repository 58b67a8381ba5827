"""The dashboard's invoices: listed, looked into, and each act on one of them."""

import csv
from collections.abc import AsyncIterator

import pytest
from support.http import Json, Site
from support.pages import Browser, Page, as_agency
from support.tenant import FAILS, PAYS, Tenant

from api.agency import export
from api.problems import Forbidden

INVOICES = "/agency/invoices"


@pytest.fixture
async def browser(site: Site, tenant: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, tenant.id) as browser:
        yield browser


async def unpaid(tenant: Tenant) -> Json:
    return await tenant.invoice(await tenant.subscribed(FAILS), settled=True)


async def paid(tenant: Tenant) -> Json:
    return await tenant.invoice(await tenant.subscribed(PAYS), settled=True)


def acts(page: Page) -> list[str]:
    return page.all(".acts a")


async def ask(browser: Browser, invoice: Json, act: str) -> Page:
    return await browser.open(f"{INVOICES}/{invoice['id']}/{act}")


async def test_the_list_leads_to_each_invoice_by_status_and_page(browser: Browser, own: Tenant, site: Site) -> None:
    async with as_agency(site, own.id) as own_browser:
        assert "There are no invoices yet." in (await own_browser.open(INVOICES)).text
        first, second = await paid(own), await unpaid(own)
        page = await own_browser.open(INVOICES)
        assert page.all("tbody th") == [second["number"], first["number"]]
        assert page.link(first["number"]) == f"{INVOICES}/{first['id']}"
        assert page.link(first["client_name"]) == f"/agency/clients/{first['client_id']}"
        assert page.all("tbody .badge") == ["Payment failed", "Paid"]
        assert (await own_browser.open(f"{INVOICES}?status=paid")).all("tbody th") == [first["number"]]
        assert "no invoices of this kind" in (await own_browser.open(f"{INVOICES}?status=void")).text


async def test_the_export_passes_on_the_apis_table(own: Tenant, site: Site) -> None:
    invoice = await paid(own)
    async with as_agency(site, own.id) as browser:
        answer = (await browser.open(f"{INVOICES}/export.csv")).answer
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="invoices.csv"'
    assert answer.headers["cache-control"] == "no-store"
    (row,) = csv.DictReader(answer.text.splitlines())
    assert (row["id"], row["total"]) == (invoice["id"], "49.00")


async def test_an_export_that_is_refused_is_a_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise Forbidden("The books are closed.")

    monkeypatch.setattr(export, "own_agency", refused)
    page = await browser.open(f"{INVOICES}/export.csv")
    assert (page.status, page.title) == (403, "This is not open to you")
    assert "The books are closed." in page.text
    assert page.link("Back to the dashboard") == "/agency"
    assert "frame-ancestors 'none'" in page.answer.headers["content-security-policy"]


async def test_an_invoice_shows_why_it_was_declined_and_what_can_be_done(browser: Browser, tenant: Tenant) -> None:
    page = await browser.open(f"{INVOICES}/{(await unpaid(tenant))['id']}")
    (attempt,) = page.all("[aria-label^=Attempts] tbody tr")
    assert "When it was issued Declined No reason given. Visa •••• 0341 $49.00" in attempt
    assert acts(page) == [
        "Try to charge now",
        "Mark paid elsewhere",
        "Credit note",
        "Reissue with other lines",
        "Write off",
        "Void",
    ]


async def test_nothing_is_done_about_an_invoice_while_it_is_being_paid(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client, settled=True)
    await tenant.bank(client, "processing")
    await browser.press(await ask(browser, invoice, "retry"), "Charge the card now")
    page = await browser.open(f"{INVOICES}/{invoice['id']}")
    assert "A payment is being made. What you can do shows here once the bank has answered." in page.text
    assert acts(page) == []


async def test_a_paid_invoice_has_its_pdf_and_can_only_be_refunded(browser: Browser, tenant: Tenant) -> None:
    invoice = await paid(tenant)
    page = await browser.open(f"{INVOICES}/{invoice['id']}")
    assert acts(page) == ["Refund"]
    pdf = (await browser.open(page.link("Download PDF"))).answer
    assert (pdf.headers["content-type"], pdf.content[:4]) == ("application/pdf", b"%PDF")
    told = await ask(browser, invoice, "void")
    assert (told.path, told.title) == (f"{INVOICES}/{invoice['id']}", f"Invoice {invoice['number']}")
    assert "That is not possible as things stand now." in told.text


async def test_voiding_asks_once_with_the_money_in_words(browser: Browser, tenant: Tenant) -> None:
    invoice = await unpaid(tenant)
    question = await ask(browser, invoice, "void")
    assert f"The $49.00 of this invoice to {invoice['client_name']} will never be owed" in question.text
    page = await browser.press(question, "Void $49.00", reason="Billed to the wrong client")
    assert "The invoice is void. Nothing is owed of it any more." in page.text
    assert (await tenant.invoice(invoice["client_id"]))["status"] == "void"
    assert acts(page) == []


async def test_what_is_written_off_can_still_be_marked_paid(browser: Browser, tenant: Tenant) -> None:
    invoice = await unpaid(tenant)
    page = await browser.press(await ask(browser, invoice, "mark-uncollectible"), "Write off $49.00")
    assert "Written off" in page.all(".badge")
    assert acts(page) == ["Mark paid elsewhere", "Void"]
    question = await ask(browser, invoice, "mark-paid")
    empty = await browser.press(question, "Mark $49.00 as paid")
    assert (empty.status, empty.wrong("reference")) == (422, "Please say what shows that it was paid.")
    page = await browser.press(empty, "Mark $49.00 as paid", reference="Bank transfer 4711")
    assert "Paid elsewhere" in page.all(".badge")


async def test_a_retry_says_what_the_bank_said(browser: Browser, tenant: Tenant) -> None:
    invoice = await unpaid(tenant)
    page = await browser.press(await ask(browser, invoice, "retry"), "Charge the card now")
    assert "The payment did not go through." in page.text
    assert len(page.all("[aria-label^=Attempts] tbody tr")) == 2
    await tenant.bank(invoice["client_id"], "pays")
    page = await browser.press(await ask(browser, invoice, "retry"), "Charge the card now")
    assert "The payment went through: the invoice is paid." in page.text


async def test_a_part_is_refunded_and_too_much_is_refused_in_words(browser: Browser, tenant: Tenant) -> None:
    invoice = await paid(tenant)
    question = await ask(browser, invoice, "refund")
    assert str(question.one("#amount")["value"]) == "49.00"
    wrong = await browser.press(question, "Refund", amount="much", note="Two days")
    assert (wrong.status, wrong.wrong("amount")) == (422, "Please type a number, such as 49.00.")
    assert str(wrong.one("#note")["value"]) == "Two days"
    much = await browser.press(wrong, "Refund", amount="49.01")
    assert (much.status, much.wrong("amount")) == (422, "Less than that is left of what was paid.")
    page = await browser.press(much, "Refund", amount="12.00", reason="requested_by_customer")
    assert "$12.00" in page.text
    (refund,) = page.all("[aria-label=Refunds] tbody tr")
    assert "Asked for by the client Two days $12.00" in refund
    assert "up to $37.00 can be given back" in (await ask(browser, invoice, "refund")).text


async def test_a_credit_note_lowers_what_is_owed(browser: Browser, tenant: Tenant) -> None:
    invoice = await unpaid(tenant)
    question = await ask(browser, invoice, "credit")
    much = await browser.press(question, "Make a credit note", amount="49.01")
    assert (much.status, much.wrong("amount")) == (422, "Less than that is still owed of the invoice.")
    page = await browser.press(much, "Make a credit note", amount="9,00", reason="order_change")
    assert "$9.00 is taken off what is owed of the invoice." in page.text
    assert "Still due $40.00" in page.text
    (note,) = page.all('[aria-label="Credit notes"] tbody tr')
    assert "The order has changed $9.00 Issued" in note


async def test_a_reissue_shows_what_it_comes_to_before_it_is_made(browser: Browser, tenant: Tenant) -> None:
    invoice = await unpaid(tenant)
    show = "Show what that comes to"
    question = await ask(browser, invoice, "reissue")
    same = await browser.press(question, show)
    assert (same.status, same.all(".banner.bad")) == (422, ["No line was changed."])
    shown = await browser.press(same, show, **{"amount-1": "39", "reason": "The old price"})
    assert shown.all("tfoot td") == ["$39.00"]
    assert (await tenant.invoice(invoice["client_id"]))["id"] == invoice["id"]
    edit = await browser.press(shown, "Change the lines", step="edit")
    assert str(edit.one("#amount-1")["value"]) == "39"
    shown = await browser.press(edit, show)
    page = await browser.press(shown, "Void it and issue the corrected one")
    assert page.path == f"{INVOICES}/{invoice['id']}_r2"
    assert "The invoice is reissued: this is its revision." in page.text
    assert "Total $39.00" in page.text


async def test_another_agencys_invoice_is_not_there(browser: Browser, own: Tenant) -> None:
    invoice = await unpaid(own)
    for path in ("", "/pdf", "/void", "/refund"):
        assert (await browser.open(f"{INVOICES}/{invoice['id']}{path}")).status == 404
    answer = await browser.http.post(f"{INVOICES}/{invoice['id']}/void", data={"csrf": "guessed"})
    assert answer.status_code == 403
    assert (await own.invoice(invoice["client_id"]))["status"] == "open"
