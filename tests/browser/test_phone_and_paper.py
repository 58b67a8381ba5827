"""The pages on a narrow phone, where nothing that matters is off the screen, and on paper."""

from typing import Final

from playwright.async_api import Locator, ViewportSize, expect
from support.stage import FAILS, Stage
from support.viewers import BILLING, Viewers

NARROW: Final[ViewportSize] = {"width": 360, "height": 780}


async def outside(found: Locator) -> list[str]:
    """What of it would have to be scrolled to sideways."""
    boxes = [(await one.inner_text(), await one.bounding_box()) for one in await found.all()]
    assert boxes
    return [text for text, box in boxes if not box or box["x"] < 0 or box["x"] + box["width"] > NARROW["width"]]


async def test_the_whole_menu_is_in_sight_on_a_phone(stage: Stage, viewers: Viewers) -> None:
    await stage.subscribe(card=FAILS)
    async with viewers.agency(stage.agency_id, viewport=NARROW) as viewer:
        await viewer.open("/agency")
        assert await outside(viewer.page.locator(".side nav a, .side .count")) == []


async def test_amounts_and_links_of_invoices_are_in_sight_on_a_phone(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(card=FAILS)
    async with viewers.agency(stage.agency_id, viewport=NARROW) as viewer:
        await viewer.open("/agency/invoices")
        assert await outside(viewer.page.locator("tbody td, tbody th")) == []
    async with viewers.client(stage.agency_id, client.id, viewport=NARROW) as viewer:
        await viewer.open(BILLING)
        assert await outside(viewer.page.locator("[aria-labelledby=invoices-title] tbody :is(td, th)")) == []


async def test_paper_says_whose_page_it_is_and_what_was_told(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(card=FAILS)
    async with viewers.agency(stage.agency_id) as viewer:
        await viewer.page.emulate_media(media="print")
        await viewer.open(f"/agency/clients/{client.id}")
        await expect(viewer.page.locator("h1")).to_be_visible()
        await viewer.open(f"/agency/clients/{client.id}/invoices")
        await expect(viewer.page.locator(".rows .amount")).to_be_visible()
        await viewer.open("/agency/notifications")
        await expect(viewer.page.get_by_text("The card was declined.")).to_be_visible()
