"""The platform's fee and the agency's tax rates, fixed on an order, as Stripe takes them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from adapters.stripe.previews import StripePreviews
from billing.invoices import Levies, Line, LineKind
from billing.money import unit
from billing.payments import InvoiceOrder, InvoiceReading, OutcomeUnknown, Refused, Taxed
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
        await has_balance(world, order, balance)
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


@pytest.mark.parametrize(
    ("percent", "balances", "fee"), [("2.5", [-4900, -1000], 97), ("2.5", [0, -1000, 0], 122), ("1", [0, -4840], None)]
)
async def test_the_fee_follows_the_balance_from_try_to_try(
    emulator: Emulator, percent: str, balances: Sequence[int], fee: int | None
) -> None:
    """Each try but the last ends before the draft is final, and the agency moves the balance in its dashboard."""
    world = emulator.world
    order = replace(await levied(world, 4900), levies=Levies(Decimal(percent)))
    for balance in balances[:-1]:
        await has_balance(world, order, balance)
        await emulator.fault("invoices.finalize_invoice", "refuse")
        with pytest.raises(OutcomeUnknown):
            await world.issue(order)
    await has_balance(world, order, balances[-1])
    assert await fee_taken(world, order, await world.issue(order)) == fee


async def has_balance(world: World, order: InvoiceOrder, balance: int) -> None:
    await world.do(lambda o: world.connection.v1.customers.update_async(order.customer, {"balance": balance}, o))


async def previewed(world: World, order: InvoiceOrder, rates: Sequence[str]) -> Taxed:
    previews = StripePreviews(world.connection)
    return await previews.taxed(world.account, order.customer, order.currency, order.lines, rates, datetime.now(UTC))


def drawn(random: Random, currency: str) -> tuple[Line, ...]:
    """Lines as an invoice may have them: more than Stripe shows at once, and at times one that takes off the rest."""
    amounts = [random.randrange(100, 9_999) * unit(currency) for _ in range(random.choice((1, 2, 12)))]
    if random.random() < 0.7:
        amounts.append(-random.randrange(amounts[0]) // unit(currency) * unit(currency))
    return tuple(Line(LineKind.PRICE, f"Part {n}", amount) for n, amount in enumerate(amounts))


@pytest.mark.parametrize("inclusive", [False, True], ids=["exclusive", "inclusive"])
@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd"])
async def test_a_preview_with_tax_is_what_is_issued(world: World, currency: str, inclusive: bool) -> None:
    random = Random(f"{currency} {inclusive}")
    choices = [[await tax_rate(world, each, inclusive=inclusive) for each in rates] for rates in (["8.25"], ["5", "7"])]
    for _ in range(3):
        rates = random.choice(choices)
        order = replace(
            await world.order(*drawn(random, currency), currency=currency), levies=Levies(FEE, tuple(rates))
        )
        preview, read = await previewed(world, order, rates), await world.issue(order)
        assert preview.total == read.total == read.subtotal + (0 if inclusive else preview.tax)
        assert preview.tax > 0
        assert preview.tax % unit(currency) == 0
        (issued,) = await world.invoices_of(order)
        assert preview.tax == sum(tax.amount for tax in issued.total_taxes or ())


async def test_the_customers_balance_is_no_part_of_a_preview(world: World) -> None:
    rates = [await tax_rate(world, "19")]
    order = await levied(world, 4900, *rates, balance=-1000)
    assert await previewed(world, order, rates) == Taxed(931, 5831)


async def test_an_exempt_customer_is_previewed_without_tax(world: World) -> None:
    rates = [await tax_rate(world, "19")]
    order = await levied(world, 4900, *rates)
    await world.do(lambda o: world.connection.v1.customers.update_async(order.customer, {"tax_exempt": "exempt"}, o))
    assert await previewed(world, order, rates) == Taxed(0, 4900)
    assert (await world.issue(order)).total == 4900


async def test_without_rates_nobody_is_asked_and_of_unknown_ones_nothing_is_said(world: World) -> None:
    order = await world.order(one(4900))
    assert await previewed(world, replace(order, customer="cus_nobody"), []) == Taxed(0, 4900)
    with pytest.raises(Refused):
        await previewed(world, order, ["txr_nobodys"])
