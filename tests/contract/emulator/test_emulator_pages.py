"""Hosted pages as a customer uses them: plain forms, no scripts, a refusal in words, a way back."""

import re
from html import unescape
from typing import Any

import pytest

from tests.contract.emulator.process import EmulatorProcess, sdk
from tests.contract.emulator.shop import CARD, Shop, open_shop

HOUR_SECONDS = 3600
REFUSED_TYPING = {
    "4242424242424241": ({}, "number is incorrect"),
    "1234": ({}, "number is incorrect"),
    "4242424242424242": ({"exp_year": "2020"}, "expiration year is invalid"),
    "4242 4242 4242 4242": ({"exp_month": "13"}, "expiration month is invalid"),
    "5555555555554444": ({"exp_year": "soon"}, "expiration year is invalid"),
    "378282246310005": ({"cvc": "1"}, "security code is invalid"),
}


def _usable_without_scripts(page: str) -> bool:
    """Every field has a label, every form a button, and nothing has to be executed."""
    fields = set(re.findall(r'<input id="(\w+)"', page))
    labels = set(re.findall(r'<label for="(\w+)"', page))
    return fields == labels and "<script" not in page and page.count("<form") <= page.count('type="submit"')


async def test_a_card_is_typed_on_the_checkout_page(shop: Shop) -> None:
    customer = await shop.customer()
    session = await shop.session(customer.id, metadata={"ours": "1"})
    assert (session.status, session.mode, session.payment_status) == ("open", "setup", "no_payment_required")
    page = await shop.http.get(session.url)
    assert page.status_code == 200
    assert _usable_without_scripts(page.text)
    assert "Bright Voice" in page.text
    assert 'href="https://shop.test/cancel"' in page.text
    done = await shop.type_card(session.url, "4242 4242 4242 4242")
    assert (done.status_code, done.headers["location"]) == (303, f"https://shop.test/done?session={session.id}")
    after = await shop.api.checkout.sessions.retrieve_async(
        session.id, {"expand": ["setup_intent.payment_method"]}, shop.options()
    )
    assert (after.status, after.url, after.setup_intent.status) == ("complete", None, "succeeded")
    assert after.setup_intent.payment_method.customer == customer.id
    assert (await shop.event_types())[-3:] == [
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]
    again = await shop.http.get(session.url)
    assert "Your card has been saved" in again.text


async def test_checkout_does_not_make_the_card_the_default(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, default=False)
    after = await shop.api.customers.retrieve_async(customer.id, {}, shop.options())
    assert after.invoice_settings.default_payment_method is None


@pytest.mark.parametrize("number", REFUSED_TYPING)
async def test_typing_errors_are_said_in_words(shop: Shop, number: str) -> None:
    fields, words = REFUSED_TYPING[number]
    session = await shop.session((await shop.customer()).id)
    answer = await shop.type_card(session.url, number, **fields)
    assert answer.status_code == 402
    assert words in unescape(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert (await shop.type_card(session.url, "4242424242424242")).status_code == 303


async def test_a_refused_card_leaves_the_page_open_for_another(shop: Shop) -> None:
    session = await shop.session((await shop.customer()).id)
    assert (await shop.type_card(session.url, "4000000000009995")).status_code == 402
    assert (await shop.type_card(session.url, "4242424242424242")).status_code == 303


@pytest.mark.parametrize(("action", "status"), [("authenticate", "complete"), ("fail", "open")])
async def test_the_bank_may_ask_on_the_checkout_page(shop: Shop, action: str, status: str) -> None:
    session = await shop.session((await shop.customer()).id)
    asked = await shop.type_card(session.url, "4000002500003155")
    assert asked.headers["location"] == f"/c/setup/{session.id}"
    page = await shop.http.get(session.url)
    assert "Complete authentication" in page.text
    assert _usable_without_scripts(page.text)
    answer = await shop.http.post(session.url, data={"action": action})
    assert answer.status_code == (303 if action == "authenticate" else 402)
    after = await shop.api.checkout.sessions.retrieve_async(session.id, {}, shop.options())
    assert after.status == status


async def test_an_expired_page_says_so(shop: Shop) -> None:
    session = await shop.session((await shop.customer()).id)
    await shop.api.checkout.sessions.expire_async(session.id, {}, shop.options())
    for answer in (await shop.http.get(session.url), await shop.type_card(session.url, "4242424242424242")):
        assert answer.status_code == 410
        assert "expired" in answer.text
    assert "checkout.session.expired" in await shop.event_types()


async def test_pages_expire_with_sandbox_time(own_emulator: EmulatorProcess, http: Any) -> None:
    async with sdk(own_emulator.url) as api:
        shop = await open_shop(api, http, own_emulator.url)
        session = await shop.session((await shop.customer()).id)
        assert session.expires_at - session.created == 24 * HOUR_SECONDS
        addresses = {"return_url": "https://shop.test/back", "refresh_url": "https://shop.test/again"}
        link = await api.account_links.create_async(
            {"account": shop.account, "type": "account_onboarding", **addresses}
        )
        own_emulator.set_clock(23 * HOUR_SECONDS)
        assert (await http.get(session.url)).status_code == 200
        assert (await http.get(link.url)).headers["location"] == "https://shop.test/again"
        own_emulator.set_clock(25 * HOUR_SECONDS)
        await http.get(f"{own_emulator.url}/_emulator/pending")
        assert (await shop.event_types())[-1] == "checkout.session.expired"
        assert (await http.get(session.url)).status_code == 410


@pytest.mark.parametrize("path", ["c/setup/cs_test_none", "i/acct_1/none", "i/acct_1/none/pdf", "setup/s/acct_1/none"])
async def test_unknown_addresses_are_404(shop: Shop, path: str) -> None:
    assert (await shop.http.get(f"{shop.url}/{path}")).status_code == 404


async def test_an_invoice_is_paid_on_its_page(shop: Shop) -> None:
    customer = await shop.customer()
    invoice = await shop.finalized(customer.id, 4900)
    page = await shop.http.get(invoice.hosted_invoice_url)
    assert _usable_without_scripts(page.text)
    assert "49.00 USD" in page.text
    assert invoice.number in page.text
    assert invoice.invoice_pdf in page.text
    refused = await shop.type_card(invoice.hosted_invoice_url, "4000000000000341")
    assert refused.status_code == 402
    assert "Your card was declined." in refused.text
    paid = await shop.type_card(invoice.hosted_invoice_url, "4242424242424242")
    assert paid.status_code == 303
    after = await shop.invoice(invoice.id)
    assert (after.status, after.attempt_count) == ("paid", 2)
    assert "has been paid" in (await shop.http.get(invoice.hosted_invoice_url)).text
    receipt = after.payments.data[0].payment.payment_intent.latest_charge.receipt_url
    assert "49.00 USD" in (await shop.http.get(receipt)).text
    again = await shop.type_card(invoice.hosted_invoice_url, "4242424242424242")
    assert "already paid" in again.text


async def test_the_bank_may_ask_on_the_invoice_page(shop: Shop) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 4900)
    asked = await shop.type_card(invoice.hosted_invoice_url, "4000002760003184")
    assert asked.status_code == 303
    assert "Complete authentication" in (await shop.http.get(invoice.hosted_invoice_url)).text
    failed = await shop.http.post(invoice.hosted_invoice_url, data={"action": "fail"})
    assert "unable to authenticate" in failed.text
    await shop.type_card(invoice.hosted_invoice_url, "4000002760003184")
    await shop.http.post(invoice.hosted_invoice_url, data={"action": "authenticate"})
    assert (await shop.invoice(invoice.id)).status == "paid"


async def test_a_void_invoice_page_says_so(shop: Shop) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 4900)
    await shop.api.invoices.void_invoice_async(invoice.id, {}, shop.options())
    page = await shop.http.get(invoice.hosted_invoice_url)
    assert "voided" in page.text
    assert "<form" not in page.text


async def test_the_pdf_shows_what_the_invoice_says(shop: Shop) -> None:
    rate = await shop.api.tax_rates.create_async(
        {"display_name": "VAT", "percentage": "20", "inclusive": False}, shop.options()
    )
    customer = await shop.customer(name="Zoë – Client", balance=-100)
    invoice = await shop.finalized(customer.id, 4900, default_tax_rates=[rate.id])
    answer = await shop.http.get(invoice.invoice_pdf)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    for words in (invoice.number, "Bright Voice", "Line 0", "VAT 20%", "58.80 USD", "57.80 USD", "Client"):
        assert words.encode() in answer.content


@pytest.mark.parametrize(
    ("action", "number", "status"),
    [("pay", None, "paid"), ("pay", "4000002760003184", "action_required"), ("fail", None, "failed"),
     ("pay", "4000000000000341", "failed"), ("authenticate", None, "paid")],
)  # fmt: skip
async def test_a_program_can_act_as_the_customer(shop: Shop, action: str, number: str | None, status: str) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 4900)
    done = await shop.control(f"hosted-invoices/{invoice.id}", {"action": action, "number": number})
    assert done["status"] == status
    assert bool(done["reason"]) is (status != "paid")
    assert (await shop.invoice(invoice.id)).status == ("paid" if status == "paid" else "open")


async def test_what_customers_typed_is_shown_as_text(shop: Shop) -> None:
    customer = await shop.customer(name="<script>alert(1)</script>")
    invoice = await shop.finalized(customer.id, 900)
    page = await shop.http.get(invoice.hosted_invoice_url)
    assert "&lt;script&gt;" in page.text
    assert _usable_without_scripts(page.text)


async def test_the_card_form_is_the_same_everywhere(shop: Shop) -> None:
    session = await shop.session((await shop.customer()).id)
    page = (await shop.http.get(session.url)).text
    assert set(re.findall(r'name="(\w+)"', page)) == {"viewport", "number", *CARD}
