"""What a button says and does while its form is on its way, and when it was stopped."""

from playwright.async_api import Route, expect
from support.stage import Stage
from support.viewers import Viewer, Viewers


async def asked(stage: Stage, viewer: Viewer) -> str:
    """The page that asks for a card; its address."""
    address = f"/agency/clients/{(await stage.client()).id}/card-request"
    await viewer.open(address)
    return address


async def test_it_is_busy_until_it_was_stopped_for_a_while(stage: Stage, viewers: Viewers) -> None:
    async with viewers.agency(stage.agency_id) as viewer:
        await viewer.page.clock.install()
        address = await asked(stage, viewer)
        sent: list[Route] = []

        async def stop(route: Route) -> None:
            sent.append(route)
            # An answer without a page leaves the browser where it is, as its own stop button does.
            await route.fulfill(status=204)

        await viewer.page.route(f"**{address}", stop)
        form = viewer.page.locator("main form")
        button = viewer.page.get_by_role("button", name="Mail the link")
        await button.click()
        await expect(form).to_have_attribute("aria-busy", "true")
        await expect(viewer.page.get_by_role("button", name="Mail the link …")).to_be_visible()
        await button.click()
        assert len(sent) == 1
        await viewer.page.clock.fast_forward(11_000)
        await expect(form).not_to_have_attribute("aria-busy", "true")
        await viewer.page.unroute(f"**{address}")
        await button.click()
        await expect(viewer.page.locator("#link")).to_be_visible()


async def test_who_comes_back_by_the_browsers_history_can_press_again(stage: Stage, viewers: Viewers) -> None:
    async with viewers.agency(stage.agency_id) as viewer:
        await asked(stage, viewer)
        await viewer.press("Mail the link")
        await expect(viewer.page.locator("#link")).to_be_visible()
        await viewer.page.go_back()
        await expect(viewer.page.locator("main form")).not_to_have_attribute("aria-busy", "true")
        await viewer.press("Mail the link")
        await expect(viewer.page.locator("#link")).to_be_visible()
