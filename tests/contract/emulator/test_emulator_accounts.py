"""Connected accounts: onboarded on their page, restricted and restored by Stripe, disconnected by their owner."""

from typing import Any

import pytest
import stripe

from tests.contract.emulator.shop import Shop


async def test_an_account_that_is_complete_can_charge(shop: Shop) -> None:
    account = await shop.api.accounts.retrieve_async(shop.account)
    assert (account.charges_enabled, account.payouts_enabled, account.details_submitted) == (True, True, True)
    assert account.capabilities.to_dict() == {"card_payments": "active", "transfers": "active"}
    assert (account.country, account.default_currency, account.requirements.currently_due) == ("US", "usd", [])
    assert (account.controller.losses.payments, account.controller.stripe_dashboard.type) == ("stripe", "full")
    assert (await shop.api.accounts.retrieve_current_async({}, shop.options())).id == shop.account


async def test_without_the_capability_nothing_can_be_charged(shop: Shop) -> None:
    account = await shop.api.accounts.create_async({"country": "DE"})
    done = await shop.control(f"accounts/{account.id}", {"action": "complete"})
    assert (done["account"]["charges_enabled"], done["account"]["payouts_enabled"]) == (False, True)
    assert account.default_currency == "eur"


@pytest.mark.parametrize(
    "params", [{"country": "XX"}, {"type": "standard", "controller": {"fees": {"payer": "account"}}}]
)
async def test_impossible_accounts_are_refused(api: Any, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await api.accounts.create_async(params)


async def test_a_restricted_account_charges_nothing_until_restored(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.finalized(customer.id, 900)
    await shop.control(f"accounts/{shop.account}", {"action": "restrict"})
    account = await shop.api.accounts.retrieve_async(shop.account)
    assert (account.charges_enabled, account.capabilities.card_payments) == (False, "inactive")
    assert account.requirements.disabled_reason == "requirements.past_due"
    with pytest.raises(stripe.InvalidRequestError, match="cannot currently make live charges") as refusal:
        await shop.pay(invoice.id)
    assert (refusal.value.http_status, refusal.value.error.code) == (400, None)
    assert (await shop.invoice(invoice.id)).attempt_count == 0
    await shop.control(f"accounts/{shop.account}", {"action": "restore"})
    assert (await shop.pay(invoice.id)).status == "paid"
    types = await shop.event_types(types=["account.updated", "capability.updated"])
    assert types[-4:] == ["account.updated", "capability.updated"] * 2


async def test_a_disconnected_account_cannot_be_reached(shop: Shop) -> None:
    customer = await shop.customer()
    done = await shop.control(f"accounts/{shop.account}", {"action": "disconnect"})
    assert done["connected"] is False
    for attempt in (
        shop.api.customers.retrieve_async(customer.id, {}, shop.options()),
        shop.api.accounts.retrieve_async(shop.account),
    ):
        with pytest.raises(stripe.PermissionError) as refusal:
            await attempt
        assert refusal.value.error.code == "account_invalid"
    again = await shop.http.post(f"{shop.url}/_emulator/accounts/{shop.account}", json={"action": "restore"})
    assert again.status_code == 400


async def test_countries_say_what_they_charge_in(api: Any) -> None:
    spec = await api.country_specs.retrieve_async("DE")
    assert (spec.default_currency, "usd" in spec.supported_payment_currencies) == ("eur", True)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await api.country_specs.retrieve_async("XX")
    assert refusal.value.http_status == 404


async def test_plans_are_made_changed_and_archived(shop: Shop) -> None:
    api, options = shop.api, shop.options()
    product = await api.products.create_async({"name": "Voice Pro", "metadata": {"plan": "p1"}}, options)
    params = {"product": product.id, "currency": "usd", "unit_amount": 4900, "recurring": {"interval": "month"}}
    price = await api.prices.create_async(params, options)
    assert (price.type, price.recurring.interval, price.recurring.usage_type) == ("recurring", "month", "licensed")
    assert price.unit_amount_decimal == 4900
    archived = await api.prices.update_async(price.id, {"active": False}, options)
    assert archived.active is False
    assert (await api.prices.list_async({"active": True}, options)).data == []
    expanded = await api.prices.retrieve_async(price.id, {"expand": ["product"]}, options)
    assert expanded.product.metadata.plan == "p1"
    await api.products.update_async(product.id, {"active": False}, options)
    assert (await api.products.list_async({"active": False}, options)).data[0].id == product.id


async def test_a_deleted_customer_is_a_stub_without_cards(shop: Shop) -> None:
    customer = await shop.customer()
    method = await shop.save_card(customer.id)
    assert (await shop.api.customers.delete_async(customer.id, {}, shop.options())).deleted
    assert (await shop.api.customers.retrieve_async(customer.id, {}, shop.options())).deleted
    assert (await shop.api.payment_methods.retrieve_async(method, {}, shop.options())).customer is None
    assert (await shop.api.customers.list_async({}, shop.options())).data == []
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.draft(customer.id)
    assert refusal.value.error.code == "resource_missing"
    assert "customer.deleted" in await shop.event_types()
