"""Giving money back: refunds, and credit notes on open and on paid invoices."""

from typing import Any

import pytest
import stripe

from tests.contract.emulator.shop import Shop


async def _paid(shop: Shop, amount: int = 1000, fee: int = 0) -> Any:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.draft(customer.id, amount)
    await shop.api.invoices.update_async(invoice.id, {"application_fee_amount": fee}, shop.options())
    await shop.pay(invoice.id)
    return await shop.invoice(invoice.id)


def _charge(invoice: Any) -> Any:
    return invoice.payments.data[0].payment.payment_intent.latest_charge


async def test_a_charge_is_refunded_in_parts_and_never_beyond(shop: Shop) -> None:
    charge = _charge(await _paid(shop))
    create = shop.api.refunds.create_async
    first = await create({"payment_intent": charge.payment_intent, "amount": 400}, shop.options())
    assert (first.status, first.amount, first.charge) == ("succeeded", 400, charge.id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await create({"charge": charge.id, "amount": 601}, shop.options())
    rest = await create({"charge": charge.id, "reason": "requested_by_customer"}, shop.options())
    assert rest.amount == 600
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await create({"charge": charge.id}, shop.options())
    assert refusal.value.error.code == "charge_already_refunded"
    after = await shop.api.charges.retrieve_async(charge.id, {"expand": ["refunds"]}, shop.options())
    assert (after.refunded, after.amount_refunded, len(after.refunds.data)) == (True, 1000, 2)
    assert (await shop.event_types(types=["refund.created", "charge.refunded"])) == [
        "refund.created",
        "charge.refunded",
    ] * 2


async def test_the_platforms_fee_goes_back_in_proportion(shop: Shop) -> None:
    charge = _charge(await _paid(shop, 1000, fee=50))
    params = {"charge": charge.id, "amount": 500, "refund_application_fee": True}
    await shop.api.refunds.create_async(params, shop.options())
    fee = await shop.api.application_fees.retrieve_async(charge.application_fee)
    assert (fee.amount_refunded, fee.refunded) == (25, False)


async def test_a_credit_note_lowers_an_open_invoice(shop: Shop) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 1000)
    params = {"invoice": invoice.id, "amount": 300, "email_type": "none", "reason": "duplicate"}
    note = await shop.api.credit_notes.create_async(params, shop.options())
    after = await shop.invoice(invoice.id)
    assert (note.type, note.number, note.status) == ("pre_payment", f"{invoice.number}-CN-01", "issued")
    assert (after.amount_due, after.amount_remaining, after.pre_payment_credit_notes_amount) == (700, 700, 300)
    assert after.payments.data[0].payment.payment_intent.amount == 700
    await shop.api.credit_notes.void_credit_note_async(note.id, {}, shop.options())
    assert (await shop.invoice(invoice.id)).amount_due == 1000


async def test_a_rest_under_the_smallest_charge_is_refused_until_it_is_credited_too(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.finalized(customer.id, 1000)
    params = {"invoice": invoice.id, "email_type": "none"}
    await shop.api.credit_notes.create_async({**params, "amount": 951}, shop.options())
    with pytest.raises(stripe.InvalidRequestError, match="at least") as refusal:
        await shop.pay(invoice.id)
    assert refusal.value.error.code == "amount_too_small"
    assert (await shop.invoice(invoice.id)).status == "open"
    await shop.api.credit_notes.create_async({**params, "amount": 49}, shop.options())
    assert (await shop.invoice(invoice.id)).status == "paid"


async def test_the_fee_is_at_most_what_is_charged(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    draft = await shop.draft(customer.id, 1000)
    await shop.api.invoices.update_async(draft.id, {"application_fee_amount": 500}, shop.options())
    await shop.api.invoices.finalize_invoice_async(draft.id, {}, shop.options())
    note = {"invoice": draft.id, "amount": 900, "email_type": "none"}
    await shop.api.credit_notes.create_async(note, shop.options())
    await shop.pay(draft.id)
    assert _charge(await shop.invoice(draft.id)).application_fee_amount == 100


async def test_a_credit_note_for_everything_settles_an_open_invoice(shop: Shop) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 1000)
    done = await shop.control(f"dashboard/{invoice.id}", {"action": "credit_note"})
    assert (done["invoice"]["status"], done["made"]["amount"]) == ("paid", 1000)


async def test_a_paid_invoice_is_credited_by_refund_balance_or_elsewhere(shop: Shop) -> None:
    invoice = await _paid(shop)
    parts = {"refund_amount": 500, "credit_amount": 300, "out_of_band_amount": 200}
    note = await shop.api.credit_notes.create_async({"invoice": invoice.id, "amount": 1000, **parts}, shop.options())
    assert (note.type, note.refunds[0].amount_refunded, note.out_of_band_amount) == ("post_payment", 500, 200)
    assert _charge(await shop.invoice(invoice.id)).amount_refunded == 500
    customer = await shop.api.customers.retrieve_async(invoice.customer, {}, shop.options())
    assert customer.balance == -300
    assert (await shop.invoice(invoice.id)).post_payment_credit_notes_amount == 1000


@pytest.mark.parametrize("params", [{"amount": 1001}, {"amount": 500}, {"amount": 500, "refund_amount": 499}, {}])
async def test_credit_notes_that_do_not_add_up_are_refused(shop: Shop, params: Any) -> None:
    invoice = await _paid(shop)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.api.credit_notes.create_async({"invoice": invoice.id, **params}, shop.options())
    assert (await shop.api.credit_notes.list_async({"invoice": invoice.id}, shop.options())).data == []


async def test_a_merchant_refunds_in_the_dashboard(shop: Shop) -> None:
    invoice = await _paid(shop)
    done = await shop.control(f"dashboard/{invoice.id}", {"action": "refund", "amount": 250})
    assert (done["made"]["object"], done["made"]["amount"]) == ("refund", 250)
    listed = (await shop.api.refunds.list_async({"charge": _charge(invoice).id}, shop.options())).data
    assert [refund.amount for refund in listed] == [250]
