"""Assigning a plan: once, from when, at what, and what must hold before (billing-rules 3 and 8)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.http import refused
from support.tenant import PAYS, Tenant, new_tenant, subscription_of


async def test_a_plan_assigned_now_begins_a_period_now(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    before = datetime.now(UTC)
    answer = await tenant.api.send("PUT", subscription_of(client), json={"plan_id": plan})
    made = answer.json()
    assert (answer.status_code, made["client_id"], made["status"]) == (201, client, "active")
    assert made["plan"] == {
        "id": plan,
        "version": 1,
        "name": "Voice Pro",
        "tier": "pro",
        "price": {"amount": 4900, "currency": "usd"},
        "included_minutes": 500,
        "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
        "call_increment_seconds": 60,
    }
    starts_at = datetime.fromisoformat(made["starts_at"])
    assert before <= starts_at <= datetime.now(UTC)
    assert made["current_period"]["start"] == made["starts_at"]
    assert timedelta(days=28) <= datetime.fromisoformat(made["current_period"]["end"]) - starts_at <= timedelta(days=31)
    nothing = ("ladder", "pending_change", "cancel_at", "ended_at", "paused_reason")
    assert [made[name] for name in nothing] == [None] * 5
    # Without a card the first invoice is issued and waits for one (billing-rules 6, "No card").
    invoice = await tenant.invoice(client)
    assert (invoice["status"], invoice["portal_status"], invoice["attempts"]) == ("open", "pending", [])


async def test_the_same_again_changes_nothing(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    at = datetime.now(UTC) - timedelta(days=3)
    body: dict[str, Any] = {"plan_id": plan, "starts_at": at.isoformat(), "first_period": "free"}
    first = await tenant.api.send("PUT", subscription_of(client), json=body)
    in_tokyo = {**body, "starts_at": at.astimezone(ZoneInfo("Asia/Tokyo")).isoformat(), "collection": "automatic"}
    again = await tenant.api.send("PUT", subscription_of(client), json=in_tokyo)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert await tenant.site.pool.fetchval("SELECT count(*) FROM subscriptions WHERE client_id = $1", client) == 1


@pytest.mark.parametrize("change", ["plan", "start", "first_period", "starts_at"])
async def test_anything_else_is_refused_while_a_subscription_runs(tenant: Tenant, change: str) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    body: dict[str, Any] = {"plan_id": plan, "starts_at": tenant.ago(days=1)}
    made = await tenant.api.put(subscription_of(client), body)
    others = {
        "plan": {**body, "plan_id": await tenant.plan()},
        "start": {"plan_id": plan, "start": "first_card"},
        "first_period": {**body, "first_period": "free"},
        "starts_at": {**body, "starts_at": tenant.ago(days=2)},
    }
    with refused(409, "already_subscribed"):
        await tenant.api.put(subscription_of(client), others[change])
    assert (await tenant.live(client))["id"] == made["id"]


async def test_of_two_that_come_together_one_makes_it(tenant: Tenant) -> None:
    client, plan, another = await tenant.client(), await tenant.plan(), await tenant.plan()
    path, body = subscription_of(client), {"plan_id": plan}
    same = await asyncio.gather(*(tenant.api.send("PUT", path, json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in same) == [200, 200, 201]
    rivals = await tenant.client()
    answers = await asyncio.gather(
        *(tenant.api.send("PUT", subscription_of(rivals), json={"plan_id": one}) for one in (plan, another))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    count = "SELECT count(*) FROM subscriptions WHERE client_id = ANY ($1::text[])"
    assert await tenant.site.pool.fetchval(count, [client, rivals]) == 2


@pytest.mark.parametrize(
    ("away", "code"),
    [
        (timedelta(days=-31, minutes=1), None),
        (timedelta(days=-31, minutes=-1), "invalid_fields"),
        (timedelta(days=366, minutes=-1), None),
        (timedelta(days=366, minutes=1), "invalid_fields"),
    ],
)
async def test_a_start_lies_at_most_31_days_back_or_366_ahead(
    tenant: Tenant, away: timedelta, code: str | None
) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    body = {"plan_id": plan, "starts_at": (datetime.now(UTC) + away).isoformat(), "first_period": "free"}
    answer = await tenant.api.send("PUT", subscription_of(client), json=body)
    assert answer.json().get("code") == code
    if code:
        assert [error["field"] for error in answer.json()["errors"]] == ["starts_at"]


async def test_a_start_ahead_serves_and_bills_nothing_yet(tenant: Tenant) -> None:
    client = await tenant.client()
    ahead = (datetime.now(UTC) + timedelta(days=10)).replace(microsecond=0)
    await tenant.assign(client, starts_at=ahead.isoformat())
    live = await tenant.running(client)
    assert (live["current_period"], live["starts_at"]) == (None, ahead.isoformat().replace("+00:00", "Z"))
    assert (await tenant.api.get(f"/v1/agency/clients/{client}/invoices"))["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"starts_at": "2026-11-23T15:00:00"}, "starts_at"),
        ({"starts_at": 1796050800}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"start": "later"}, "start"),
        ({"start": "first_card", "starts_at": "2026-11-23T15:00:00Z"}, "body"),
        ({"first_period": "half"}, "first_period"),
        ({"plan_id": "pln_none"}, "plan_id"),
        ({"plan_id": "Plan!"}, "plan_id"),
        ({"coupon": "x"}, "coupon"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    plan = await tenant.plan()
    path = subscription_of(await tenant.client())
    answer = await tenant.api.send("PUT", path, json={"plan_id": plan, **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    with refused(404, "not_found"):
        await tenant.api.get(path)


async def test_the_first_card_is_the_anchor(tenant: Tenant) -> None:
    client = await tenant.client()
    made = await tenant.assign(client, start="first_card")
    assert [made[name] for name in ("status", "starts_at", "current_period")] == ["awaiting_card", None, None]
    before = datetime.now(UTC) - timedelta(seconds=1)  # Stripe's clock has whole seconds
    await tenant.save_card(client, PAYS)
    assert (await tenant.invoice(client, settled=True))["status"] == "paid"
    live = await tenant.running(client)
    assert live["status"] == "active"
    assert before <= datetime.fromisoformat(live["starts_at"]) <= datetime.now(UTC)
    assert live["current_period"]["start"] == live["starts_at"]


async def test_a_free_first_period_is_settled_at_zero_and_the_next_has_its_price(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, first_period="free")
    invoice = await tenant.invoice(client)
    assert (invoice["status"], invoice["total"]["amount"], invoice["attempts"]) == ("paid", 0, [])
    schedule = (await tenant.api.get(f"{subscription_of(client)}/schedule"))["data"]
    assert [item["amount"]["amount"] for item in schedule if item["action"] == "issue_invoice"] == [4900]


async def test_an_account_that_is_not_ready_sells_nothing(bare: Tenant) -> None:
    client = await bare.client()
    with refused(409, "stripe_not_ready"):
        await bare.assign(client)
    with refused(404, "not_found"):
        await bare.live(client)


async def test_a_starter_agency_sells_nothing(tenant: Tenant) -> None:
    small = await new_tenant(tenant.site, tenant.eventually, tier="starter")
    with refused(403, "billing_not_available"):
        await small.assign(await small.client())


async def test_with_stripe_away_nothing_is_assigned_and_the_same_again_repairs_it(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    async with tenant.site.away("prices.create"):
        with refused(503, "temporarily_unavailable"):
            await tenant.assign(client, plan)
    with refused(404, "not_found"):
        await tenant.live(client)
    assert (await tenant.assign(client, plan))["status"] == "active"


async def test_a_cancelled_subscription_never_blocks_a_new_one(tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    first = await tenant.assign(client, plan, start="first_card")
    await tenant.running(client)
    await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    second = await tenant.assign(client, plan, start="first_card")
    assert second["id"] != first["id"]
    assert (await tenant.live(client))["id"] == second["id"]


async def test_the_agencys_zone_at_that_time_is_the_subscriptions_for_life(own: Tenant) -> None:
    await own.api.patch("/v1/agency/settings", {"timezone": "Pacific/Auckland"})
    client = await own.client()
    await own.assign(client)
    await own.api.patch("/v1/agency/settings", {"timezone": "UTC"})
    assert (
        await own.site.pool.fetchval("SELECT zone FROM subscriptions WHERE client_id = $1", client)
        == "Pacific/Auckland"
    )
