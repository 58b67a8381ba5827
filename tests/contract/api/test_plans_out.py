"""Plans: what an agency sells."""

from typing import Any

import pytest
from support.http import refused
from support.tenant import Tenant

from sandbox.seed import PLAN

PLANS = "/v1/agency/plans"


async def test_a_plan_is_made_and_read(bare: Tenant) -> None:
    answer = await bare.api.send("POST", PLANS, json=PLAN)
    assert answer.status_code == 201
    made = answer.json()
    shown = {"version": 1, "call_increment_seconds": 60, "trial_days": 0, "archived_at": None}
    shown |= {"clients": 0, "clients_of_all_versions": 0}
    assert made == {**PLAN, **shown, "id": made["id"], "created_at": made["created_at"]}
    assert await bare.api.get(f"{PLANS}/{made['id']}") == made
    assert (await bare.api.get(PLANS))["data"] == [made]


@pytest.mark.parametrize(
    "changes",
    [
        {"price": {"amount": 0, "currency": "usd"}},
        {"included_minutes": 0},
        {"overage_rate": {"amount_decimal": "0", "currency": "usd", "per": "minute"}},
        {
            "price": {"amount": 0, "currency": "jpy"},
            "included_minutes": 0,
            "overage_rate": {"amount_decimal": "0", "currency": "jpy", "per": "minute"},
        },
        {"call_increment_seconds": 6},
        {"call_increment_seconds": 1},
    ],
)
async def test_zero_is_legal_everywhere_and_increments_are_three(bare: Tenant, changes: dict[str, Any]) -> None:
    made = await bare.api.post(PLANS, {**PLAN, **changes})
    assert {name: made[name] for name in changes} == changes


async def test_a_rate_is_an_exact_decimal_and_shown_in_its_plain_form(bare: Tenant) -> None:
    rate = {"amount_decimal": "0.000000000001", "currency": "usd", "per": "minute"}
    made = await bare.api.post(PLANS, {**PLAN, "overage_rate": rate})
    assert made["overage_rate"] == rate
    made = await bare.api.post(PLANS, {**PLAN, "overage_rate": {**rate, "amount_decimal": "12.50"}})
    assert made["overage_rate"]["amount_decimal"] == "12.5"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("price.amount", {"price": {"amount": 49.5, "currency": "usd"}}),
        ("price.amount", {"price": {"amount": "4900", "currency": "usd"}}),
        ("price.amount", {"price": {"amount": True, "currency": "usd"}}),
        ("price", {"price": {"amount": -1, "currency": "usd"}}),
        ("price", {"price": {"amount": 100_000_000, "currency": "usd"}}),
        ("price", {"price": {"amount": 5, "currency": "kwd"}}),
        ("price.currency", {"price": {"amount": 4900, "currency": "USD"}}),
        ("price.currency", {"price": {"amount": 4900, "currency": "zzz"}}),
        ("overage_rate.amount_decimal", {"overage_rate": {**PLAN["overage_rate"], "amount_decimal": "1e2"}}),  # type: ignore[dict-item]
        ("overage_rate.amount_decimal", {"overage_rate": {**PLAN["overage_rate"], "amount_decimal": "-1"}}),  # type: ignore[dict-item]
        ("overage_rate.amount_decimal", {"overage_rate": {**PLAN["overage_rate"], "amount_decimal": 12.5}}),  # type: ignore[dict-item]
        (
            "overage_rate.amount_decimal",
            {"overage_rate": {**PLAN["overage_rate"], "amount_decimal": "0.1234567890123"}},
        ),  # type: ignore[dict-item]
        ("overage_rate.per", {"overage_rate": {**PLAN["overage_rate"], "per": "hour"}}),  # type: ignore[dict-item]
        ("body", {"overage_rate": {**PLAN["overage_rate"], "currency": "eur"}}),  # type: ignore[dict-item]
        ("included_minutes", {"included_minutes": -1}),
        ("included_minutes", {"included_minutes": 500.0}),
        ("call_increment_seconds", {"call_increment_seconds": 30}),
        ("call_increment_seconds", {"call_increment_seconds": True}),
        ("call_increment_seconds", {"call_increment_seconds": 60.0}),
        ("name", {"name": "\x00"}),
        ("price_id", {"price_id": "price_1"}),
    ],
)
async def test_a_plan_with_a_wrong_field_is_refused_by_its_name(
    bystander: Tenant, field: str, changes: dict[str, Any]
) -> None:
    answer = await bystander.api.send("POST", PLANS, json={**PLAN, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await bystander.api.get(PLANS))["data"] == []


async def test_another_agencys_plan_is_not_found_and_can_not_be_assigned(tenant: Tenant, other: Tenant) -> None:
    theirs = await other.plan()
    with refused(404, "not_found"):
        await tenant.api.get(f"{PLANS}/{theirs}")
    with refused(422, "invalid_fields"):
        await tenant.assign(await tenant.client(), theirs)
