"""The agency's dashboard: every page can be read by everybody, and a plan is changed with its price seen before."""

import re

import pytest
from playwright.async_api import expect
from support.lively import lively
from support.stage import Stage
from support.states import paused
from support.viewers import PHONE, Viewers


@pytest.mark.timeout(600)
async def test_every_page_can_be_read_by_everybody(abroad: Stage, viewers: Viewers) -> None:
    wrong = []
    async with lively(abroad) as agency:
        for scheme in ("light", "dark"):
            async with viewers.agency(abroad.agency_id, color_scheme=scheme, viewport=PHONE) as viewer:
                for address in agency.addresses():
                    await viewer.open(address)
                    assert await viewer.page.locator("h1").count() == 1, address
                    wrong += await viewer.serious_findings()
                    if await viewer.wider_than_the_screen():
                        wrong.append(f"{address} is wider than a phone")
    assert wrong == []


async def test_a_plan_is_changed_once_its_price_was_seen(stage: Stage, viewers: Viewers) -> None:
    larger = await stage.plan(price=9900, included=1500)
    client = await stage.subscribe()
    async with viewers.agency(stage.agency_id) as viewer:
        await viewer.open(f"/agency/clients/{client.id}")
        await viewer.page.get_by_role("link", name="Change the plan").click()
        await viewer.page.get_by_label("Plan", exact=True).select_option(larger)
        await viewer.press("Show what that comes to")
        await expect(viewer.page.locator("main")).to_contain_text("$99.00 a month")
        assert (await stage.agency.get(client.path))["plan"]["price"]["amount"] == 4900
        await viewer.page.get_by_role("button", name=re.compile("^Change now and bill")).click()
        await expect(viewer.page.locator(".banner[role=status]")).to_be_visible()
    assert (await stage.agency.get(client.path))["plan"]["price"]["amount"] == 9900


async def test_service_that_is_paused_has_not_ended(stage: Stage, viewers: Viewers) -> None:
    client = await paused(stage)
    async with viewers.agency(stage.agency_id) as viewer:
        await viewer.open(f"/agency/clients/{client.id}")
        facts = viewer.page.locator("section[aria-labelledby=plan-title]")
        await expect(facts).to_contain_text("Paused since")
        await expect(facts).not_to_contain_text("Ended")
