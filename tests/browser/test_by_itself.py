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


async def test_what_can_be_done_about_a_debt_goes_with_it(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(behaviour="insufficient_funds")
    async with viewers.agency(stage.agency_id) as viewer:
        invoice = await viewer.context.new_page()
        await invoice.goto(viewer.sandbox.url("api") + f"/agency/invoices/{client.invoice('p1')}")
        await viewer.open(f"/agency/clients/{client.id}")
        act = viewer.page.get_by_role("link", name="Try to charge now")
        await expect(act).to_be_visible()
        await expect(invoice.get_by_role("link", name="Refund")).to_have_count(0)
        await viewer.page.get_by_role("link", name="Edit").focus()
        await stage.behave(client, "pays")
        await stage.retry(client)
        await expect(act).to_have_count(0)
        await expect(viewer.page.locator("#owed")).to_be_empty()
        await expect(viewer.page.get_by_role("link", name="Edit")).to_be_focused()
        await expect(invoice.get_by_role("link", name="Refund")).to_be_visible()
