"""`make screenshots`: every state of the billing page and every page of the dashboard, as docs/screenshots has them."""

from pathlib import Path
from typing import Any, Final

import pytest
from support.lively import ABROAD, lively
from support.stage import FAILS, Stage
from support.states import STATES, State, failed, paused
from support.viewers import BILLING, PHONE, Viewer, Viewers

FOLDER: Final = Path(__file__).parent.parent.parent / "docs" / "screenshots"
HOW: Final = {"bypass_csp": True}
"""The pages' policy would not let us hide anything."""
WITHOUT_THE_BAR: Final = ".sandbox-bar { display: none } body { padding: 0 !important }"
SHOWN_ONCE_MORE: Final[dict[str, dict[str, Any]]] = {
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE},
}


async def take(viewer: Viewer, address: str, name: str) -> None:
    """The whole page, without what the sandbox lays under it; none where there is nothing to ask and it leads on."""
    FOLDER.mkdir(exist_ok=True)
    await viewer.open(address)
    if viewer.page.url.endswith(address):
        await picture(viewer, name)


async def picture(viewer: Viewer, name: str) -> None:
    """Of the page on which the viewer is."""
    await viewer.page.screenshot(path=FOLDER / f"{name}.png", full_page=True, style=WITHOUT_THE_BAR)


@pytest.fixture(scope="session", autouse=True)
def _anew() -> None:
    """What is no longer taken is no longer shown."""
    for old in FOLDER.glob("*.png"):
        old.unlink()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_billing(stage: Stage, viewers: Viewers, state: State) -> None:
    client = await state(stage)
    name = f"billing-{state.__name__.replace('_', '-')}"
    async with viewers.client(stage.agency_id, client.id, **HOW) as viewer:
        await take(viewer, BILLING, name)
    for look, settings in SHOWN_ONCE_MORE.items() if state is failed else ():
        async with viewers.client(stage.agency_id, client.id, **HOW, **settings) as viewer:
            await take(viewer, BILLING, f"{name}-{look}")


@pytest.mark.timeout(600)
async def test_dashboard(abroad: Stage, viewers: Viewers) -> None:
    there = {**HOW, "timezone_id": ABROAD}
    async with lively(abroad) as agency:
        async with viewers.agency(abroad.agency_id, **there) as viewer:
            for address, name in agency.named():
                await take(viewer, address, name)
        for look, settings in SHOWN_ONCE_MORE.items():
            async with viewers.agency(abroad.agency_id, **there, **settings) as viewer:
                await take(viewer, "/agency", f"agency-{look}")
                await take(viewer, f"/agency/clients/{agency.ids['client_id']}", f"agency-client-{look}")


async def test_an_agency_that_has_just_begun(stage: Stage, viewers: Viewers) -> None:
    async with viewers.agency(stage.agency_id, **HOW) as viewer:
        await take(viewer, "/agency", "agency-set-up")


async def test_an_account_that_is_restricted(stage: Stage, viewers: Viewers) -> None:
    await stage.subscribe()
    await stage.account("restrict")
    async with viewers.agency(stage.agency_id, **HOW) as viewer:
        await take(viewer, "/agency", "agency-restricted")
    await stage.account("restore")


async def test_acts_on_others(stage: Stage, viewers: Viewers) -> None:
    """Those that the dashboard's own client has no need of."""
    resting, new, paying = await paused(stage), await stage.client(), await stage.subscribe()
    async with viewers.agency(stage.agency_id, **HOW) as viewer:
        await take(viewer, f"/agency/clients/{resting.id}/resume", "agency-client-resume")
        await take(viewer, f"/agency/clients/{new.id}/assign", "agency-client-assign")
        await take(viewer, f"/agency/invoices/{paying.invoice('p1')}/refund", "agency-invoice-refund")


async def test_service_that_is_paused_until_the_debt_is_paid(stage: Stage, viewers: Viewers) -> None:
    await stage.settings(dunning={"gaps_days": [1], "final_action": "pause"})
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.advance(days=1)
    async with viewers.agency(stage.agency_id, **HOW) as viewer:
        await take(viewer, f"/agency/clients/{client.id}", "agency-client-unpaid")


async def test_beside_the_billing_page(stage: Stage, viewers: Viewers) -> None:
    client = await stage.subscribe()
    async with viewers.client(stage.agency_id, client.id, **HOW) as viewer:
        await take(viewer, f"{BILLING}/invoices/{client.invoice('p1')}", "billing-invoice")
        await viewer.press("Sign out")
        await picture(viewer, "signed-out")
    async with viewers.client(stage.agency_id, client.id, "view_calls", **HOW) as viewer:
        await viewer.open(BILLING)
        await picture(viewer, "billing-not-open")
        viewer.errors.clear()


@pytest.mark.parametrize("menu", ["Card", "Go to"])
async def test_the_bar(stage: Stage, viewers: Viewers, menu: str) -> None:
    client = await stage.subscribe(card=FAILS)
    async with viewers.client(stage.agency_id, client.id, **HOW) as viewer:
        await viewer.open(BILLING)
        await viewer.page.locator(".sandbox-menu summary").get_by_text(menu, exact=True).click()
        await viewer.page.screenshot(path=FOLDER / f"bar-{menu.lower().replace(' ', '-')}.png")
