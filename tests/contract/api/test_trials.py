"""A trial over HTTP: from the plan's days to what client and agency see of it (billing-rules 7)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.http import refused
from support.tenant import Tenant, subscription_of

PLANS = "/v1/agency/plans"
BILLING = "/v1/portal/billing"
DAYS = 14
NOT_SENT = ("id", "version", "created_at", "archived_at", "clients", "clients_of_all_versions")
"""What a plan's answer has beside what makes one."""


def begins(**ago: float) -> tuple[str, datetime]:
    """When a trial begins, as a request says it, and when it ends."""
    at = (datetime.now(UTC) - timedelta(**ago)).replace(microsecond=0)
    return at.isoformat(), at + timedelta(days=DAYS)


async def tried(tenant: Tenant, **terms: Any) -> tuple[str, datetime]:
    """A client whose trial began two hours ago, and when it ends."""
    starts_at, end = begins(hours=2)
    client = await tenant.client()
    await tenant.assign(client, await tenant.plan(trial_days=DAYS), starts_at=starts_at, **terms)
    return client, end


def instant(shown: str) -> datetime:
    return datetime.fromisoformat(shown)


async def test_a_plans_trial_is_everyones_to_whom_no_other_is_given(tenant: Tenant) -> None:
    plan = await tenant.plan(trial_days=DAYS)
    assert (await tenant.api.get(f"{PLANS}/{plan}"))["trial_days"] == DAYS
    own, other, none = [await tenant.client() for _ in range(3)]
    assert (await tenant.assign(own, plan))["status"] == "trialing"
    given = await tenant.assign(other, plan, trial_days=30)
    assert instant(given["trial_end"]) - datetime.now(UTC) > timedelta(days=29)
    without = await tenant.assign(none, plan, trial_days=0)
    assert (without["status"], without["trial_end"]) == ("active", None)

    # Left out or written out it is the same request; another trial is another one.
    assert (await tenant.api.send("PUT", subscription_of(own), json={"plan_id": plan})).status_code == 200
    again = {"plan_id": plan, "trial_days": DAYS}
    assert (await tenant.api.send("PUT", subscription_of(own), json=again)).status_code == 200
    with refused(409, "already_subscribed"):
        await tenant.assign(own, plan, trial_days=0)


@pytest.mark.parametrize("days", [-1, 731, 1.5, "14"])
async def test_days_that_are_none_are_refused_by_their_name(tenant: Tenant, days: object) -> None:
    for method, path, body in (
        ("POST", PLANS, {**(await tenant.api.get(f"{PLANS}/{await tenant.plan()}"))}),
        ("PUT", subscription_of(await tenant.client()), {"plan_id": await tenant.plan()}),
    ):
        known = {name: body[name] for name in body if name not in NOT_SENT}
        answer = await tenant.api.send(method, path, json={**known, "trial_days": days})
        assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, ["trial_days"])


async def test_what_is_used_in_it_is_shown_and_costs_nothing(tenant: Tenant) -> None:
    client, end = await tried(tenant, spend_cap={"amount": {"amount": 100, "currency": "usd"}, "action": "block"})
    said = await tenant.report(client, 400, 212)
    assert (said["accepted"], said["unbilled"], said["blocked"]) == (0, 2, [])

    billing = await (await tenant.portal(client)).get(BILLING)
    shown = billing["subscription"]
    assert (shown["status"], instant(shown["trial_end"])) == ("trialing", end)
    assert instant(shown["current_period"]["end"]) == end
    usage = billing["usage"]
    assert (usage["minutes_used"], usage["overage_minutes"], usage["percent"]) == ("612.0", "112.0", 122.4)
    assert usage["overage_so_far"]["amount"] == 0
    assert not billing["spend_cap"] or not billing["spend_cap"]["reached"]
    assert (instant(billing["next_invoice"]["at"]), billing["next_invoice"]["estimate"]["amount"]) == (end, 4900)
    assert billing["banner"] is None, "a card is asked for in the last days"
    days = (await (await tenant.portal(client)).get(f"{BILLING}/usage/daily"))["data"]
    assert sum(float(day["minutes"]) for day in days) == 612

    (row,) = [one for one in (await tenant.api.get("/v1/agency/usage"))["data"] if one["client_id"] == client]
    assert (row["percent"], row["projected_overage"]["amount"]) == (122.4, 0)
    assert await tenant.engine.get(f"/v1/usage/clients/{client}") == {
        "blocked": False,
        "reason": None,
        "minutes_remaining": "0.0",
    }
    listed = await tenant.api.get("/v1/agency/clients", status="trialing", search=(await _name(tenant, client)))
    assert [one["id"] for one in listed["data"]] == [client]


async def test_the_calls_of_a_trial_that_is_cancelled_at_once_stay_and_later_ones_are_the_ends(tenant: Tenant) -> None:
    client, _ = await tried(tenant)
    await tenant.report(client, 10)
    await tenant.running(client)
    gone = await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    assert (gone["status"], gone["trial_end"]) == ("cancelled", None)
    assert (await tenant.report(client, 5))["unbilled"] == 1
    await tenant.engine.post("/v1/usage/calls", {"calls": [_call(client, datetime.now(UTC) + timedelta(minutes=1))]})
    rows = await tenant.site.pool.fetch(
        "SELECT unbilled, count(*) FROM calls WHERE client_id = $1 GROUP BY unbilled ORDER BY unbilled", client
    )
    assert [tuple(row) for row in rows] == [("ended", 1), ("trial", 2)]
    await tenant.ended(client)
    assert (await tenant.api.get(f"/v1/agency/clients/{client}/invoices"))["data"] == []


async def test_another_plan_in_a_trial_is_previewed_as_its_end_will_bill_it(tenant: Tenant) -> None:
    client, end = await tried(tenant)
    await tenant.running(client)
    larger = await tenant.plan(name="Voice Max", price={"amount": 9900, "currency": "usd"})
    changes = f"{subscription_of(client)}/plan-changes"
    preview = await tenant.api.post(changes, {"plan_id": larger, "preview": True})
    assert (preview["total"]["amount"], preview["overage_effect"]["new_terms"]["amount"]) == (9900, 0)
    await tenant.api.post(changes, {"plan_id": larger})
    billing = await (await tenant.portal(client)).get(BILLING)
    assert (billing["plan"]["name"], billing["next_invoice"]["estimate"]["amount"]) == ("Voice Max", 9900)
    coming = (await tenant.api.get(f"{subscription_of(client)}/schedule"))["data"]
    assert [(one["action"], instant(one["at"])) for one in coming][:2] == [
        ("trial_ending", end - timedelta(days=3)),
        ("trial_ended", end),
    ]


async def _name(tenant: Tenant, client: str) -> str:
    return str((await tenant.api.get(f"/v1/agency/clients/{client}"))["name"])


def _call(client: str, at: datetime) -> dict[str, Any]:
    started = {"call_id": f"later-{client}", "client_id": client, "started_at": at.isoformat()}
    return {**started, "duration_seconds": 60, "outcome": "completed"}
