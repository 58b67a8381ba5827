"""An agency's settings: read, changed in part, audited, and what running subscriptions learn of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.http import refused
from support.tenant import FAILS, PAYS, Tenant, subscription_of

SETTINGS = "/v1/agency/settings"
AT_FIRST: dict[str, Any] = {
    "timezone": "UTC",
    "dunning": {"gaps_days": [3, 5, 7], "final_action": "past_due"},
    "usage_alert_percents": [80, 100],
    "usage_grace_minutes": 60,
    "allowed_origins": ["https://portal.example.com"],
    "review_over": None,
    "sender": {"name": None, "email": None},
    "support": {"email": None, "phone": None, "url": None},
    "tax": {"mode": "none", "rate_ids": []},
}


async def test_an_agency_begins_with_the_rules_own_settings(bare: Tenant) -> None:
    assert await bare.api.get(SETTINGS) == AT_FIRST


async def test_everything_can_be_set_and_is_read_as_it_was_set(bare: Tenant) -> None:
    wanted = {
        "timezone": "Europe/Berlin",
        "dunning": {"gaps_days": [1, 30, 2, 3, 4, 5, 6, 7], "final_action": "pause"},
        "usage_alert_percents": [50, 90, 150],
        "usage_grace_minutes": 0,
        "allowed_origins": ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000"],
        "review_over": {"amount": 100000, "currency": "usd"},
        "sender": {"name": "Bright Voice", "email": "billing@bright.example"},
        "support": {"email": "help@bright.example", "phone": "+1 207 555 0100", "url": "https://bright.example/help"},
        "tax": {"mode": "none", "rate_ids": []},
    }
    assert await bare.api.patch(SETTINGS, wanted) == wanted
    assert await bare.api.get(SETTINGS) == wanted


async def test_the_limit_for_plans_without_a_price_is_money_and_can_be_taken_back(bare: Tenant) -> None:
    with refused(422, "invalid_fields"):
        await bare.api.patch(SETTINGS, {"review_over": {"amount": 0, "currency": "usd"}})
    await bare.api.patch(SETTINGS, {"review_over": {"amount": 5000, "currency": "eur"}})
    assert (await bare.api.patch(SETTINGS, {"review_over": None}))["review_over"] is None


async def test_what_is_left_out_stays_inside_the_objects_too(bare: Tenant) -> None:
    await bare.api.patch(SETTINGS, {"support": {"email": "help@bright.example", "phone": "1"}})
    changed = await bare.api.patch(
        SETTINGS, {"dunning": {"gaps_days": [2]}, "support": {"phone": None}, "sender": {"name": "B"}}
    )
    assert changed == {
        **AT_FIRST,
        "dunning": {"gaps_days": [2], "final_action": "past_due"},
        "support": {"email": "help@bright.example", "phone": None, "url": None},
        "sender": {"name": "B", "email": None},
    }
    assert await bare.api.patch(SETTINGS, {}) == changed


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("timezone", {"timezone": "Mars"}),
        ("dunning.gaps_days", {"dunning": {"gaps_days": []}}),
        ("dunning.gaps_days", {"dunning": {"gaps_days": [1] * 9}}),
        ("dunning.gaps_days.1", {"dunning": {"gaps_days": [3, 0]}}),
        ("dunning.gaps_days.0", {"dunning": {"gaps_days": [31]}}),
        ("dunning.gaps_days.0", {"dunning": {"gaps_days": ["3"]}}),
        ("dunning.final_action", {"dunning": {"final_action": "shout"}}),
        ("dunning", {"dunning": {"final_action": None}}),
        ("dunning.retries", {"dunning": {"retries": 3}}),
        ("body", {"dunning": None}),
        ("usage_alert_percents.0", {"usage_alert_percents": [0]}),
        ("usage_alert_percents", {"usage_alert_percents": [80, 80]}),
        ("usage_grace_minutes", {"usage_grace_minutes": -1}),
        ("usage_grace_minutes", {"usage_grace_minutes": 10_081}),
        ("usage_grace_minutes", {"usage_grace_minutes": 1.5}),
        ("allowed_origins.0", {"allowed_origins": ["http://app.example.com"]}),
        ("allowed_origins.0", {"allowed_origins": ["https://app.example.com/path"]}),
        ("allowed_origins.0", {"allowed_origins": ["*"]}),
        ("allowed_origins", {"allowed_origins": ["https://a.example", "https://a.example/"]}),
        ("sender.email", {"sender": {"email": "nobody"}}),
        ("sender.email", {"sender": {"name": "X", "email": "<office@bright.example>"}}),
        ("support.email", {"support": {"email": "help@bright.example,all@bright.example"}}),
        ("support.url", {"support": {"url": "javascript:alert(1)"}}),
        ("tier", {"tier": "scale"}),
    ],
)
async def test_a_wrong_setting_is_refused_by_its_name(bystander: Tenant, field: str, body: dict[str, Any]) -> None:
    answer = await bystander.api.send("PATCH", SETTINGS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await bystander.api.get(SETTINGS) == AT_FIRST


@pytest.mark.parametrize(
    ("field", "tax"),
    [
        ("tax.rate_ids", {"mode": "rates"}),
        ("tax.rate_ids", {"mode": "rates", "rate_ids": []}),
        ("tax.rate_ids", {"rate_ids": ["txr_1", "txr_1"]}),
        ("tax.mode", {"mode": "automatic"}),
    ],
)
async def test_a_tax_that_stripe_would_refuse_is_refused(bystander: Tenant, field: str, tax: dict[str, Any]) -> None:
    answer = await bystander.api.send("PATCH", SETTINGS, json={"tax": tax, "timezone": "Europe/Berlin"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await bystander.api.get(SETTINGS) == AT_FIRST


async def test_tax_rates_are_those_of_the_agencys_account(tenant: Tenant) -> None:
    tax = {"mode": "rates", "rate_ids": ["txr_nobodys"]}
    answer = await tenant.api.send("PATCH", SETTINGS, json={"tax": tax})
    assert [error["field"] for error in answer.json()["errors"]] == ["tax.rate_ids.0"]
    assert (await tenant.api.get(SETTINGS))["tax"] == {"mode": "none", "rate_ids": []}


async def test_without_an_account_there_are_no_tax_rates(bare: Tenant) -> None:
    with refused(409, "stripe_not_ready"):
        await bare.api.patch(SETTINGS, {"tax": {"mode": "rates", "rate_ids": ["txr_1"]}})


async def test_what_was_set_stands_in_the_trail_with_what_it_was(bare: Tenant) -> None:
    await bare.api.patch(SETTINGS, {"usage_grace_minutes": 30, "timezone": "UTC", "sender": {"name": "B"}})
    newest = (await bare.api.get("/v1/agency/audit"))["data"][0]
    assert (newest["what"], newest["who"], newest["client_id"]) == ("settings_changed", "agency:somebody", None)
    assert newest["detail"] == {
        "usage_grace_minutes": {"from": 60, "to": 30},
        "sender_name": {"from": None, "to": "B"},
    }
    await bare.api.patch(SETTINGS, {"usage_grace_minutes": 30})
    assert (await bare.api.get("/v1/agency/audit"))["data"][0] == newest


async def test_a_changed_grace_reaches_running_subscriptions(own: Tenant) -> None:
    client = await own.subscribed(PAYS)
    closes = await _closes_after_its_end(own, client)
    assert closes == timedelta(hours=1)
    await own.api.patch(SETTINGS, {"usage_grace_minutes": 90})

    async def learned() -> bool:
        return await _closes_after_its_end(own, client) == timedelta(minutes=90)

    await own.eventually(learned)
    rows = await own.site.pool.fetch(
        "SELECT account, type, created_at FROM inbox WHERE object_id = $1 AND type = 'retainer.settings'", own.id
    )
    assert [(row["account"], row["type"]) for row in rows] == [("", "retainer.settings")]
    assert datetime.now(UTC) - rows[0]["created_at"] < timedelta(minutes=1)


async def test_a_grace_that_is_set_to_what_it_was_wakes_nobody(bare: Tenant) -> None:
    await bare.api.patch(SETTINGS, {"usage_grace_minutes": 60, "timezone": "Europe/Berlin"})
    assert await bare.site.pool.fetchval("SELECT count(*) FROM inbox WHERE object_id = $1", bare.id) == 0


async def test_running_ladders_keep_their_policy(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    await own.api.patch(SETTINGS, {"dunning": {"gaps_days": [9]}})
    assert (await own.live(client))["ladder"]["gaps_days"] == [3, 5, 7]


async def _closes_after_its_end(tenant: Tenant, client: str) -> timedelta:
    schedule = (await tenant.api.get(f"{subscription_of(client)}/schedule"))["data"]
    at = next(item["at"] for item in schedule if item["action"] == "close_period")
    end = (await tenant.live(client))["current_period"]["end"]
    return datetime.fromisoformat(at) - datetime.fromisoformat(end)


async def test_settings_are_for_the_role_agency(bare: Tenant) -> None:
    with refused(403, "forbidden"):
        await bare.engine.patch(SETTINGS, {"usage_grace_minutes": 0})
