"""What the API makes at Stripe: each thing once, however often it is asked for."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from adapters.stripe.readings import instant
from billing.payments import KeyMisused, OutcomeUnknown
from tests.contract.gateway.world import Emulator, World

RETURN_URL = "https://agency.example.com/done"
REFRESH_URL = "https://agency.example.com/again"


def fresh(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"


async def test_an_account_is_made_once(world: World) -> None:
    agency = fresh("agc")
    account = await world.directory.create_account(agency, 1, country="US", name="Bright Voice")
    assert await world.directory.create_account(agency, 1, country="US", name="Bright Voice") == account
    assert await world.directory.create_account(agency, 2, country="US", name="Bright Voice") != account
    health = await world.payments.read_account(account)
    assert (health.connected, health.details_submitted, health.healthy) == (True, False, False)
    assert health.requirements
    made = await world.connection.read(lambda _: world.connection.v1.accounts.retrieve_async(account), account)
    assert made.controller is not None
    assert (made.country, made.controller.requirement_collection) == ("US", "stripe")
    assert made.controller.fees is not None
    assert made.controller.fees.payer == "account"
    assert made.controller.losses is not None
    assert made.controller.losses.payments == "stripe"
    assert made.controller.stripe_dashboard is not None
    assert made.controller.stripe_dashboard.type == "full"


async def test_onboarding_is_a_page_of_stripes(world: World) -> None:
    agency = fresh("agc")
    account = await world.directory.create_account(agency, 1, country="US", name="Bright Voice")
    page = await world.directory.account_link(
        agency, fresh("req"), account=account, return_url=RETURN_URL, refresh_url=REFRESH_URL
    )
    assert page.id == account
    assert page.url.startswith("http")
    assert page.expires_at > datetime.now(UTC)


async def test_a_customer_is_made_once_and_changed(world: World) -> None:
    client = fresh("cli")
    customer = await world.directory.create_customer(world.account, client, name="Zoë", email="zoe@example.com")
    again = await world.directory.create_customer(world.account, client, name="Zoë", email="zoe@example.com")
    assert again == customer

    await world.directory.update_customer(
        world.account, client, 1, customer=customer, name="Zoë Ltd", email="office@example.com"
    )
    read = await world.ask(lambda o: world.connection.v1.customers.retrieve_async(customer, None, o))
    assert (read.name, read.email) == ("Zoë Ltd", "office@example.com")
    assert read.metadata is not None
    assert read.metadata["client_id"] == client


async def test_another_content_under_the_same_change_is_our_mistake(world: World) -> None:
    client = fresh("cli")
    customer = await world.directory.create_customer(world.account, client, name="Ada", email="ada@example.com")
    await world.directory.update_customer(world.account, client, 1, customer=customer, name="A", email="a@example.com")
    with pytest.raises(KeyMisused):
        await world.directory.update_customer(
            world.account, client, 1, customer=customer, name="B", email="a@example.com"
        )


@pytest.mark.parametrize(("currency", "price"), [("usd", 4900), ("jpy", 0), ("kwd", 12340)])
async def test_a_plan_version_is_a_product_with_a_monthly_price(world: World, currency: str, price: int) -> None:
    plan = fresh("pln")
    made = await world.directory.create_plan_price(
        world.account, plan, 1, name="Voice Pro", currency=currency, price=price
    )
    again = await world.directory.create_plan_price(
        world.account, plan, 1, name="Voice Pro", currency=currency, price=price
    )
    assert again == made
    read = await world.ask(lambda o: world.connection.v1.prices.retrieve_async(made.price, None, o))
    assert (read.unit_amount, read.currency, read.product) == (price, currency, made.product)
    assert read.recurring is not None
    assert (read.recurring.interval, read.recurring.usage_type) == ("month", "licensed")


async def test_a_card_is_typed_on_a_page_of_stripes(world: World) -> None:
    customer, session = await world.customer(), fresh("ses")
    page = await world.directory.create_card_session(
        world.account, session, customer=customer, currency="usd", success_url=RETURN_URL, cancel_url=REFRESH_URL
    )
    assert page.url.startswith("http")
    read = await world.ask(lambda o: world.connection.v1.checkout.sessions.retrieve_async(page.id, None, o))
    assert (read.status, read.customer) == ("open", customer)
    assert (read.url, instant(read.expires_at)) == (page.url, page.expires_at)


@pytest.mark.parametrize("fault", ["drop_answer", "error_500"])
async def test_what_failed_is_made_when_asked_again(emulator: Emulator, fault: str) -> None:
    client, directory = fresh("cli"), emulator.world.directory
    await emulator.fault("customers.create", fault)
    with pytest.raises(OutcomeUnknown):
        await directory.create_customer(emulator.world.account, client, name="Ada", email="ada@example.com")
    made = await directory.create_customer(emulator.world.account, client, name="Ada", email="ada@example.com")
    again = await directory.create_customer(emulator.world.account, client, name="Ada", email="ada@example.com")
    assert made == again


async def test_what_was_made_is_found_though_the_answer_was_lost_and_the_key_forgotten(emulator: Emulator) -> None:
    agency, client, plan, directory = fresh("agc"), fresh("cli"), fresh("pln"), emulator.world.directory
    account = emulator.world.account

    async def made() -> tuple[object, ...]:
        return (
            await directory.create_account(agency, 1, country="US", name="Bright Voice"),
            await directory.create_customer(account, client, name="Ada", email="ada@example.com"),
            await directory.create_plan_price(account, plan, 1, name="Pro", currency="usd", price=4900),
        )

    first = await made()
    await emulator.prune_keys()
    assert await made() == first


async def test_a_country_is_asked_once_a_day(emulator: Emulator) -> None:
    directory, now = emulator.world.directory, datetime.now(UTC)
    asked = len(await emulator.requests())
    for at in (now, now + timedelta(hours=23), now + timedelta(hours=25)):
        country = await directory.country("de", at)
        assert country is not None
        assert (country.code, country.default_currency) == ("DE", "eur")
        assert {"eur", "usd"} <= country.currencies
    assert len(await emulator.requests()) == asked + 2


async def test_a_country_that_stripe_does_not_serve(world: World) -> None:
    assert await world.directory.country("XX", datetime.now(UTC)) is None
