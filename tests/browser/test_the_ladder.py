"""A failed payment as the client sees it, from the first failure to past due and out of it again."""

from datetime import datetime

from playwright.async_api import expect
from support.stage import ANOTHER_THAT_PAYS, GRACE, Stage
from support.viewers import BILLING, Viewer, Viewers


async def banner(viewer: Viewer) -> str:
    await viewer.open(BILLING)
    return await viewer.page.locator(".banner").inner_text()


async def test_the_banner_counts_three_five_and_seven_days_and_a_new_card_ends_it(
    stage: Stage, viewers: Viewers
) -> None:
    client = await stage.subscribe()
    await stage.behave(client, "insufficient_funds")
    period = (await stage.agency.get(client.path))["current_period"]
    await stage.to(datetime.fromisoformat(period["end"]) + GRACE)

    async with viewers.client(stage.agency_id, client.id) as viewer:
        for days, left in ((3, "3 attempts are left"), (5, "2 attempts are left"), (7, "for the last time")):
            said = await banner(viewer)
            assert "Your payment of $49.00 failed" in said
            assert "insufficient funds" in said
            assert f"in {days} days" in said
            assert left in said
            await stage.advance(days=days)

        assert "$49.00 is past due" in await banner(viewer)
        assert await viewer.badge("Past due")

        await viewer.press("Update card")
        await viewer.type_card(ANOTHER_THAT_PAYS)
        # The page that Stripe leads back to brings itself up to date.
        await expect(viewer.page.locator(".banner.bad")).to_have_count(0)
        await expect(viewer.page.locator("tbody tr").first).to_contain_text("Paid")
        assert await viewer.badge("Active")
        await stage.rest()
