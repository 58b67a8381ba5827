"""An account's own catalogue: what could be a plan is listed page by page, and what we made is archived."""

import secrets
from typing import Any

import stripe

from adapters.stripe.prices import StripePrices
from tests.contract.gateway.world import World


async def _price(world: World, *, product: str, **more: Any) -> stripe.Price:
    terms = {"currency": "usd", "unit_amount": 4900, "recurring": {"interval": "month"}, "product": product, **more}
    return await world.do(lambda o: world.connection.v1.prices.create_async(terms, o))  # type: ignore[arg-type]


async def _product(world: World) -> str:
    name = f"Voice {secrets.token_hex(4)}"
    return (await world.do(lambda o: world.connection.v1.products.create_async({"name": name}, o))).id


async def test_a_price_is_read_with_its_product(world: World) -> None:
    prices, product = StripePrices(world.connection), await _product(world)
    made = await _price(world, product=product, nickname="2026")
    read = await prices.read(world.account, made.id)
    assert read is not None
    assert (read.id, read.product, read.nickname, read.active, read.product_active) == (
        made.id,
        product,
        "2026",
        True,
        True,
    )
    assert (read.amount, read.currency, read.interval, read.usage) == (4900, "usd", ("month", 1), "licensed")
    assert (read.per_unit, read.plan) == (True, None)
    assert read.name.startswith("Voice ")


async def test_a_price_that_is_not_there_is_none(world: World) -> None:
    assert await StripePrices(world.connection).read(world.account, "price_nowhere") is None


async def test_what_can_be_a_plan_is_listed_a_page_at_a_time(world: World) -> None:
    """Newest first: what other tests left there is older."""
    prices, product = StripePrices(world.connection), await _product(world)
    fitting = []
    for amount in (100, 200, 300):
        fitting.append((await _price(world, product=product, unit_amount=amount)).id)
        await _price(world, product=product, recurring={"interval": "year"})
        await _price(world, product=product, metadata={"plan_id": "pln_1"})
    first = await prices.importable(world.account, 2, None)
    assert [price.id for price in first.prices] == fitting[:0:-1]
    assert first.last
    second = await prices.importable(world.account, 1, first.last)
    assert [price.id for price in second.prices] == fitting[:1]
    assert all(price.name.startswith("Voice ") for price in (*first.prices, *second.prices))


async def test_a_product_is_archived_as_often_as_it_is_asked_for(world: World) -> None:
    prices, plan = StripePrices(world.connection), f"pln_{secrets.token_hex(8)}"
    made = await world.directory.create_plan_price(world.account, plan, 1, name="Pro", currency="usd", price=100)
    await prices.archive(world.account, plan, 1, made.product)
    await prices.archive(world.account, plan, 1, made.product)
    read = await prices.read(world.account, made.price)
    assert read is not None
    assert (read.product_active, read.plan) == (False, plan)
