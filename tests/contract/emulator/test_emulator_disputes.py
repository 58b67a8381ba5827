"""Disputes: a bank asks, takes money back, and decides; what was charged back is not refunded."""

import pytest
import stripe

from tests.contract.emulator.shop import Shop


async def _paid(shop: Shop) -> str:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.draft(customer.id, 1000)
    await shop.pay(invoice.id)
    return str(invoice.id)


async def _do(shop: Shop, invoice: str, action: str) -> stripe.Dispute:
    made = (await shop.control(f"dashboard/{invoice}", {"action": action}))["made"]
    return await shop.api.disputes.retrieve_async(made["id"], {"expand": ["charge"]}, shop.options())


async def test_a_dispute_takes_the_money_at_once_and_gives_it_back_when_it_is_won(shop: Shop) -> None:
    invoice = await _paid(shop)
    opened = await _do(shop, invoice, "dispute")
    assert (opened.status, opened.amount, opened.charge.disputed) == ("needs_response", 1000, True)  # type: ignore[union-attr]
    assert [entry.amount for entry in opened.balance_transactions] == [-1000]
    assert (await shop.invoice(invoice)).status == "paid"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.api.refunds.create_async({"charge": opened.charge.id}, shop.options())  # type: ignore[union-attr]
    assert refusal.value.error
    assert refusal.value.error.code == "charge_disputed"

    won = await _do(shop, invoice, "dispute_won")
    assert (won.status, [entry.amount for entry in won.balance_transactions]) == ("won", [-1000, 1000])
    types = ["created", "funds_withdrawn", "funds_reinstated", "closed"]
    assert await shop.event_types(types=[f"charge.dispute.{name}" for name in types]) == [
        f"charge.dispute.{name}" for name in types
    ]
    again = await shop.http.post(f"{shop.url}/_emulator/dashboard/{invoice}", json={"action": "dispute_lost"})
    assert again.status_code == 400, "what is decided is decided"


async def test_an_inquiry_takes_nothing_until_it_is_escalated(shop: Shop) -> None:
    invoice = await _paid(shop)
    asked = await _do(shop, invoice, "inquiry")
    assert (asked.status, asked.balance_transactions, asked.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )
    escalated = await _do(shop, invoice, "dispute_escalated")
    assert (escalated.status, [entry.amount for entry in escalated.balance_transactions]) == ("needs_response", [-1000])
    assert (await _do(shop, invoice, "dispute_lost")).status == "lost"
