"""Usage of every client: who is about to run over what is included."""

import asyncio
from typing import Any

import pytest
from support.http import refused
from support.tenant import Tenant

USAGE = "/v1/agency/usage"


async def test_clients_are_listed_by_percent_with_what_it_comes_to(own: Tenant) -> None:
    plan, unlimited = await own.plan(), await own.plan(included_minutes=0)
    over, near, free = [await own.client() for _ in range(3)]
    start = own.ago(days=2)
    await asyncio.gather(*(own.assign(one, plan, starts_at=start) for one in (over, near)))
    await own.assign(free, unlimited, starts_at=start)
    await own.client()  # one without a subscription is not listed
    await asyncio.gather(own.report(over, 600, 12), own.report(near, 400), own.report(free, 8))

    listed = (await own.api.get(USAGE))["data"]
    assert [(one["client_id"], one["percent"]) for one in listed] == [(over, 122.4), (near, 80.0), (free, None)]
    first = listed[0]
    assert (first["seconds_used"], first["minutes_used"], first["minutes_included"]) == (36720, "612.0", 500)
    assert (first["overage_minutes"], first["overage_so_far"]["amount"]) == ("112.0", 1400)
    assert first["client_name"] == (await own.api.get(f"/v1/agency/clients/{over}"))["name"]
    # After two of some thirty days with 612 minutes, it goes on at about 300 a day.
    assert float(first["projected_minutes"]) > 15 * 500
    assert first["projected_overage"]["amount"] > 12 * (15 * 500 - 500)
    assert listed[2]["overage_so_far"]["amount"] == 100
    assert first["current_period"] == (await own.live(over))["current_period"]

    assert [one["client_id"] for one in (await own.api.get(USAGE, over_percent=80))["data"]] == [over, near]
    assert [one["client_id"] for one in (await own.api.get(USAGE, over_percent="80.1"))["data"]] == [over]
    page = await own.api.get(USAGE, limit=2)
    rest = await own.api.get(USAGE, limit=2, cursor=page["next_cursor"])
    assert [one["client_id"] for one in page["data"] + rest["data"]] == [over, near, free]
    assert rest["next_cursor"] is None


async def test_an_agency_without_clients_has_an_empty_list(bystander: Tenant) -> None:
    assert await bystander.api.get(USAGE) == {"data": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query", [{"over_percent": "-1"}, {"over_percent": "NaN"}, {"over_percent": "x"}, {"by": "name"}]
)
async def test_the_list_takes_no_other_questions(bystander: Tenant, query: dict[str, Any]) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.get(USAGE, **query)
