"""`Idempotency-Key`: one key of one caller, on one method and path, is one request for 24 hours."""

import asyncio
from typing import Any

import pytest
from support.http import fresh
from support.tenant import PAYS, Tenant, subscription_of

from adapters.sealing import Seal

CLIENTS = "/v1/agency/clients"
ADA = {"name": "Ada", "email": "ada@client.example"}


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or fresh("key")}


async def count(tenant: Tenant) -> int:
    found: int = await tenant.site.pool.fetchval("SELECT count(*) FROM clients WHERE agency_id = $1", tenant.id)
    return found


async def test_a_replay_gives_the_same_answer_and_makes_nothing(bare: Tenant) -> None:
    headers = keyed()
    first = await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    again = await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["content-type"]) == (again.json(), again.headers["content-type"])
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]
    assert await count(bare) == 1


async def test_other_content_under_the_key_is_refused(bare: Tenant) -> None:
    headers = keyed()
    await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    for other in ({"json": {**ADA, "name": "Bert"}}, {"json": ADA, "params": {"x": "1"}}, {"content": b"{"}):
        how: dict[str, Any] = {**other, "headers": {**headers, "Content-Type": "application/json"}}
        answer = await bare.api.send("POST", CLIENTS, **how)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert await count(bare) == 1


async def test_while_the_first_is_open_the_second_is_told_so(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    headers, body = keyed(), {"plan_id": plan}
    async with tenant.site.trouble("customers.create", "delay", seconds=600):
        first, other = (
            asyncio.create_task(tenant.api.send("PUT", subscription_of(client), json=body, headers=headers))
            for _ in range(2)
        )
        await asyncio.wait((first, other), return_when=asyncio.FIRST_COMPLETED)
    both = [await first, await other]
    assert sorted(answer.status_code for answer in both) == [201, 409]
    open_one = next(answer for answer in both if answer.status_code == 409)
    assert open_one.json()["code"] == "request_in_progress"
    last = await tenant.api.send("PUT", subscription_of(client), json=body, headers=headers)
    assert (last.status_code, last.headers["Idempotent-Replayed"]) == (201, "true")


async def test_a_refusal_is_final_and_remembered(bare: Tenant) -> None:
    headers = keyed()
    wrong = {**ADA, "email": "nobody"}
    first = await bare.api.send("POST", CLIENTS, json=wrong, headers=headers)
    again = await bare.api.send("POST", CLIENTS, json=wrong, headers=headers)
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (422, 422, "true")
    assert again.json() == first.json()
    assert again.headers["content-type"] == "application/problem+json"


async def test_a_503_is_not_remembered_and_the_same_key_goes_on(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    headers, body = keyed(), {"plan_id": plan}
    async with tenant.site.away("customers.create"):
        first = await tenant.api.send("PUT", subscription_of(client), json=body, headers=headers)
    again = await tenant.api.send("PUT", subscription_of(client), json=body, headers=headers)
    assert (first.status_code, again.status_code) == (503, 201)
    assert "Idempotent-Replayed" not in again.headers


async def test_a_key_is_its_callers_own_and_its_address_own(bare: Tenant, other: Tenant) -> None:
    headers = keyed()
    mine = await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    theirs = await other.api.send("POST", CLIENTS, json=ADA, headers=headers)
    assert mine.json()["id"] != theirs.json()["id"]
    elsewhere = await bare.api.send("POST", f"{CLIENTS}/{mine.json()['id']}/archive", headers=headers)
    assert (elsewhere.status_code, "Idempotent-Replayed" in elsewhere.headers) == (200, False)


async def test_a_repeat_after_a_crash_meets_its_own_row(bare: Tenant) -> None:
    headers = keyed()
    first = await bare.api.send("POST", CLIENTS, json={**ADA, "external_id": "crash"}, headers=headers)
    # As if the process had died between its commit and keeping the answer.
    await bare.site.pool.execute(
        "UPDATE idempotency_keys SET status_code = NULL, response = NULL WHERE key = $1", headers["Idempotency-Key"]
    )
    again = await bare.api.send("POST", CLIENTS, json={**ADA, "external_id": "crash"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await count(bare) == 1


async def test_a_command_repeated_under_its_key_is_one_command(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    cancel, headers = f"{subscription_of(client)}/cancel", keyed()
    first = await tenant.api.send("POST", cancel, json={}, headers=headers)
    await tenant.site.pool.execute(
        "UPDATE idempotency_keys SET status_code = NULL, response = NULL WHERE key = $1", headers["Idempotency-Key"]
    )
    again = await tenant.api.send("POST", cancel, json={}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["cancel_at"] == first.json()["cancel_at"]
    undone = await tenant.api.send("DELETE", cancel, headers=headers)
    assert (undone.status_code, undone.json()["cancel_at"]) == (200, None)


async def test_an_answer_that_cannot_be_opened_is_not_given_and_makes_nothing(bare: Tenant) -> None:
    mine, others = keyed(), keyed()
    for headers in (mine, others):
        await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    rows = await bare.site.pool.fetch("SELECT key, response FROM idempotency_keys")
    kept = {row["key"]: row["response"] for row in rows}
    change = "UPDATE idempotency_keys SET response = $2 WHERE key = $1"
    for body in (Seal(["a key that is gone"]).close("", "{}"), kept[others["Idempotency-Key"]]["body"]):
        good = kept[mine["Idempotency-Key"]]
        await bare.site.pool.execute(change, mine["Idempotency-Key"], {**good, "body": body})
        shut = await bare.api.send("POST", CLIENTS, json=ADA, headers=mine)
        assert (shut.status_code, shut.json().get("code")) == (503, "temporarily_unavailable")
        await bare.site.pool.execute(change, mine["Idempotency-Key"], good)
        again = await bare.api.send("POST", CLIENTS, json=ADA, headers=mine)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert await count(bare) == 2


async def test_an_answer_that_was_kept_before_there_was_a_seal_is_given(bare: Tenant) -> None:
    headers = keyed()
    first = await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    plain = {"headers": {"content-type": "application/json"}, "body": first.text}
    await bare.site.pool.execute(
        "UPDATE idempotency_keys SET response = $2 WHERE key = $1", headers["Idempotency-Key"], plain
    )
    again = await bare.api.send("POST", CLIENTS, json=ADA, headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
async def test_a_key_that_is_none_is_refused(bystander: Tenant, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await bystander.api.send("POST", CLIENTS, json=ADA, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert await count(bystander) == 0


async def test_reading_and_patching_take_no_notice_of_a_key(bare: Tenant) -> None:
    headers = keyed()
    for zone in ("Europe/Berlin", "Asia/Tokyo"):
        answer = await bare.api.send("PATCH", "/v1/agency/settings", json={"timezone": zone}, headers=headers)
        assert answer.json()["timezone"] == zone
        read = await bare.api.send("GET", "/v1/agency/settings", headers=headers)
        assert read.json()["timezone"] == zone
