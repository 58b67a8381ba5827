"""A spend cap over HTTP: set with the plan or later, shown, and what the call engine is answered (billing-rules 9)."""

from typing import Any

import pytest
from support.http import Json, refused
from support.tenant import Tenant, subscription_of


def cap(amount: int, action: str = "block", currency: str = "usd") -> Json:
    return {"amount": {"amount": amount, "currency": currency}, "action": action}


async def capped(tenant: Tenant, amount: int = 1000) -> str:
    """A client in service since yesterday whose minutes over the 500 included ones may cost so much."""
    client = await tenant.client()
    await tenant.assign(client, starts_at=tenant.ago(days=1), spend_cap=cap(amount))
    await tenant.running(client)
    return client


async def engine(tenant: Tenant, client: str) -> tuple[bool, str | None]:
    said = await tenant.engine.get(f"/v1/usage/clients/{client}")
    return said["blocked"], said["reason"]


async def test_the_call_engine_is_told_at_once_when_it_is_reached_and_when_it_is_raised(tenant: Tenant) -> None:
    client = await capped(tenant)
    path = subscription_of(client)
    assert (await tenant.live(client))["spend_cap"] == cap(1000)
    assert ((await tenant.report(client, 550))["blocked"], await engine(tenant, client)) == ([], (False, None))
    assert (await tenant.report(client, 50))["blocked"] == [client]
    assert await engine(tenant, client) == (True, "cap_reached")

    portal = await tenant.portal(client)
    own = await portal.get("/v1/portal/billing")
    [of_all] = [one for one in (await tenant.api.get("/v1/agency/usage"))["data"] if one["client_id"] == client]
    for shown in (own, of_all):
        assert shown["spend_cap"] == {**cap(1000), "reached": True}

    raised = await tenant.api.patch(path, {"spend_cap": cap(5000)})
    assert (raised["spend_cap"], await engine(tenant, client)) == (cap(5000), (False, None))
    assert (await tenant.report(client, 1))["blocked"] == []
    lowered = await tenant.api.patch(path, {"spend_cap": cap(1200)})
    assert (lowered["spend_cap"], await engine(tenant, client)) == (cap(1200), (True, "cap_reached"))
    assert (await tenant.api.patch(path, {"spend_cap": None}))["spend_cap"] is None
    assert await engine(tenant, client) == (False, None)
    assert (await portal.get("/v1/portal/billing"))["spend_cap"] is None

    notified = await tenant.api.patch(path, {"spend_cap": cap(1200, "notify")})
    assert (notified["spend_cap"]["action"], await engine(tenant, client)) == ("notify", (False, None))
    listed = (await tenant.api.get("/v1/agency/notifications", limit=100))["data"]
    assert [one["kind"] for one in listed if one["client_id"] == client].count("cap_reached") == 2
    changes = (await tenant.api.get("/v1/agency/audit", client_id=client))["data"]
    assert [one["what"] for one in changes].count("SpendCapSet") == 4


async def test_a_change_of_nothing_and_the_same_again_change_nothing(tenant: Tenant) -> None:
    client = await capped(tenant)
    path = subscription_of(client)
    for body in ({}, {"collection": "automatic"}, {"spend_cap": cap(1000)}):
        assert (await tenant.api.patch(path, body))["spend_cap"] == cap(1000)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"spend_cap": cap(1000, currency="eur")}, "spend_cap.amount.currency"),
        ({"spend_cap": cap(-1)}, "spend_cap.amount"),
        ({"spend_cap": cap(1000, "stop")}, "spend_cap.action"),
        ({"spend_cap": {"amount": {"amount": 1.5, "currency": "usd"}, "action": "block"}}, "spend_cap.amount.amount"),
        ({"spend_cap": {"amount": {"amount": 1000, "currency": "usd"}}}, "spend_cap.action"),
        ({"price": 1}, "price"),
    ],
)
async def test_what_is_no_cap_is_refused_by_its_field(tenant: Tenant, body: Json, field: str) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    other = {**body, "plan_id": await tenant.plan()}
    for answer in (
        await tenant.api.send("PATCH", subscription_of(client), json=body),
        await tenant.api.send("PUT", subscription_of(await tenant.client()), json=other),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_no_cap_is_set_where_there_is_no_service(own: Tenant) -> None:
    await own.api.patch("/v1/agency/settings", {"usage_grace_minutes": 0})
    client = await own.client()
    change: dict[str, Any] = {"spend_cap": cap(1000)}
    with refused(404, "not_found"):
        await own.api.patch(subscription_of(client), change)
    await own.assign(client, await own.plan(price={"amount": 0, "currency": "usd"}))
    await own.running(client)
    await own.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    with refused(409, "already_cancelled"):
        await own.api.patch(subscription_of(client), change)
    await own.ended(client)
    with refused(409, "already_cancelled"):
        await own.api.patch(subscription_of(client), change)
