"""Whatever the emulator shows has the fields and JSON types that Stripe's client declares and Stripe's samples have."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe.work import API_VERSION
from tests.contract.emulator.declared import undeclared
from tests.contract.emulator.process import EmulatorProcess
from tests.contract.emulator.shop import Shop, open_shop

SAMPLES = Path(os.environ.get("STRIPE_SAMPLES", Path(__file__).parents[3] / "../shared/data/stripe-fixtures3.json"))

CLASSES: dict[str, type[stripe.StripeObject]] = {
    "account": stripe.Account,
    "account_link": stripe.AccountLink,
    "application_fee": stripe.ApplicationFee,
    "balance_transaction": stripe.BalanceTransaction,
    "capability": stripe.Capability,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "country_spec": stripe.CountrySpec,
    "credit_note": stripe.CreditNote,
    "customer": stripe.Customer,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "tax_rate": stripe.TaxRate,
    "webhook_endpoint": stripe.WebhookEndpoint,
}

WITHOUT_SAMPLE = {"tax_rate"}


@pytest.fixture(scope="session")
async def objects(api: Any, http: httpx.AsyncClient, emulator: EmulatorProcess) -> dict[str, list[Any]]:
    """Every object of a story in which everything exists at least once, by kind.

    The events alone carry a snapshot of every object at every step.
    """
    shop, shown = await open_shop(api, http, emulator.url), dict[str, list[Any]]()
    await _live(shop, shown)
    await _collect(shop, shown)
    return shown


async def _live(shop: Shop, shown: dict[str, list[Any]]) -> None:
    api, options = shop.api, shop.options()
    rate = await api.tax_rates.create_async({"display_name": "VAT", "percentage": "20", "inclusive": False}, options)
    customer = await shop.customer(balance=30, address={"line1": "1 Main St", "country": "US"})
    await shop.save_card(customer.id, "4000002760003184")
    await shop.type_card((await shop.session(customer.id)).url, "4000000000000002")
    asked = await shop.finalized(customer.id, 4000)
    await shop.declined(asked.id)
    await shop.declined(asked.id, off_session=False)
    await shop.save_card(customer.id)
    paid = await shop.draft(customer.id, 5000, -700, default_tax_rates=[rate.id])
    await api.invoices.update_async(paid.id, {"application_fee_amount": 50}, options)
    await shop.pay(paid.id)
    await shop.control(f"dashboard/{paid.id}", {"action": "refund", "amount": 100})
    await api.credit_notes.create_async({"invoice": paid.id, "amount": 200, "credit_amount": 200}, options)
    await shop.control(f"dashboard/{paid.id}", {"action": "dispute"})
    product = await api.products.create_async({"name": "Plan", "url": "https://shop.test"}, options)
    await api.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount": 990, "recurring": {"interval": "month"}}, options
    )
    await shop.control(f"cards/{customer.id}", {"behaviour": "processing"})
    await shop.pay((await shop.finalized(customer.id, 900)).id)
    await shop.finalized(customer.id, 7)
    sent = await shop.finalized(customer.id, 900, collection_method="send_invoice", days_until_due=10)
    await api.invoices.send_invoice_async(sent.id, {}, options)
    await api.invoices.mark_uncollectible_async(sent.id, {}, options)
    await api.invoices.void_invoice_async(sent.id, {}, options)
    await shop.control(f"cards/{customer.id}/update", {"exp_month": 4, "exp_year": 2044})
    await shop.control(f"cards/{customer.id}/detach", {})
    await api.checkout.sessions.expire_async((await shop.session(customer.id)).id, {}, options)
    await shop.control(f"accounts/{shop.account}", {"action": "restrict"})
    await shop.control(f"accounts/{shop.account}", {"action": "restore"})
    items = [{"amount": 1000, "currency": "usd", "tax_rates": [rate.id]}]
    _add(shown, await api.invoices.create_preview_async({"customer": customer.id, "invoice_items": items}, options))
    link = {"account": shop.account, "type": "account_onboarding", "return_url": shop.url, "refresh_url": shop.url}
    _add(shown, await api.account_links.create_async(link))
    _add(shown, await api.country_specs.retrieve_async("US"))


async def _collect(shop: Shop, shown: dict[str, list[Any]]) -> None:
    api, options, many = shop.api, shop.options(), {"limit": 100}
    endpoint = await api.webhook_endpoints.create_async({"url": "http://127.0.0.1:9/", "enabled_events": ["x.y"]})
    _add(shown, endpoint)
    await api.webhook_endpoints.delete_async(endpoint.id)
    _add(shown, await api.accounts.retrieve_async(shop.account))
    for fee in (await api.application_fees.list_async(many)).data:
        _add(shown, fee)
    expanded = {
        "invoices": ["data.customer", "data.payments.data.payment.payment_intent.latest_charge"],
        "charges": ["data.balance_transaction", "data.application_fee", "data.refunds"],
        "payment_intents": ["data.payment_method"],
        "payment_methods": ["data.customer"],
        "prices": ["data.product"],
        "setup_intents": ["data.payment_method"],
        "credit_notes": ["data.invoice"],
        "events": [],
        "refunds": ["data.charge"],
        "tax_rates": [],
    }
    for resource, paths in expanded.items():
        page = await getattr(api, resource).list_async({**many, "expand": paths}, options)
        async for item in page.auto_paging_iter():
            _add(shown, item)
    for customer in (await api.customers.list_async(many, options)).data:
        _add(shown, customer)
        for entry in (await api.customers.balance_transactions.list_async(customer.id, many, options)).data:
            _add(shown, entry)


def _add(shown: dict[str, list[Any]], item: Any) -> None:
    _add_json(shown, json.loads(str(item)))


def _add_json(shown: dict[str, list[Any]], value: Any) -> None:
    """Keep an object and everything of a known kind inside it."""
    if isinstance(value, dict):
        if isinstance(value.get("object"), str) and value["object"] in CLASSES:
            shown.setdefault(value["object"], []).append(value)
        for entry in value.values():
            _add_json(shown, entry)
    elif isinstance(value, list):
        for entry in value:
            _add_json(shown, entry)


@pytest.mark.parametrize("kind", CLASSES)
async def test_objects_have_the_declared_fields_and_types(kind: str, objects: dict[str, list[Any]]) -> None:
    assert objects[kind]
    problems = {problem for item in objects[kind] for problem in undeclared(item, CLASSES[kind], kind)}
    assert not problems


async def test_the_story_has_paid_failed_waiting_and_processing_payments(objects: dict[str, list[Any]]) -> None:
    assert {"succeeded", "processing", "requires_action", "requires_payment_method", "canceled"} <= {
        intent["status"] for intent in objects["payment_intent"]
    }
    assert {"succeeded", "failed", "pending"} == {charge["status"] for charge in objects["charge"]}
    assert {"draft", "open", "paid", "void", "uncollectible"} == {invoice["status"] for invoice in objects["invoice"]}


async def test_events_carry_the_clients_api_version_and_declared_types(objects: dict[str, list[Any]]) -> None:
    assert {event["api_version"] for event in objects["event"]} == {stripe.api_version} == {API_VERSION}
    for event in objects["event"]:
        assert not list(undeclared(event, stripe.Event, "event"))


@pytest.mark.skipif(not SAMPLES.exists(), reason="Stripe's samples are not here; STRIPE_SAMPLES says where they are")
@pytest.mark.parametrize("kind", sorted(CLASSES.keys() - WITHOUT_SAMPLE))
def test_shared_fields_have_the_types_of_stripes_samples(kind: str, objects: dict[str, list[Any]]) -> None:
    sample = json.loads(SAMPLES.read_text())["resources"][kind]
    differences = {found for item in objects[kind] for found in _type_differences(item, sample, kind)}
    assert differences == set()


def _type_differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """Fields that both have, neither null, with different JSON types."""
    if ours is None or theirs is None:
        return
    if isinstance(ours, dict) and isinstance(theirs, str):
        ours = ours["id"]  # expanded here, an id there
    if type(ours) is not type(theirs) and {type(ours), type(theirs)} != {int, float}:
        yield f"{path}: {type(ours).__name__} instead of {type(theirs).__name__}"
    elif isinstance(ours, dict):
        for name in ours.keys() & theirs.keys():
            yield from _type_differences(ours[name], theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and theirs:
        for entry in ours:
            yield from _type_differences(entry, theirs[0], f"{path}[]")
