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
