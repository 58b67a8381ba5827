"""Refunds through the gateway: made once whatever is lost, looked up when the key is too old, and read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.stripe.refunding import StripeRefunds
from billing.payments import OutcomeUnknown, Refused
from billing.refunds import RefundOrder, RefundReading, RefundStatus
from tests.contract.gateway.world import Emulator, World


async def paid(world: World, refund: str, amount: int = 1200) -> RefundOrder:
    """The order of a refund of a part of an invoice that was just paid with 60.00."""
    order, issued = await world.issued()
    answer = await world.pay(order, issued)
    assert answer.payment_intent
    now = datetime.now(UTC)
    return RefundOrder(
        f"{refund}_{order.invoice}", order.invoice, answer.payment_intent, amount, "duplicate", False, now
    )


async def refund(world: World, order: RefundOrder, now: datetime | None = None) -> RefundReading:
    return await StripeRefunds(world.connection).refund(world.account, order, now or order.first_sent_at)


async def refunds_of(world: World, order: RefundOrder) -> list[int]:
    page = await world.ask(
        lambda o: world.connection.v1.refunds.list_async({"payment_intent": order.payment_intent}, o)
    )
    return [one.amount for one in page.data]


async def test_a_part_is_refunded_once_and_read(world: World) -> None:
    order = await paid(world, "rfd_part")
    made = await refund(world, order)
    assert (made.refund, made.amount, made.currency) == (order.refund, 1200, "usd")
    assert (made.payment_intent, made.status) == (order.payment_intent, RefundStatus.SUCCEEDED)
    assert await refund(world, order) == made
    assert await refunds_of(world, order) == [1200]
    assert await StripeRefunds(world.connection).read_refund(world.account, made.provider_id) == made
    assert await StripeRefunds(world.connection).find_refund(world.account, order) == made


async def test_the_invoice_of_a_payment_is_found(world: World) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued)
    assert answer.payment_intent
    gateway = StripeRefunds(world.connection)
    assert await gateway.invoice_of(world.account, answer.payment_intent) == issued.provider_id


async def test_more_than_is_left_is_refused(world: World) -> None:
    with pytest.raises(Refused):
        await refund(world, await paid(world, "rfd_more", 6001))


@pytest.mark.parametrize("fault", ["drop_answer", "refuse", "error_500"])
async def test_a_lost_refund_is_repeated_and_made_once(emulator: Emulator, fault: str) -> None:
    world = emulator.world
    order = await paid(world, "rfd_lost")
    await emulator.fault("refunds.create", fault)
    with pytest.raises(OutcomeUnknown):
        await refund(world, order)
    made = await refund(world, order)
    assert await refunds_of(world, order) == [1200]
    assert made.status is RefundStatus.SUCCEEDED


async def test_an_old_refund_is_looked_up_and_not_sent_again(emulator: Emulator) -> None:
    world = emulator.world
    order = await paid(world, "rfd_old")
    made = await refund(world, order)
    await emulator.prune_keys()
    assert await refund(world, order, order.first_sent_at + timedelta(hours=21)) == made
    assert await refunds_of(world, order) == [1200]


async def test_the_platforms_fee_goes_back_in_proportion(emulator: Emulator) -> None:
    world = emulator.world
    order = await world.order()
    created = await world.do(
        lambda o: world.connection.v1.invoices.create_async(
            {"customer": order.customer, "currency": "usd", "application_fee_amount": 300}, o
        )
    )
    lines = [{"amount": 6000, "description": "Voice"}]
    await world.do(lambda o: world.connection.v1.invoices.add_lines_async(created.id, {"lines": lines}, o))  # type: ignore[typeddict-item]
    await world.do(lambda o: world.connection.v1.invoices.finalize_invoice_async(created.id, None, o))
    read = await world.payments.read_invoice(world.account, created.id)
    answer = await world.pay(order, read)
    (charge,) = (await world.payments.read_invoice(world.account, created.id)).charges
    assert charge.fee
    now = datetime.now(UTC)
    await refund(
        world, RefundOrder("rfd_fee" + order.invoice, order.invoice, answer.payment_intent or "", 2000, None, True, now)
    )
    charged = await world.ask(lambda o: world.connection.v1.charges.retrieve_async(charge.id, None, o))
    fee = await world.connection.read(
        lambda o: world.connection.v1.application_fees.retrieve_async(str(charged.application_fee), None, o), None
    )
    assert fee.amount_refunded == 100


async def test_a_refund_that_failed_later_is_read_as_failed_also_under_its_key(emulator: Emulator) -> None:
    world = emulator.world
    order = await paid(world, "rfd_fails")
    made = await refund(world, order)
    await emulator.tell(f"refunds/{made.provider_id}/fail", reason="lost_or_stolen_card")
    again = await refund(world, order)
    assert again == replace(made, status=RefundStatus.FAILED, failure="lost_or_stolen_card")
