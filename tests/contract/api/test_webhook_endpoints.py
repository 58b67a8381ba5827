"""Webhooks to an agency's programs, from the fact to a real receiver (billing-rules 9)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook
from support.http import fresh, refused
from support.tenant import FAILS, Tenant

from sandbox.receiver import Receiver, receiving

ENDPOINTS = "/v1/agency/webhook-endpoints"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def _delivered(own: Tenant, endpoint: str, status: str, count: int) -> list[dict[str, Any]]:
    async def all_so() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await own.api.get(f"{ENDPOINTS}/{endpoint}/deliveries"))["data"]
        return found if [one["status"] for one in found] == [status] * count else None

    return await own.eventually(all_so)


async def test_facts_reach_the_receiver_signed_and_can_be_sent_again(own: Tenant, receiver: Receiver) -> None:
    endpoint = await own.api.post(ENDPOINTS, {"url": receiver.url})
    (listed,) = (await own.api.get(ENDPOINTS))["data"]
    assert "secret" not in listed
    assert await own.api.get(f"{ENDPOINTS}/{endpoint['id']}") == listed
    client = await own.subscribed(FAILS)
    deliveries = await _delivered(own, endpoint["id"], "delivered", 2)
    said = [Webhook(endpoint["secret"]).verify(body, headers) for headers, body in receiver.heard]
    assert sorted(one["type"] for one in said) == ["invoice_issued", "payment_failed"]
    assert {one["data"]["client_id"] for one in said} == {client}
    assert {headers["webhook-id"] for headers, _ in receiver.heard} == {one["id"] for one in deliveries}
    assert {one["response_status"] for one in deliveries} == {200}

    rotated = await own.api.post(f"{ENDPOINTS}/{endpoint['id']}/rotate-secret", {})
    first = deliveries[0]["id"]
    await own.api.post(f"{ENDPOINTS}/{endpoint['id']}/deliveries/{first}/resend", {})
    await _delivered(own, endpoint["id"], "delivered", 2)
    headers, body = receiver.heard[-1]
    assert (headers["webhook-id"], len(receiver.heard)) == (first, 3)
    for secret in (endpoint["secret"], rotated["secret"]):
        Webhook(secret).verify(body, headers)

    kept = "SELECT secret, previous_secret FROM webhook_endpoints WHERE id = $1"
    secrets = {endpoint["secret"], rotated["secret"]}
    assert not secrets & set(await own.site.pool.fetchrow(kept, endpoint["id"]))
    # As rows are from before there was a key.
    await own.site.pool.execute(
        "UPDATE webhook_endpoints SET secret = $2, previous_secret = $3 WHERE id = $1",
        endpoint["id"],
        rotated["secret"],
        endpoint["secret"],
    )
    await own.api.post(f"{ENDPOINTS}/{endpoint['id']}/deliveries/{first}/resend", {})
    await _delivered(own, endpoint["id"], "delivered", 2)
    headers, body = receiver.heard[-1]
    assert len(receiver.heard) == 4
    for secret in secrets:
        Webhook(secret).verify(body, headers)
    assert not secrets & set(await own.site.pool.fetchrow(kept, endpoint["id"]))

    removed = await own.api.delete(f"{ENDPOINTS}/{endpoint['id']}")
    assert removed["status"] == "removed"
    assert (await own.api.get(ENDPOINTS))["data"] == []


async def _rows_that_hold(own: Tenant, text: str) -> list[str]:
    """The tables with this text anywhere in a row."""
    tables = [row["relname"] for row in await own.site.pool.fetch("SELECT relname FROM pg_stat_user_tables")]
    asked = " UNION ALL ".join(f"SELECT '{one}' FROM {one} t WHERE strpos(t::text, $1) > 0" for one in tables)
    return [row[0] for row in await own.site.pool.fetch(asked, text)]


async def test_a_secret_that_is_shown_again_under_its_key_stands_nowhere_in_the_clear(bare: Tenant) -> None:
    async def twice(path: str, body: dict[str, str]) -> dict[str, str]:
        headers = {"Idempotency-Key": fresh("key")}
        first, again = [await bare.api.send("POST", path, json=body, headers=headers) for _ in range(2)]
        assert "Idempotent-Replayed" in again.headers
        assert first.json() == again.json()
        shown: dict[str, str] = again.json()
        return shown

    made = await twice(ENDPOINTS, {"url": "https://app.example.com/hooks"})
    rotated = await twice(f"{ENDPOINTS}/{made['id']}/rotate-secret", {})
    assert len(await _rows_that_hold(bare, made["id"])) > 1
    assert made["secret"] != rotated["secret"]
    for secret in (made["secret"], rotated["secret"]):
        assert await _rows_that_hold(bare, secret.removeprefix("whsec_")) == []


async def test_an_endpoint_that_is_gone_is_switched_off_and_the_agency_told(own: Tenant, receiver: Receiver) -> None:
    endpoint = await own.api.post(ENDPOINTS, {"url": receiver.url})
    receiver.status = 410
    await own.subscribed(FAILS)

    async def told() -> bool:
        found = (await own.api.get("/v1/agency/notifications"))["data"]
        return [one["client_id"] for one in found if one["kind"] == "endpoint_disabled"] == [None]

    await own.eventually(told)
    (listed,) = (await own.api.get(ENDPOINTS))["data"]
    assert (listed["id"], listed["status"]) == (endpoint["id"], "disabled")
    delivery = (await own.api.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries"))["data"][0]["id"]
    with refused(409, "endpoint_disabled"):
        await own.api.post(f"{ENDPOINTS}/{endpoint['id']}/deliveries/{delivery}/resend", {})


async def test_a_failure_waits_and_another_agency_sees_nothing(own: Tenant, other: Tenant, receiver: Receiver) -> None:
    endpoint = (await own.api.post(ENDPOINTS, {"url": receiver.url}))["id"]
    receiver.status = 500
    await own.subscribed(FAILS)

    async def tried() -> bool:
        found = (await own.api.get(f"{ENDPOINTS}/{endpoint}/deliveries"))["data"]
        return bool(found) and all((one["status"], one["response_status"]) == ("pending", 500) for one in found)

    await own.eventually(tried)
    delivery = (await own.api.get(f"{ENDPOINTS}/{endpoint}/deliveries"))["data"][0]["id"]
    for theirs in (f"{ENDPOINTS}/{endpoint}", f"{ENDPOINTS}/{endpoint}/deliveries"):
        with refused(404, "not_found"):
            await other.api.get(theirs)
    with refused(404, "not_found"):
        await other.api.post(f"{ENDPOINTS}/{endpoint}/deliveries/{delivery}/resend", {})
    with refused(404, "not_found"):
        await other.api.delete(f"{ENDPOINTS}/{endpoint}")
    with refused(422, "invalid_fields"):
        await own.api.post(ENDPOINTS, {"url": "https://user:pass@hooks.brightvoice.io"})
