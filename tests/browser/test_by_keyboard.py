"""The billing page without a mouse: where the focus goes, that it is seen, and that nothing needs a pointer."""

from playwright.async_api import expect
from support.stage import FAILS, Stage
from support.viewers import BILLING, Viewers


async def test_the_way_through_is_that_of_reading(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.call(client, 12)
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        found = await viewer.stops()
        wanted = ["Skip to the content", "Billing", "Sign out", "Pay now", "Update card", "Update card", "As a table"]
        assert [stop for stop in found if stop in wanted] == wanted


async def test_skipping_to_the_content_and_paying_with_enter(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.behave(client, "pays")
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        await viewer.page.keyboard.press("Tab")
        await viewer.page.keyboard.press("Enter")
        await viewer.page.keyboard.press("Tab")
        await expect(viewer.page.get_by_role("button", name="Pay now").first).to_be_focused()
        await viewer.page.keyboard.press("Enter")
        await expect(viewer.page.locator(".banner[role=status]")).to_have_text("The payment went through. Thank you.")


async def test_nothing_moves_once_it_is_drawn(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(card=FAILS)
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.context.add_init_script(
            "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shift += e.value))"
            ".observe({type: 'layout-shift', buffered: true});"
        )
        await viewer.open(BILLING)
        await viewer.page.wait_for_load_state("networkidle")
        assert await viewer.page.evaluate("window.shift") == 0
