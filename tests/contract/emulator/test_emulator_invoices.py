"""An invoice's life: every legal step, every illegal one, and what each leaves behind."""

from typing import Any

import pytest
import stripe

from tests.contract.emulator.shop import Shop


async def test_a_draft_becomes_a_paid_invoice(shop: Shop) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id)
    draft = await shop.draft(customer.id, 4900, -900, metadata={"ours": "inv_1"})
    assert (draft.status, draft.number, draft.total, draft.hosted_invoice_url) == ("draft", None, 4000, None)
    await shop.api.invoices.update_async(draft.id, {"application_fee_amount": 80}, shop.options())
    issued = await shop.api.invoices.finalize_invoice_async(draft.id, {"auto_advance": False}, shop.options())
    assert (issued.status, issued.amount_due, issued.amount_remaining, issued.attempted) == ("open", 4000, 4000, False)
    assert issued.number.endswith("-0001")
    assert issued.status_transitions.finalized_at
    paid = await shop.pay(issued.id, payment_method=method, off_session=True)
    assert (paid.status, paid.amount_paid, paid.amount_remaining, paid.attempt_count) == ("paid", 4000, 0, 1)
    payment = (await shop.invoice(issued.id)).payments.data[0]
    charge = payment.payment.payment_intent.latest_charge
    assert (payment.status, payment.amount_paid, payment.is_default) == ("paid", 4000, True)
    assert (charge.status, charge.amount, charge.application_fee_amount, charge.paid) == ("succeeded", 4000, 80, True)
    assert await shop.event_types() == [
        "account.updated", "account.updated", "capability.updated", "customer.created", "setup_intent.created",
        "payment_method.attached", "setup_intent.succeeded", "checkout.session.completed", "customer.updated",
        "invoice.created", "invoice.updated", "invoice.updated", "payment_intent.created", "invoice.finalized",
        "invoice.updated", "charge.succeeded", "payment_intent.succeeded", "invoice.paid",
        "invoice.payment_succeeded", "invoice_payment.paid", "invoice.updated",
    ]  # fmt: skip


async def test_a_decline_leaves_the_invoice_open_and_says_so(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, "4000000000000341")
    invoice = await shop.finalized(customer.id, 900)
    before = len(await shop.event_types())
    await shop.declined(invoice.id)
    assert (await shop.event_types())[before:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.payment_failed",
        "invoice.updated",
    ]


async def test_the_platforms_fee_is_collected_on_the_platform(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.draft(customer.id, 4900)
    await shop.api.invoices.update_async(invoice.id, {"application_fee_amount": 98}, shop.options())
    await shop.pay(invoice.id)
    charge = (await shop.invoice(invoice.id)).payments.data[0].payment.payment_intent.latest_charge
    fee = await shop.api.application_fees.retrieve_async(charge.application_fee)
    assert (fee.amount, fee.account, fee.charge) == (98, shop.account, charge.id)


async def test_a_fee_above_the_amount_is_refused(shop: Shop) -> None:
    invoice = await shop.draft((await shop.customer()).id, 900)
    await shop.api.invoices.update_async(invoice.id, {"application_fee_amount": 901}, shop.options())
    with pytest.raises(stripe.InvalidRequestError, match="application fee"):
        await shop.api.invoices.finalize_invoice_async(invoice.id, {}, shop.options())


async def test_the_platform_itself_takes_no_fee(api: Any) -> None:
    customer = await api.customers.create_async({"name": "Own"})
    with pytest.raises(stripe.InvalidRequestError, match="application_fee_amount"):
        await api.invoices.create_async({"customer": customer.id, "currency": "usd", "application_fee_amount": 5})


# (how the invoice got where it is, what is tried): every one is refused, most without a code, as Stripe does
ILLEGAL = [
    ("draft", "void_invoice"),
    ("draft", "mark_uncollectible"),
    ("open", "finalize_invoice"),
    ("open", "delete"),
    ("open", "add_lines"),
    ("open", "update"),
    ("paid", "pay"),
    ("paid", "void_invoice"),
    ("paid", "mark_uncollectible"),
    ("paid", "finalize_invoice"),
    ("paid", "delete"),
    ("void", "pay"),
    ("void", "void_invoice"),
    ("void", "mark_uncollectible"),
    ("void", "finalize_invoice"),
    ("uncollectible", "mark_uncollectible"),
    ("uncollectible", "add_lines"),
]
EDITS = {"add_lines": {"lines": [{"amount": 1}]}, "update": {"description": "changed"}}


async def _bring_to(shop: Shop, status: str) -> str:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    if status == "draft":
        return str((await shop.draft(customer.id, 900)).id)
    invoice = await shop.finalized(customer.id, 900)
    steps = {"paid": "pay", "void": "void_invoice", "uncollectible": "mark_uncollectible"}
    if status in steps:
        await getattr(shop.api.invoices, f"{steps[status]}_async")(invoice.id, {}, shop.options())
    return str(invoice.id)


@pytest.mark.parametrize(("status", "step"), ILLEGAL)
async def test_illegal_steps_are_refused_and_change_nothing(shop: Shop, status: str, step: str) -> None:
    invoice = await _bring_to(shop, status)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await getattr(shop.api.invoices, f"{step}_async")(invoice, EDITS.get(step, {}), shop.options())
    assert (refusal.value.http_status, refusal.value.error.type) == (400, "invalid_request_error")
    assert refusal.value.error.code == ("invoice_not_editable" if step in EDITS else None)
    after = await shop.invoice(invoice)
    assert (after.status, len(after.lines.data)) == (status, 1)


async def test_already_paid_has_no_code(shop: Shop) -> None:
    invoice = await _bring_to(shop, "paid")
    with pytest.raises(stripe.InvalidRequestError, match="already paid") as refusal:
        await shop.pay(invoice)
    assert refusal.value.error.code is None


async def test_an_uncollectible_invoice_can_still_be_paid_or_voided(shop: Shop) -> None:
    paid, voided = await _bring_to(shop, "uncollectible"), await _bring_to(shop, "uncollectible")
    assert (await shop.pay(paid)).status == "paid"
    assert (await shop.api.invoices.void_invoice_async(voided, {}, shop.options())).status == "void"


async def test_voiding_cancels_the_payment(shop: Shop) -> None:
    invoice = await _bring_to(shop, "void")
    after = await shop.invoice(invoice)
    payment = after.payments.data[0]
    assert after.status_transitions.voided_at
    assert (payment.status, payment.payment.payment_intent.status) == ("canceled", "canceled")
    assert payment.payment.payment_intent.cancellation_reason == "void_invoice"


async def test_paying_a_draft_finalizes_it_first(shop: Shop) -> None:
    invoice = await _bring_to(shop, "draft")
    assert (await shop.pay(invoice)).number


async def test_a_refused_payment_of_a_draft_leaves_it_a_draft(shop: Shop) -> None:
    invoice = await _bring_to(shop, "draft")
    await shop.control(f"accounts/{shop.account}", {"action": "restrict"})
    before = await shop.event_types()
    with pytest.raises(stripe.InvalidRequestError, match="cannot currently make live charges"):
        await shop.pay(invoice)
    after = await shop.invoice(invoice)
    assert (after.status, after.number, after.payments.data) == ("draft", None, [])
    assert await shop.event_types() == before


async def test_the_update_of_a_paid_invoice_says_what_was_there_before(shop: Shop) -> None:
    invoice = await _bring_to(shop, "paid")
    event = (await shop.api.events.list_async({"type": "invoice.updated"}, shop.options())).data[0]
    assert event.data.object.id == invoice
    assert event.data.previous_attributes.to_dict() == {
        "amount_paid": 0,
        "amount_remaining": 900,
        "attempt_count": 0,
        "attempted": False,
        "status": "open",
        "status_transitions": {"paid_at": None},
    }


async def test_paid_out_of_band_charges_nothing(shop: Shop) -> None:
    invoice = await _bring_to(shop, "open")
    paid = await shop.pay(invoice, paid_out_of_band=True)
    after = await shop.invoice(invoice)
    assert (paid.status, paid.amount_paid_off_stripe, paid.amount_remaining) == ("paid", 900, 0)
    assert after.payments.data[0].payment.payment_intent.latest_charge is None
    assert "invoice.payment_succeeded" not in await shop.event_types()
    assert "invoice.paid" in await shop.event_types()


async def test_a_deleted_draft_is_gone(shop: Shop) -> None:
    invoice = await _bring_to(shop, "draft")
    assert (await shop.api.invoices.delete_async(invoice, {}, shop.options())).deleted
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.invoice(invoice)
    assert refusal.value.http_status == 404
    assert "invoice.deleted" in await shop.event_types()


async def test_an_issued_invoice_keeps_only_its_metadata_open(shop: Shop) -> None:
    invoice = await _bring_to(shop, "paid")
    changed = await shop.api.invoices.update_async(invoice, {"metadata": {"seen": "1"}}, shop.options())
    assert changed.metadata.seen == "1"
    event = (await shop.api.events.list_async({"type": "invoice.updated"}, shop.options())).data[0]
    assert event.data.previous_attributes.to_dict() == {"metadata": {"seen": None}}


async def test_sending_needs_the_method_and_an_address(shop: Shop) -> None:
    customer, silent = await shop.customer(), await shop.customer(email="")
    send = shop.api.invoices.send_invoice_async
    sent = await shop.draft(customer.id, 900, collection_method="send_invoice", days_until_due=14)
    after = await send(sent.id, {}, shop.options())
    assert (after.status, after.due_date - after.created) == ("open", 14 * 86400)
    assert "invoice.sent" in await shop.event_types()
    charged = await shop.finalized(customer.id, 900)
    nowhere = await shop.finalized(silent.id, 900, collection_method="send_invoice", days_until_due=14)
    for invoice, reason in ((charged, "collection method"), (nowhere, "Missing email")):
        with pytest.raises(stripe.InvalidRequestError, match=reason):
            await send(invoice.id, {}, shop.options())


@pytest.mark.parametrize("params", [{"collection_method": "send_invoice"}, {"days_until_due": 3}])
async def test_due_dates_belong_to_sent_invoices(shop: Shop, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.draft((await shop.customer()).id, **params)


async def test_numbers_follow_each_other_for_a_customer(shop: Shop) -> None:
    customer, other = await shop.customer(), await shop.customer()
    numbers = [(await shop.finalized(who.id, 900)).number for who in (customer, customer, other)]
    assert [number.split("-")[1] for number in numbers] == ["0001", "0002", "0001"]
    assert len({number.split("-")[0] for number in numbers}) == 2


async def test_nothing_is_charged_by_itself(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.draft(customer.id, 900, auto_advance=True)
    assert (await shop.invoice(invoice.id)).status == "draft"


async def test_the_card_is_the_given_one_else_the_invoices_else_the_customers(shop: Shop) -> None:
    customer = await shop.customer()
    default, second = await shop.save_card(customer.id), await shop.save_card(customer.id, default=False)
    third = await shop.save_card(customer.id, "5555555555554444", default=False)
    for params, arguments, expected in (
        ({}, {}, default),
        ({"default_payment_method": second}, {}, second),
        ({"default_payment_method": second}, {"payment_method": third}, third),
    ):
        invoice = await shop.finalized(customer.id, 900, **params)
        await shop.pay(invoice.id, **arguments)
        intent = (await shop.invoice(invoice.id)).payments.data[0].payment.payment_intent
        assert intent.payment_method == expected


async def test_an_invoice_is_found_by_its_payment(shop: Shop) -> None:
    invoice = await _bring_to(shop, "paid")
    intent = (await shop.invoice(invoice)).payments.data[0].payment.payment_intent
    listed = shop.api.invoice_payments.list_async
    by_payment = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    assert [found.invoice for found in (await listed(by_payment, shop.options())).data] == [invoice]
    assert [found.payment.payment_intent for found in (await listed({"invoice": invoice}, shop.options())).data] == [
        intent.id
    ]
    elsewhere = {"payment": {"type": "payment_intent", "payment_intent": "pi_none"}}
    assert (await listed(elsewhere, shop.options())).data == []


async def test_what_a_merchant_does_in_the_dashboard_has_no_request(shop: Shop) -> None:
    for action, status in (("void", "void"), ("paid_out_of_band", "paid"), ("mark_uncollectible", "uncollectible")):
        invoice = await _bring_to(shop, "open")
        done = await shop.control(f"dashboard/{invoice}", {"action": action})
        assert done["invoice"]["status"] == status
        event = (await shop.api.events.list_async({"limit": 1}, shop.options())).data[0]
        assert (event.data.object.id, event.request.id, event.request.idempotency_key) == (invoice, None, None)
