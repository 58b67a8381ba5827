"""Idempotency keys: the first result is the result, for a day; every rule is broken once."""

import asyncio
from itertools import islice
from typing import Any

import pytest
import stripe

from tests.contract.emulator.process import EmulatorProcess, sdk
from tests.contract.emulator.shop import Shop, open_shop

DAY_SECONDS = 24 * 3600


async def _create(shop: Shop, key: str, **params: Any) -> Any:
    return await shop.api.customers.create_async({"name": "Ann", **params}, shop.options(key))


async def test_the_first_result_is_replayed(shop: Shop) -> None:
    first, second = await _create(shop, "k1"), await _create(shop, "k1")
    assert first.id == second.id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert second.last_response.request_id != first.last_response.request_id
    assert len((await shop.api.customers.list_async({}, shop.options())).data) == 1


async def test_other_parameters_under_a_used_key_are_refused(shop: Shop) -> None:
    await _create(shop, "k1")
    with pytest.raises(stripe.IdempotencyError) as refusal:
        await _create(shop, "k1", name="Bob")
    assert (refusal.value.http_status, refusal.value.error.type) == (400, "idempotency_error")


async def test_another_endpoint_under_a_used_key_is_refused(shop: Shop) -> None:
    await _create(shop, "k1")
    with pytest.raises(stripe.IdempotencyError):
        await shop.api.products.create_async({"name": "Ann"}, shop.options("k1"))


async def test_keys_belong_to_an_account(shop: Shop, api: Any) -> None:
    first = await _create(shop, "k1")
    other = await open_shop(api, shop.http, shop.url)
    assert (await _create(other, "k1", name="Bob")).id != first.id


async def test_a_decline_is_stored_and_replayed(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id, "4000000000000341")
    invoice = await shop.finalized(customer.id, 900)
    first = await shop.declined(invoice.id, key="attempt:1")
    await shop.control(f"cards/{customer.id}", {"behaviour": "pays"})
    assert (await shop.declined(invoice.id, key="attempt:1")).charge == first.charge
    assert (await shop.invoice(invoice.id)).attempt_count == 1
    assert (await shop.pay(invoice.id, key="attempt:2")).status == "paid"


async def test_a_refusal_by_state_is_stored(shop: Shop) -> None:
    customer = await shop.customer()
    invoice = await shop.draft(customer.id, 900)
    void = shop.api.invoices.void_invoice_async
    with pytest.raises(stripe.InvalidRequestError):
        await void(invoice.id, {}, shop.options("void"))
    await shop.api.invoices.finalize_invoice_async(invoice.id, {}, shop.options())
    with pytest.raises(stripe.InvalidRequestError) as replayed:
        await void(invoice.id, {}, shop.options("void"))
    assert replayed.value.headers["idempotent-replayed"] == "true"
    assert (await void(invoice.id, {}, shop.options("void:again"))).status == "void"


async def test_a_server_error_is_replayed_for_as_long_as_the_key_lives(troubled: Shop) -> None:
    await troubled.control("faults", {"call": "customers.create", "fault": "error_500", "times": 1})
    for _ in range(3):
        with pytest.raises(stripe.APIError) as failure:
            await _create(troubled, "k1")
        assert failure.value.http_status == 500
    assert (await _create(troubled, "k2")).id
    assert len((await troubled.api.customers.list_async({}, troubled.options())).data) == 1


async def test_validation_errors_are_not_stored(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await _create(shop, "k1", nonsense="1")
    assert (await _create(shop, "k1")).id


async def test_a_missing_object_is_not_stored(shop: Shop) -> None:
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await shop.api.invoices.pay_async("in_none", {}, shop.options("k1"))
        assert "idempotent-replayed" not in refusal.value.headers
    assert (await _create(shop, "k1")).id


async def test_too_many_requests_are_not_stored(troubled: Shop) -> None:
    await troubled.control("faults", {"call": "customers.create", "fault": "rate_limit", "times": 1})
    with pytest.raises(stripe.RateLimitError):
        await _create(troubled, "k1")
    assert (await _create(troubled, "k1")).id


async def test_a_key_in_flight_is_refused(troubled: Shop) -> None:
    await troubled.control("faults", {"call": "customers.create", "fault": "delay_before", "times": 1, "seconds": 600})
    asked = [asyncio.create_task(_create(troubled, "k1")) for _ in range(4)]
    refusals = []
    for answered in islice(asyncio.as_completed(asked), 3):
        with pytest.raises(stripe.APIError) as refused:
            await answered
        refusals.append(refused.value)
    await troubled.http.delete(f"{troubled.url}/_emulator/faults")
    await asyncio.wait(asked)
    for refusal in refusals:
        assert (refusal.http_status, refusal.error.code) == (409, "idempotency_key_in_use")
        assert refusal.headers["stripe-should-retry"] == "true"
    assert (await _create(troubled, "k1")).last_response.headers["Idempotent-Replayed"] == "true"


async def test_keys_are_forgotten_after_a_day_of_sandbox_time(own_emulator: EmulatorProcess) -> None:
    async with sdk(own_emulator.url) as api:
        options = {"idempotency_key": "k1"}
        first = await api.customers.create_async({"name": "Ann"}, options)
        own_emulator.set_clock(DAY_SECONDS - 60)
        assert (await api.customers.create_async({"name": "Ann"}, options)).id == first.id
        own_emulator.set_clock(DAY_SECONDS + 60)
        assert (await api.customers.create_async({"name": "Ann"}, options)).id != first.id


async def test_keys_can_be_pruned_at_once(troubled: Shop) -> None:
    first = await _create(troubled, "k1")
    await troubled.control("faults", {"fault": "prune_keys"})
    assert (await _create(troubled, "k1")).id != first.id


async def test_a_read_needs_no_key(shop: Shop) -> None:
    customer = await _create(shop, "k1")
    options = shop.options("k1")
    assert (await shop.api.customers.retrieve_async(customer.id, {}, options)).name == "Ann"
    await shop.api.customers.update_async(customer.id, {"name": "Bob"}, shop.options())
    assert (await shop.api.customers.retrieve_async(customer.id, {}, options)).name == "Bob"
