"""An agency moves the dates of ladders that run: a promise to pay, and another retry policy."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from support.http import refused
from support.tenant import FAILS, PAYS, Tenant, subscription_of


async def test_a_promise_to_pay_moves_the_next_date_once(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    path = subscription_of(client)
    before = (await tenant.live(client))["ladder"]
    extended = (await tenant.api.post(f"{path}/extend", {"days": 14}))["ladder"]
    moved = datetime.fromisoformat(extended["next_attempt_at"]) - datetime.fromisoformat(before["next_attempt_at"])
    assert (moved, before["extended"], extended["extended"]) == (timedelta(days=14), False, True)
    schedule = (await tenant.api.get(f"{path}/schedule"))["data"]
    assert next(one["at"] for one in schedule if one["action"] == "retry") == extended["next_attempt_at"]
    banner = (await (await tenant.portal(client)).get("/v1/portal/billing"))["banner"]
    assert banner["next_attempt_at"] == extended["next_attempt_at"]
    with refused(409, "already_extended"):
        await tenant.api.post(f"{path}/extend", {"days": 1})
    trail = (await tenant.api.get("/v1/agency/audit", client_id=client))["data"]
    assert [(one["who"], one["detail"]["days"]) for one in trail if one["what"] == "LadderExtended"] == [
        ("agency:somebody", 14)
    ]


async def test_without_a_ladder_there_is_nothing_to_extend(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    with refused(409, "nothing_to_extend"):
        await tenant.api.post(f"{subscription_of(client)}/extend", {"days": 3})


@pytest.mark.parametrize("body", [{}, {"days": 0}, {"days": 15}, {"days": 1.5}, {"days": "3"}, {"days": 3, "why": "x"}])
async def test_a_promise_is_of_one_to_fourteen_days(bystander: Tenant, body: Any) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.post("/v1/agency/clients/cli_none/subscription/extend", body)


PREVIEW, APPLY = "/v1/agency/settings/dunning/preview", "/v1/agency/settings/dunning/apply"


async def test_a_policy_is_previewed_and_then_applied_to_the_ladders_that_run(own: Tenant) -> None:
    plan = await own.plan()
    failing = sorted([await own.subscribed(FAILS, plan), await own.subscribed(FAILS, plan)])
    await own.subscribed(PAYS, plan)
    before = {client: (await own.live(client))["ladder"] for client in failing}
    assert (await own.api.post(PREVIEW, {}))["total"] == 0, "the setting is what they have"

    await own.api.patch("/v1/agency/settings", {"dunning": {"gaps_days": [5, 1], "final_action": "cancel"}})
    said = await own.api.post(PREVIEW, {})
    assert (said["dunning"], said["total"]) == ({"gaps_days": [5, 1], "final_action": "cancel"}, 2)
    moves = {one["client_id"]: one for one in said["data"]}
    assert sorted(moves) == failing
    for client, one in moves.items():
        old, new = (datetime.fromisoformat(one[name]) for name in ("next_attempt_at", "new_next_attempt_at"))
        assert one["next_attempt_at"] == before[client]["next_attempt_at"]
        assert (new - old, one["attempts_left"], one["final_action"]) == (timedelta(days=2), 2, "cancel")
        assert (await own.live(client))["ladder"] == before[client], "a dry run"

    applied = await own.api.post(APPLY, {})
    assert (applied["moved"], applied["dunning"]) == (2, said["dunning"])

    for client in failing:

        async def follows(client: str = client) -> bool:
            ladder = (await own.live(client))["ladder"]
            return bool(ladder["next_attempt_at"] == moves[client]["new_next_attempt_at"])

        await own.eventually(follows)
        assert (await own.live(client))["ladder"]["gaps_days"] == [5, 1]
    assert (await own.api.post(PREVIEW, {}))["total"] == 0
    trail = (await own.api.get("/v1/agency/audit"))["data"]
    assert [one["detail"]["moved"] for one in trail if one["what"] == "dunning_applied"] == [2]
    assert sorted(one["client_id"] for one in trail if one["what"] == "DunningApplied") == failing


async def test_a_preview_has_pages(own: Tenant) -> None:
    plan = await own.plan()
    clients = {await own.subscribed(FAILS, plan) for _ in range(2)}
    await own.api.patch("/v1/agency/settings", {"dunning": {"gaps_days": [9]}})
    first = await own.api.post(f"{PREVIEW}?limit=1", {})
    second = await own.api.post(f"{PREVIEW}?limit=1&cursor={first['next_cursor']}", {})
    assert {one["client_id"] for one in (*first["data"], *second["data"])} == clients
    assert (first["total"], second["total"], second["next_cursor"]) == (2, 2, None)
    with refused(422, "invalid_fields"):
        await own.api.post(f"{PREVIEW}?cursor=x", {})


async def test_the_ladders_of_another_agency_do_not_move(own: Tenant, tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    await own.api.patch("/v1/agency/settings", {"dunning": {"gaps_days": [9]}})
    assert (await own.api.post(APPLY, {}))["moved"] == (await own.api.post(PREVIEW, {}))["total"] == 0
    assert (await tenant.live(client))["ladder"]["gaps_days"] == [3, 5, 7]
