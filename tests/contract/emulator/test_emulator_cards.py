"""Stripe's documented test cards: what each does when it is saved and when it is charged, and how cards change."""

from html import unescape
from typing import Any

import pytest
import stripe

from tests.contract.emulator.process import EmulatorProcess
from tests.contract.emulator.shop import Shop, open_shop

# number: (error code, decline code, advice code) when it is saved
REFUSED_WHEN_SAVED = {
    "4000000000000002": ("card_declined", "generic_decline", "try_again_later"),
    "4000000000009995": ("card_declined", "insufficient_funds", "try_again_later"),
    "4000000000009987": ("card_declined", "lost_card", "do_not_try_again"),
    "4000000000009979": ("card_declined", "stolen_card", "do_not_try_again"),
    "4000000000000069": ("expired_card", "expired_card", "confirm_card_data"),
    "4000000000000127": ("incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
    "4000000000000119": ("processing_error", "processing_error", "try_again_later"),
    "4000000000006975": ("card_declined", "card_velocity_exceeded", "try_again_later"),
    "4100000000000019": ("card_declined", "fraudulent", None),
    "4000000000000010": ("card_declined", "test_mode_live_card", None),  # possible, but none of the test cards
}
PAYING = {
    "4242 4242 4242 4242": ("visa", "credit"),
    "4000056655665556": ("visa", "debit"),
    "5555555555554444": ("mastercard", "credit"),
    "5105105105105100": ("mastercard", "prepaid"),
    "378282246310005": ("amex", "credit"),
    "6011111111111117": ("discover", "credit"),
    "3056930009020004": ("diners", "credit"),
    "3566002020360505": ("jcb", "credit"),
    "6200000000000005": ("unionpay", "credit"),
}
# pm_card_…: decline code when it is charged although its bank let it be saved, None when it pays
NAMED = {
    "pm_card_visa": None,
    "pm_card_mastercard": None,
    "pm_card_chargeCustomerFail": "generic_decline",
    "pm_card_authenticationRequired": "authentication_required",
    "pm_card_authenticationRequiredOnSetup": "authentication_required",
    "pm_card_authenticationRequiredSetupForOffSession": None,
}
BEHAVIOURS = {
    "insufficient_funds": ("card_declined", "insufficient_funds", "issuer_declined"),
    "lost_card": ("card_declined", "lost_card", "issuer_declined"),
    "do_not_honor": ("card_declined", "do_not_honor", "issuer_declined"),
    "expired_card": ("expired_card", "expired_card", "issuer_declined"),
    "try_again_later": ("card_declined", "try_again_later", "issuer_declined"),
    "a_code_of_tomorrow": ("card_declined", "a_code_of_tomorrow", "issuer_declined"),
    "blocked": ("card_declined", "fraudulent", "blocked"),
    "needs_authentication": ("authentication_required", "authentication_required", "issuer_declined"),
}


async def _setup_error(shop: Shop, session: str) -> Any:
    found = await shop.api.checkout.sessions.retrieve_async(session, {"expand": ["setup_intent"]}, shop.options())
    return found.setup_intent


@pytest.mark.parametrize("number", REFUSED_WHEN_SAVED)
async def test_declining_cards_are_refused_when_saved(shop: Shop, number: str) -> None:
    code, decline_code, advice_code = REFUSED_WHEN_SAVED[number]
    session = await shop.session((await shop.customer()).id)
    answer = await shop.type_card(session.url, number)
    setup = await _setup_error(shop, session.id)
    error = setup.last_setup_error
    assert answer.status_code == 402
    assert error.message in unescape(answer.text)
    assert (setup.status, error.code, error.decline_code) == ("requires_payment_method", code, decline_code)
    assert error.to_dict().get("advice_code") == advice_code
    assert "payment_method.attached" not in await shop.event_types()
    assert "setup_intent.setup_failed" in await shop.event_types()


@pytest.mark.parametrize("number", PAYING)
async def test_good_cards_are_saved_and_pay(shop: Shop, number: str) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id, number)
    card = (await shop.api.payment_methods.retrieve_async(method, {}, shop.options())).card
    assert (card.brand, card.funding) == PAYING[number]
    assert card.last4 == number[-4:]
    invoice = await shop.finalized(customer.id, 900)
    assert (await shop.pay(invoice.id)).status == "paid"


@pytest.mark.parametrize("name", NAMED)
async def test_named_cards_behave_as_documented(shop: Shop, name: str) -> None:
    customer = await shop.customer()
    method = await shop.api.payment_methods.attach_async(name, {"customer": customer.id}, shop.options())
    invoice = await shop.finalized(customer.id, 900)
    if NAMED[name] is None:
        assert (await shop.pay(invoice.id, payment_method=method.id)).status == "paid"
    else:
        assert (await shop.declined(invoice.id, payment_method=method.id)).decline_code == NAMED[name]


async def test_a_declining_named_card_cannot_be_attached(shop: Shop) -> None:
    customer = await shop.customer()
    with pytest.raises(stripe.CardError) as refusal:
        await shop.api.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id}, shop.options())
    assert refusal.value.error.decline_code == "generic_decline"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_card_behaves_as_told(shop: Shop, behaviour: str) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id)
    await shop.control(f"cards/{customer.id}", {"behaviour": behaviour})
    invoice = await shop.finalized(customer.id, 900)
    error = await shop.declined(invoice.id)
    after = await shop.invoice(invoice.id)
    intent = after.payments.data[0].payment.payment_intent
    charge = intent.latest_charge
    code, decline_code, outcome = BEHAVIOURS[behaviour]
    assert (error.type, error.code, error.decline_code) == ("card_error", code, decline_code)
    assert (error.charge, error.payment_intent.id, error.payment_method.id) == (charge.id, intent.id, method)
    assert (charge.status, charge.failure_code, charge.outcome.type) == ("failed", code, outcome)
    assert charge.outcome.reason == ("highest_risk_level" if behaviour == "blocked" else decline_code)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == decline_code
    assert (after.status, after.attempt_count, after.attempted) == ("open", 1, True)


async def test_codes_of_the_network_are_passed_on(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, "5555555555554444")
    told = {"behaviour": "do_not_honor", "advice_code": "do_not_try_again", "network_advice_code": "03"}
    await shop.control(f"cards/{customer.id}", told)
    invoice = await shop.finalized(customer.id, 900)
    error = await shop.declined(invoice.id)
    outcome = (await shop.invoice(invoice.id)).payments.data[0].payment.payment_intent.latest_charge.outcome
    for place in (error, outcome):
        assert (place.advice_code, place.network_advice_code) == ("do_not_try_again", "03")
        assert place.network_decline_code == "05"


async def test_a_declined_card_can_pay_again(shop: Shop) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id, "4000000000000341")
    invoice = await shop.finalized(customer.id, 900)
    await shop.declined(invoice.id)
    await shop.control(f"cards/{method}", {"behaviour": "pays"})
    paid = await shop.pay(invoice.id)
    assert (paid.status, paid.attempt_count, paid.amount_paid) == ("paid", 2, 900)


async def test_an_authenticated_card_pays_off_session_once_set_up(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, "4000002500003155")
    assert (await shop.pay((await shop.finalized(customer.id, 900)).id)).status == "paid"


async def test_a_card_that_always_asks_waits_for_its_holder_on_session(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, "4000002760003184")
    invoice = await shop.finalized(customer.id, 900)
    assert (await shop.declined(invoice.id)).code == "authentication_required"
    error = await shop.declined(invoice.id, off_session=False)
    assert (error.code, error.payment_intent.status) == ("invoice_payment_intent_requires_action", "requires_action")
    assert "invoice.payment_action_required" in await shop.event_types()
    done = await shop.control(f"hosted-invoices/{invoice.id}", {"action": "authenticate"})
    assert done["status"] == "paid"
    after = await shop.invoice(invoice.id)
    assert after.payments.data[0].payment.payment_intent.latest_charge.payment_method_details.card.three_d_secure


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "paid"), ("failed", "open")])
async def test_a_processing_payment_is_settled_later(shop: Shop, outcome: str, status: str) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    await shop.control(f"cards/{customer.id}", {"behaviour": "processing"})
    invoice = await shop.finalized(customer.id, 900)
    assert (await shop.pay(invoice.id)).status == "open"
    waiting = (await shop.invoice(invoice.id)).payments.data[0].payment.payment_intent
    assert (waiting.status, waiting.latest_charge.status) == ("processing", "pending")
    for refused in (shop.api.invoices.pay_async, shop.api.invoices.void_invoice_async):
        with pytest.raises(stripe.InvalidRequestError):
            await refused(invoice.id, {}, shop.options())
    await shop.control(f"payments/{waiting.id}/settle", {"outcome": outcome})
    after = await shop.invoice(invoice.id)
    assert (after.status, after.attempt_count) == (status, 1)
    assert ("invoice.payment_failed" in await shop.event_types()) is (outcome == "failed")


async def test_the_same_number_has_the_same_fingerprint_on_one_account_only(shop: Shop, api: Any) -> None:
    async def fingerprint(where: Shop, number: str) -> str:
        method = await where.save_card((await where.customer()).id, number)
        card = (await api.payment_methods.retrieve_async(method, {}, where.options())).card
        return str(card.fingerprint)

    here, there = await fingerprint(shop, "4242424242424242"), await open_shop(api, shop.http, shop.url)
    assert await fingerprint(shop, "4242424242424242") == here
    assert await fingerprint(shop, "5555555555554444") != here
    assert await fingerprint(there, "4242424242424242") != here


async def test_numbers_are_never_stored(shop: Shop, emulator: EmulatorProcess) -> None:
    await shop.save_card((await shop.customer()).id, "6011111111111117")
    assert b"601111111111" not in emulator.database_text()


async def test_the_card_updater_brings_a_new_number_and_expiry(shop: Shop) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id, "4000000000000341")
    before = (await shop.api.payment_methods.retrieve_async(method, {}, shop.options())).card
    await shop.control(f"cards/{method}/update", {"exp_month": 3, "exp_year": 2045, "number": "5555555555554444"})
    after = (await shop.api.payment_methods.retrieve_async(method, {}, shop.options())).card
    assert (after.exp_month, after.exp_year, after.last4, after.brand) == (3, 2045, "4444", "mastercard")
    assert after.fingerprint != before.fingerprint
    event = (await shop.api.events.list_async({"type": "payment_method.automatically_updated"}, shop.options())).data[0]
    assert event.data.previous_attributes.card.to_dict() == {
        "exp_month": 12, "exp_year": 2040, "last4": "0341", "brand": "visa", "fingerprint": before.fingerprint,
    }  # fmt: skip
    assert (await shop.pay((await shop.finalized(customer.id, 900)).id)).status == "paid"


async def test_a_detached_card_is_gone_for_good(shop: Shop) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id)
    await shop.api.payment_methods.detach_async(method, {}, shop.options())
    assert (await shop.api.customers.payment_methods.list_async(customer.id, {}, shop.options())).data == []
    after = await shop.api.customers.retrieve_async(customer.id, {}, shop.options())
    assert after.invoice_settings.default_payment_method is None
    invoice = await shop.finalized(customer.id, 900)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        await shop.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        await shop.pay(invoice.id, payment_method=method)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await shop.api.payment_methods.attach_async(method, {"customer": customer.id}, shop.options())


async def test_the_default_card_must_be_the_customers(shop: Shop) -> None:
    one, other = await shop.customer(), await shop.customer()
    method = await shop.save_card(one.id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.api.customers.update_async(
            other.id, {"invoice_settings": {"default_payment_method": method}}, shop.options()
        )
    assert refusal.value.error.code == "resource_missing"


async def test_numbers_are_not_taken_by_the_api(shop: Shop) -> None:
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040}
    with pytest.raises(stripe.InvalidRequestError, match="unsafe"):
        await shop.api.payment_methods.create_async({"type": "card", "card": card}, shop.options())


async def test_a_setup_intent_saves_a_card_without_a_page(shop: Shop) -> None:
    customer = await shop.customer()
    params = {"customer": customer.id, "payment_method": "pm_card_visa", "confirm": True}
    setup = await shop.api.setup_intents.create_async(params, shop.options())
    assert setup.status == "succeeded"
    method = await shop.api.payment_methods.retrieve_async(setup.payment_method, {}, shop.options())
    assert method.customer == customer.id
    refused = params | {"payment_method": "pm_card_chargeDeclined"}
    with pytest.raises(stripe.CardError) as refusal:
        await shop.api.setup_intents.create_async(refused, shop.options())
    assert refusal.value.error.setup_intent.status == "requires_payment_method"
