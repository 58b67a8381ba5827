"""What the platform does: agencies, their tier, and the fee that it can't take yet."""

from typing import Any

import pytest
from support.http import Client, Site, refused
from support.tenant import Tenant, subscription_of

from api.tokens import Role
from sandbox.seed import AGENCY


async def test_an_agency_is_created_read_and_changed(platform: Client) -> None:
    made = await platform.post("/v1/agencies", AGENCY)
    assert made["id"].startswith("agc_")
    assert made == {**AGENCY, "id": made["id"], "application_fee_percent": 0.0, "created_at": made["created_at"]}
    assert await platform.get(f"/v1/agencies/{made['id']}") == made
    changed = await platform.patch(f"/v1/agencies/{made['id']}", {"tier": "scale", "name": "  Brighter Voice "})
    assert changed == {**made, "tier": "scale", "name": "Brighter Voice"}
    assert await platform.get(f"/v1/agencies/{made['id']}") == changed


async def test_the_zone_is_utc_unless_it_is_said(platform: Client) -> None:
    details = {name: value for name, value in AGENCY.items() if name != "timezone"}
    assert (await platform.post("/v1/agencies", details))["timezone"] == "UTC"


async def test_every_change_of_the_platform_stands_in_the_agencys_trail(bare: Tenant, platform: Client) -> None:
    await platform.patch(f"/v1/agencies/{bare.id}", {"tier": "starter"})
    trail = (await bare.api.get("/v1/agency/audit"))["data"]
    assert [(one["what"], one["who"]) for one in trail if one["who"].startswith("platform:")] == [
        ("agency_changed", "platform:somebody"),
        ("agency_created", "platform:somebody"),
    ]
    assert trail[0]["detail"] == {"tier": "starter"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("name", "x" * 201),
        ("country", "us"),
        ("country", "USA"),
        ("timezone", "Mars/Olympus"),
        ("tier", "gold"),
        ("default_currency", "USD"),
        ("default_currency", "xyz"),
        ("application_fee_percent", 101),
        ("application_fee_percent", -1),
        ("unheard_of", 1),
    ],
)
async def test_an_agency_with_a_wrong_field_is_refused_by_its_name(platform: Client, field: str, value: Any) -> None:
    answer = await platform.send("POST", "/v1/agencies", json={**AGENCY, field: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_the_platforms_fee_is_given_with_the_agency_or_later(platform: Client) -> None:
    made = await platform.post("/v1/agencies", {**AGENCY, "application_fee_percent": 2.55})
    assert made["application_fee_percent"] == 2.55
    await platform.patch(f"/v1/agencies/{made['id']}", {"application_fee_percent": 0})
    assert (await platform.get(f"/v1/agencies/{made['id']}"))["application_fee_percent"] == 0.0


async def test_null_clears_nothing_of_an_agency(bare: Tenant, platform: Client) -> None:
    with refused(422, "invalid_fields"):
        await platform.patch(f"/v1/agencies/{bare.id}", {"name": None})


async def test_an_agency_that_is_not_there_is_not_found(platform: Client) -> None:
    with refused(404, "not_found"):
        await platform.get("/v1/agencies/agc_none")
    with refused(404, "not_found"):
        await platform.patch("/v1/agencies/agc_none", {"tier": "scale"})


async def test_a_tier_that_falls_sells_nothing_more(own: Tenant, platform: Client) -> None:
    client, plan = await own.client(), await own.plan()
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    with refused(403, "billing_not_available"):
        await own.assign(client, plan)
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "scale"})
    await own.assign(client, plan)
    assert (await own.api.get(subscription_of(client)))["status"] == "active"


async def test_a_token_of_an_agency_that_was_never_made_finds_nothing(site: Site) -> None:
    stranger = await site.agency(Role.AGENCY, "agc_never")
    for path in ("plans", "clients", "invoices", "usage", "notifications", "settings", "audit", "stripe"):
        answer = await stranger.send("GET", f"/v1/agency/{path}")
        found = answer.status_code == 200 and answer.json() == {"data": [], "next_cursor": None}
        assert found or answer.status_code == 404, (path, answer.text)
