"""Disputes through the gateway: read as the bank has them, with the card that was charged."""

from dataclasses import replace

import pytest

from adapters.stripe.disputing import StripeDisputes
from billing.disputes import DisputeReading, DisputeStatus
from billing.payments import Refused
from billing.refunds import RefundOrder
from tests.contract.gateway.test_refunds import paid, refund
from tests.contract.gateway.world import Emulator, World


async def provider_invoice(world: World, order: RefundOrder) -> str:
    page = await world.ask(
        lambda o: world.connection.v1.invoice_payments.list_async(
            {"payment": {"type": "payment_intent", "payment_intent": order.payment_intent}}, o
        )
    )
    return str(page.data[0].invoice)


async def read(world: World, order: RefundOrder) -> DisputeReading:
    page = await world.ask(
        lambda o: world.connection.v1.disputes.list_async({"payment_intent": order.payment_intent}, o)
    )
    return await StripeDisputes(world.connection).read_dispute(world.account, page.data[0].id)


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        (["dispute"], DisputeStatus.OPEN),
        (["inquiry"], DisputeStatus.WARNING),
        (["inquiry", "dispute_escalated"], DisputeStatus.OPEN),
        (["inquiry", "dispute_won"], DisputeStatus.WARNING_CLOSED),
        (["dispute", "dispute_won"], DisputeStatus.WON),
        (["dispute", "dispute_lost"], DisputeStatus.LOST),
    ],
    ids=["open", "asked", "escalated", "asked and closed", "won", "lost"],
)
async def test_a_dispute_is_read_as_it_stands(emulator: Emulator, actions: list[str], status: DisputeStatus) -> None:
    world = emulator.world
    order = await paid(world, "rfd_disputed")
    invoice = await provider_invoice(world, order)
    for action in actions:
        await emulator.tell(f"dashboard/{invoice}", action=action)
    reading = await read(world, order)
    assert (reading.status, reading.amount, reading.currency) == (status, 6000, "usd")
    assert (reading.payment_intent, reading.reason) == (order.payment_intent, "fraudulent")
    charged = await world.ask(lambda o: world.connection.v1.charges.retrieve_async(reading.charge, None, o))
    card = charged.payment_method_details.card  # type: ignore[union-attr]
    assert card
    assert reading.card == f"{card.fingerprint}:{card.exp_year}-{card.exp_month:02d}"
    assert reading.evidence_due_at


async def test_what_was_charged_back_cannot_be_refunded_and_what_is_asked_about_can(emulator: Emulator) -> None:
    world = emulator.world
    order = await paid(world, "rfd_after")
    invoice = await provider_invoice(world, order)
    await emulator.tell(f"dashboard/{invoice}", action="inquiry")
    await refund(world, order)
    await emulator.tell(f"dashboard/{invoice}", action="dispute_escalated")
    with pytest.raises(Refused, match="charged back"):
        await refund(world, replace(order, refund=f"{order.refund}_2"))
