"""Events reach those who listen: signed, in spite of refusals and restarts, and in disorder on demand."""

import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe
from support.servers import Eventually

from tests.contract.emulator.process import EmulatorProcess, sdk
from tests.contract.emulator.receiver import Receiver, receiving
from tests.contract.emulator.shop import Shop, open_shop


async def _pending(shop: Shop) -> dict[str, int]:
    pending: dict[str, int] = (await shop.http.get(f"{shop.url}/_emulator/pending")).json()
    return pending


async def _arrived(receiver: Receiver, eventually: Eventually, count: int) -> list[stripe.Event]:
    async def enough() -> bool:
        return len(receiver.arrived) >= count

    await eventually(enough)
    return receiver.events()


async def test_events_are_signed_and_say_what_happened(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    customer = await shop.api.customers.create_async({"name": "Ann"}, shop.options("k1"))
    event = (await _arrived(receiver, eventually, 1))[0]
    assert (event.type, event.account, event.livemode) == ("customer.created", shop.account, False)
    assert (event.api_version, event.created) == (stripe.api_version, customer.created)
    assert (event.data.object.id, event.data.object.object) == (customer.id, "customer")
    assert (event.request.id, event.request.idempotency_key) == (customer.last_response.request_id, "k1")
    assert event.pending_webhooks == 1
    kept = await shop.api.events.retrieve_async(event.id, {}, shop.options())
    assert kept.data.object.to_dict() == event.data.object.to_dict()


async def test_a_wrong_secret_does_not_verify(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    await shop.customer()
    await _arrived(receiver, eventually, 1)
    payload, header = receiver.arrived[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, header, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload.replace(b"Ann", b"Bob"), header, receiver.secret)


async def test_updates_say_what_was_there_before(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    customer = await shop.customer(metadata={"a": "1"})
    await shop.api.customers.update_async(customer.id, {"name": "Bob", "metadata": {"a": "2"}}, shop.options())
    event = (await _arrived(receiver, eventually, 2))[1]
    assert event.data.previous_attributes.to_dict() == {"name": "Ann Client", "metadata": {"a": "1"}}
    assert event.data.object.name == "Bob"


async def test_a_refused_delivery_is_tried_again(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    receiver.refusals = 2
    await shop.customer()
    events = await _arrived(receiver, eventually, 1)
    assert (receiver.refused, [event.type for event in events]) == (2, ["customer.created"])
    assert (await _pending(shop))["webhooks_due"] == 0


async def test_duplicates_arrive_twice(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    await shop.control("webhooks", {"mode": "duplicate"})
    await shop.customer()
    first, second = await _arrived(receiver, eventually, 2)
    assert first.id == second.id


async def test_held_events_arrive_when_released(shop: Shop, receiver: Receiver, eventually: Eventually) -> None:
    await shop.control("webhooks", {"mode": "hold"})
    await shop.customer()
    await shop.customer()
    assert await _pending(shop) == {"webhooks_due": 0, "webhooks_held": 2, "requests_in_flight": 0}
    released = await shop.control("webhooks", {"mode": "hold", "release": True})
    assert released["webhooks_held"] == 0
    await _arrived(receiver, eventually, 2)
    await shop.customer()
    assert (await _pending(shop))["webhooks_held"] == 1
    await shop.control("webhooks", {"mode": "normal"})
    assert len(await _arrived(receiver, eventually, 3)) == 3


async def test_shuffled_events_all_arrive_in_another_order(
    shop: Shop, receiver: Receiver, eventually: Eventually
) -> None:
    await shop.control("webhooks", {"mode": "hold"})
    made = [(await shop.customer()).id for _ in range(30)]
    await shop.control("webhooks", {"mode": "shuffle", "release": True})
    arrived = [event.data.object.id for event in await _arrived(receiver, eventually, 30)]
    assert sorted(arrived) == sorted(made)
    assert arrived != made


async def test_only_wanted_events_arrive(troubled: Shop, eventually: Eventually) -> None:
    async with receiving() as receiver:
        wanted = {"connect": True, "enabled_events": ["customer.deleted"]}
        endpoint = await troubled.control(
            "webhook_endpoints", {"url": receiver.url, "secret": receiver.secret, **wanted}
        )
        customer = await troubled.customer()
        await troubled.api.customers.delete_async(customer.id, {}, troubled.options())
        await _arrived(receiver, eventually, 1)
        await troubled.api.webhook_endpoints.delete_async(endpoint["id"])
    assert receiver.types() == ["customer.deleted"]


async def test_platform_and_accounts_have_endpoints_of_their_own(
    shop: Shop, receiver: Receiver, eventually: Eventually
) -> None:
    async with receiving() as own:
        endpoint = await shop.api.webhook_endpoints.create_async({"url": own.url, "enabled_events": ["*"]})
        own.secret = endpoint.secret
        customer = await shop.api.customers.create_async({"name": "The platform's own"})
        await _arrived(own, eventually, 1)
        await shop.customer()
        await _arrived(receiver, eventually, 1)
        await shop.api.webhook_endpoints.delete_async(endpoint.id)
    assert [(event.data.object.id, event.to_dict().get("account")) for event in own.events()] == [(customer.id, None)]
    assert [event.account for event in receiver.events()] == [shop.account]


async def test_the_secret_is_shown_once_and_replaced_by_registering_again(shop: Shop, receiver: Receiver) -> None:
    listed = (await shop.api.webhook_endpoints.list_async({"limit": 100})).data
    found = [endpoint for endpoint in listed if endpoint.url == receiver.url]
    assert len(found) == 1
    assert "secret" not in found[0].to_dict()
    body = {"url": receiver.url, "secret": "whsec_" + "z" * 32, "connect": True}
    assert (await shop.control("webhook_endpoints", body))["id"] == found[0].id


async def test_events_are_listed_by_type(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.api.customers.update_async(customer.id, {"name": "Bob"}, shop.options())
    assert await shop.event_types(type="customer.updated") == ["customer.updated"]
    both = await shop.event_types(types=["customer.updated", "customer.created"])
    assert both == ["customer.created", "customer.updated"]


@pytest.fixture
async def own_shop(own_emulator: EmulatorProcess, http: Any) -> AsyncIterator[Shop]:
    async with sdk(own_emulator.url) as api:
        yield await open_shop(api, http, own_emulator.url)


async def test_deliveries_survive_a_kill(own_shop: Shop, own_emulator: EmulatorProcess, eventually: Eventually) -> None:
    async with receiving() as receiver:
        receiver.refusals = 1
        await own_shop.control("webhook_endpoints", {"url": receiver.url, "secret": receiver.secret, "connect": True})
        customer = await own_shop.customer()
        await own_emulator.stop(signal.SIGKILL)
        await own_emulator.start()
        events = await _arrived(receiver, eventually, 1)
    assert json.loads(receiver.arrived[0][0])["data"]["object"]["id"] == customer.id == events[0].data.object.id
