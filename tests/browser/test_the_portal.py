"""The client's pages besides the billing page: fit to be read by everybody, and walked through without a mouse."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import pytest
from support.sights import Client
from support.stage import Stage
from support.states import State, failed, sent_and_overdue
from support.viewers import BILLING, PHONE, Viewer, Viewers

from adapters.links import links_of

_NO_BILLING: Final = "make_calls"
"""A permission that has nothing to do with billing."""


@dataclass(frozen=True)
class Place:
    """A page as somebody comes to it. `stops`: what the Tab key has to come to on it, in this order."""

    state: State
    go: Callable[[Viewer, Stage, Client], Awaitable[None]]
    title: str
    stops: tuple[str, ...]
    permissions: tuple[str, ...] = ()


async def _to_all_invoices(viewer: Viewer, stage: Stage, client: Client) -> None:
    await viewer.open(f"{BILLING}/invoices")


async def _to_an_invoice(viewer: Viewer, stage: Stage, client: Client) -> None:
    await viewer.open(BILLING)
    await viewer.page.locator("tbody th a").first.click()
    await viewer.page.wait_for_url("**/invoices/inv_*")


async def _to_billing_in_vain(viewer: Viewer, stage: Stage, client: Client) -> None:
    await viewer.open(BILLING)
    # That a page answers 403 is an error to the browser's console, and meant so here.
    viewer.errors = [error for error in viewer.errors if "403" not in error]


async def _out(viewer: Viewer, stage: Stage, client: Client) -> None:
    await viewer.press("Sign out")


async def _by_a_link_back_from_stripe(viewer: Viewer, stage: Stage, client: Client) -> None:
    link = links_of(stage.sandbox.settings).to("card", stage.agency_id, client.id, stage.now())
    await viewer.page.goto(f"{link}?back=true")


PLACES: Final = {
    "all invoices": Place(sent_and_overdue, _to_all_invoices, "Invoices", ("Billing", "Sign out", "Pay", "PDF")),
    "an invoice": Place(failed, _to_an_invoice, "Invoice", ("Billing", "Download PDF", "Pay $49.00 now")),
    "a sent invoice": Place(sent_and_overdue, _to_an_invoice, "Invoice", ("Download PDF", "Pay on its page")),
    "no billing": Place(failed, _to_billing_in_vain, "Billing is not open to you", ("Sign out",), (_NO_BILLING,)),
    "signed out": Place(failed, _out, "You are signed out", ()),
    "a link": Place(failed, _by_a_link_back_from_stripe, "Thank you", ("Enter another card",)),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
async def test_everybody_can_read_it_and_needs_no_mouse(stage: Stage, viewers: Viewers, place: Place) -> None:
    client = await place.state(stage)
    for scheme in ("light", "dark"):
        how = {"color_scheme": scheme, "viewport": PHONE}
        async with viewers.client(stage.agency_id, client.id, *place.permissions, **how) as viewer:
            await place.go(viewer, stage, client)
            assert (await viewer.page.locator("h1").inner_text()).startswith(place.title)
            assert await viewer.serious_findings() == []
            assert not await viewer.wider_than_the_screen()
            found = await viewer.stops()
            ahead = iter(found)
            assert all(any(stop.startswith(wanted) for stop in ahead) for wanted in place.stops), found
