"""A subscription as its agency reads it: how it stands, what is coming, what would follow."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.http import refused
from support.tenant import FAILS, PAYS, Tenant, subscription_of


async def test_the_live_state_is_the_workflows_own_word(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    live = await tenant.live(client)
    assert (live["source"], live["status"], live["open_invoices"]) == ("workflow", "active", 0)
    assert live["amount_due"] == {"amount": 0, "currency": "usd"}
    assert datetime.now(UTC) - datetime.fromisoformat(live["as_of"]) < timedelta(seconds=30)


async def test_a_ladder_is_shown_with_its_next_date(own: Tenant) -> None:
    await own.api.patch("/v1/agency/settings", {"dunning": {"gaps_days": [2, 9], "final_action": "cancel"}})
    client = await own.subscribed(FAILS)
    live = await own.running(client)
    ladder = live["ladder"]
    assert (live["open_invoices"], live["amount_due"]["amount"], live["status"]) == (1, 4900, "active")
    assert (ladder["gaps_days"], ladder["final_action"]) == ([2, 9], "cancel")
    assert (ladder["used"], ladder["attempts_left"]) == (0, 2)
    started, following = (datetime.fromisoformat(ladder[name]) for name in ("started_at", "next_attempt_at"))
    assert following - started == timedelta(days=2)


async def test_the_schedule_is_in_order_and_names_rule_and_amount(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    schedule = await tenant.api.get(f"{subscription_of(client)}/schedule")
    assert schedule["source"] == "workflow"
    items = schedule["data"]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert all(item["rule"] and item["detail"] for item in items)
    retries = [item for item in items if item["action"] == "retry"]
    attempted = datetime.fromisoformat((await tenant.live(client))["ladder"]["started_at"])
    assert [datetime.fromisoformat(item["at"]) - attempted for item in retries] == [
        timedelta(days=3),
        timedelta(days=8),
        timedelta(days=15),
    ]
    assert {item["amount"]["amount"] for item in retries} == {4900}
    assert [item["detail"] for item in items if item["action"] == "final_action"] == ["all retries failed: past due"]
    end = datetime.fromisoformat((await tenant.live(client))["current_period"]["end"])
    closing = [item["at"] for item in items if item["action"] == "close_period"]
    assert [datetime.fromisoformat(at) for at in closing] == [end + timedelta(hours=1)]


async def test_a_forecast_bills_every_month_what_it_is_told_is_used(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path = f"{subscription_of(client)}/forecast"
    year = await tenant.api.get(path, months=12, minutes_per_month=612)
    assert year["assumptions"] == {"months": 12, "minutes_per_month": 612, "card": "works"}
    invoices = [item for item in year["data"] if item["event"] == "invoice"]
    # The first month is paid; what the twelfth brings is issued an hour after it has ended.
    assert [item["amount"]["amount"] for item in invoices] == [4900 + 1400] * 11
    attempts = [item for item in year["data"] if item["event"] == "attempt"]
    assert {item["result"] for item in attempts} == {"paid"}
    assert len(attempts) == 11
    quarter = await tenant.api.get(path, months=3)
    assert quarter["assumptions"]["minutes_per_month"] == 0
    assert [item["amount"]["amount"] for item in quarter["data"] if item["event"] == "invoice"] == [4900] * 2


async def test_a_forecast_of_a_card_that_fails_walks_the_ladder(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    today = datetime.now(UTC).date().isoformat()
    told = (await tenant.api.get(f"{subscription_of(client)}/forecast", months=2, card=f"fails_on:{today}"))["data"]
    first = [item for item in told if item["event"] == "attempt"][:4]
    assert {item["result"] for item in first} == {"declined"}
    times = [datetime.fromisoformat(item["at"]) for item in first]
    assert [at - times[0] for at in times] == [timedelta(days=days) for days in (0, 3, 8, 15)]
    assert any(item["event"] == "status" for item in told)


async def test_a_forecast_changes_nothing(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    version = "SELECT version FROM subscriptions WHERE client_id = $1"
    before = (await tenant.site.pool.fetchval(version, client), await tenant.live(client))
    await tenant.api.get(f"{subscription_of(client)}/forecast", months=36)
    after = (await tenant.site.pool.fetchval(version, client), await tenant.live(client))
    assert (before[0], {**before[1], "as_of": ""}) == (after[0], {**after[1], "as_of": ""})


@pytest.mark.parametrize(
    "query",
    [
        {"months": 0},
        {"months": 37},
        {"months": "x"},
        {"minutes_per_month": -1},
        {"card": "breaks"},
        {"card": "fails_on:2026-13-01"},
        {"card": "fails_on:20261301"},
        {"until": "2027"},
    ],
)
async def test_a_forecast_takes_no_other_questions(bystander: Tenant, query: dict[str, Any]) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.get("/v1/agency/clients/cli_none/subscription/forecast", **query)


async def test_a_client_without_a_subscription_has_none_to_show(bare: Tenant) -> None:
    client = await bare.client()
    for part in ("", "/schedule", "/forecast"):
        with refused(404, "not_found"):
            await bare.api.get(f"{subscription_of(client)}{part}")


async def test_another_agencys_subscription_is_not_found(tenant: Tenant, other: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    answers = await asyncio.gather(
        *(other.api.send("GET", f"{subscription_of(client)}{part}") for part in ("", "/schedule", "/forecast"))
    )
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}
