"""What a client does about a debt in the browser: pays, confirms, and keeps the paper."""

import re

import pytest
from playwright.async_api import expect
from support.servers import Eventually
from support.stage import ANOTHER_THAT_PAYS, FAILS, Stage
from support.viewers import BILLING, Viewer, Viewers

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


async def owes_nothing(viewer: Viewer) -> None:
    await viewer.open(BILLING)
    await expect(viewer.page.locator(".banner.bad, .banner.warn")).to_have_count(0)
    await expect(viewer.page.locator("tbody tr").first).to_contain_text("Paid")


@WITH_AND_WITHOUT_SCRIPTS
async def test_pay_now_says_why_it_failed_and_then_that_it_went_through(
    stage: Stage, viewers: Viewers, scripts: bool
) -> None:
    client = await stage.subscribe(behaviour="insufficient_funds")
    async with viewers.client(stage.agency_id, client.id, java_script_enabled=scripts) as viewer:
        await viewer.open(BILLING)
        await viewer.press("Pay now")
        told = viewer.page.locator(".banner[role=status]")
        await expect(told).to_contain_text("The payment did not go through.")
        await expect(told).to_contain_text("Nothing was charged.")
        await stage.behave(client, "pays")
        await viewer.press("Pay now")
        await expect(told).to_have_text("The payment went through. Thank you.")
        await owes_nothing(viewer)


@WITH_AND_WITHOUT_SCRIPTS
async def test_a_card_is_replaced_on_stripes_page(
    stage: Stage, viewers: Viewers, eventually: Eventually, scripts: bool
) -> None:
    client = await stage.subscribe(card=FAILS)
    async with viewers.client(stage.agency_id, client.id, java_script_enabled=scripts) as viewer:
        await viewer.open(BILLING)
        await viewer.press("Update card")
        await viewer.type_card(ANOTHER_THAT_PAYS)
        await expect(viewer.page.locator("body")).to_contain_text("If you have entered a card")

        async def known() -> bool:
            card = (await client.portal.get("/v1/portal/billing"))["payment_method"]
            return bool(card["last4"] == ANOTHER_THAT_PAYS[-4:])

        await eventually(known)
        await stage.rest()
        await owes_nothing(viewer)
        await expect(viewer.page.locator("body")).to_contain_text("Mastercard •••• 4444")


async def test_a_payment_is_confirmed_on_stripes_page(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(behaviour="needs_authentication")
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        await viewer.press("Pay now")
        await viewer.page.get_by_role("button", name=re.compile("authenticat", re.IGNORECASE)).first.click()
        await viewer.page.wait_for_load_state("load")
        await stage.rest()
        await owes_nothing(viewer)


async def test_an_invoice_is_read_and_kept_as_a_pdf(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe()
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        async with viewer.page.expect_download() as started:
            await viewer.page.get_by_role("link", name=re.compile("^PDF")).first.click()
        path = await (await started.value).path()
        assert path.read_bytes().startswith(b"%PDF")
        await viewer.page.locator("tbody th a").first.click()
        await expect(viewer.page.locator("h1")).to_contain_text("Invoice")
        await expect(viewer.page.locator("tfoot")).to_contain_text("$49.00")


async def test_a_button_that_is_pressed_twice_pays_once(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.behave(client, "pays")
    async with viewers.client(stage.agency_id, client.id) as viewer:
        await viewer.open(BILLING)
        await viewer.page.get_by_role("button", name="Pay now").first.dblclick()
        # Who opens the page at once takes back what is on its way.
        await expect(viewer.page.locator(".banner[role=status]")).to_have_text("The payment went through. Thank you.")
        await owes_nothing(viewer)
    assert [tried.result for tried in await stage.attempts(client)].count("paid") == 1
