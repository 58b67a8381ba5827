"""What changes on a page while somebody looks at it."""

from playwright.async_api import expect
from support.stage import Stage
from support.viewers import BILLING, Viewers


async def test_usage_grows_without_loading_the_page_again(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe()
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        await viewer.page.evaluate("window.loadedOnce = true")
        await stage.call(client, 612)
        await expect(viewer.page.locator("#live")).to_contain_text("612 of 500 minutes")
        assert await viewer.page.evaluate("window.loadedOnce")


async def test_what_the_viewer_is_at_work_in_stays(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe()
    await stage.call(client, 12)
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        await viewer.page.get_by_text("As a table").click()
        await stage.call(client, 612)
        async with viewer.page.expect_response("**/portal/billing"):
            pass
        await expect(viewer.page.locator("details[open]")).to_have_count(1)


async def test_times_are_told_in_the_viewers_zone(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(behaviour="insufficient_funds")
    async with viewers.client(stage.agency_id, client.id, timezone_id="Asia/Tokyo", locale="de-DE") as viewer:
        await viewer.open(BILLING)
        await expect(viewer.page.locator(".banner")).to_contain_text("JST")
        await viewer.open(BILLING)
        await expect(viewer.page.locator("footer.foot")).to_contain_text("Times are in Asia/Tokyo")
        await expect(viewer.page.locator(".banner")).to_contain_text("49,00 $")
