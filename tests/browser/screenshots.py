"""`make screenshots`: every state of the billing page and every page of the dashboard, as docs/screenshots has them."""

from pathlib import Path
from typing import Any, Final

import pytest
from support.lively import lively
from support.stage import Stage
from support.states import STATES, State, failed
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
async def test_dashboard(stage: Stage, viewers: Viewers) -> None:
    async with lively(stage) as agency:
        async with viewers.agency(stage.agency_id, **HOW) as viewer:
            for address, name in agency.named():
                await take(viewer, address, name)
        for look, settings in SHOWN_ONCE_MORE.items():
            async with viewers.agency(stage.agency_id, **HOW, **settings) as viewer:
                await take(viewer, "/agency", f"agency-{look}")
                await take(viewer, f"/agency/clients/{agency.ids['client_id']}", f"agency-client-{look}")
