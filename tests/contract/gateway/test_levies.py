"""The platform's fee and the agency's tax rates, fixed on an order, as Stripe takes them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing.invoices import Levies
from billing.payments import InvoiceOrder, InvoiceReading, OutcomeUnknown
from tests.contract.gateway.test_issue import one
from tests.contract.gateway.world import Emulator, World

FEE = Decimal("2.5")


async def tax_rate(world: World, percentage: str, *, inclusive: bool = False) -> str:
    rate = await world.do(
        lambda o: world.connection.v1.tax_rates.create_async(
            {"display_name": "VAT", "percentage": float(percentage), "inclusive": inclusive}, o
        )
    )
    return rate.id


async def levied(world: World, amount: int, *rates: str, balance: int = 0) -> InvoiceOrder:
    order = await world.order(one(amount))
    if balance:
        await world.do(lambda o: world.connection.v1.customers.update_async(order.customer, {"balance": balance}, o))
    return replace(order, levies=Levies(FEE, rates))


async def fee_taken(world: World, order: InvoiceOrder, read: InvoiceReading) -> int | None:
    """Of the charge that pays the invoice."""
    await world.pay(order, read)
    (charge,) = (await world.payments.read_invoice(world.account, read.provider_id)).charges
    charged = await world.ask(lambda o: world.connection.v1.charges.retrieve_async(charge.id, None, o))
    assert charge.fee is (charged.application_fee_amount is not None)
    return charged.application_fee_amount


async def test_tax_is_added_by_stripe_and_the_fee_is_of_the_whole(world: World) -> None:
    order = await levied(world, 4900, await tax_rate(world, "19"))
    read = await world.issue(order)
    assert (read.subtotal, read.total, read.amount_due) == (4900, 5831, 5831)
    assert await fee_taken(world, order, read) == 145


async def test_tax_that_is_inside_the_price_changes_nothing_of_the_amounts(world: World) -> None:
    order = await levied(world, 4900, await tax_rate(world, "19", inclusive=True))
    read = await world.issue(order)
    assert (read.subtotal, read.total, read.amount_due) == (4900, 4900, 4900)


async def test_no_fee_is_taken_of_what_the_balance_pays(world: World) -> None:
    order = await levied(world, 4900, balance=-1000)
    assert await fee_taken(world, order, await world.issue(order)) == 97


async def test_a_fee_of_less_than_a_unit_is_none(world: World) -> None:
    order = replace(await world.order(one(4900)), levies=Levies(Decimal("0.01")))
    assert await fee_taken(world, order, await world.issue(order)) is None


@pytest.mark.parametrize("fault", ["drop_answer", "refuse", "error_500"])
async def test_a_lost_fee_is_set_before_anything_is_final(emulator: Emulator, fault: str) -> None:
    world = emulator.world
    order = await levied(world, 4900)
    await emulator.fault("invoices.update", fault)
    with pytest.raises(OutcomeUnknown):
        await world.issue(order)
    (draft,) = await world.invoices_of(order)
    assert draft.status == "draft"
    assert await fee_taken(world, order, await world.issue(order)) == 122
