"""What an agency does about a client, from its plan to a refund: by keys alone, and without scripts."""

from typing import Final

import pytest
from playwright.async_api import expect
from support.hands import Keys, Mouse
from support.sights import Client
from support.stage import GRACE, Stage
from support.states import end_of_period
from support.viewers import Viewer, Viewers

HANDS: Final = pytest.mark.parametrize(
    ("hand", "scripts"), [(Keys, True), (Mouse, False)], ids=["keys alone", "no scripts"]
)


async def told(viewer: Viewer, words: str) -> None:
    await expect(viewer.page.locator(".banner[role=status]").first).to_contain_text(words)


async def with_a_card(stage: Stage) -> Client:
    """A client without a plan, whose card is known from the one that it had."""
    client = await stage.subscribe()
    await stage.cancel(client, "now")
    await stage.rest()
    return client


@pytest.mark.timeout(300)
@HANDS
async def test_a_plan_from_its_assignment_to_its_end(
    stage: Stage, viewers: Viewers, hand: type[Mouse], scripts: bool
) -> None:
    client = await with_a_card(stage)
    here = f"/agency/clients/{client.id}"
    async with viewers.agency(stage.agency_id, java_script_enabled=scripts) as viewer:
        person = hand(viewer)
        await viewer.open(here)
        await person.follow("Assign a plan")
        await person.press("Show what that comes to")
        await expect(viewer.page.locator("main")).to_contain_text("$49.00, at once")
        await person.press("Assign Voice 4900")
        await told(viewer, "The first invoice follows in a moment.")
        await stage.rest()

        await stage.plan(price=9900, included=1500)
        await viewer.open(here)
        await person.follow("Change the plan")
        await person.press("Show what that comes to")
        await expect(viewer.page.locator("main")).to_contain_text("$99.00 a month")
        await person.press("Change now and bill")
        await told(viewer, "The plan is changed.")
        await stage.rest()

        await viewer.open(here)
        await person.follow("Pause")
        await person.press("Pause on")
        await told(viewer, "The pause is agreed.")
        await stage.to(await end_of_period(stage, client) + GRACE)
        await viewer.open(here)
        await person.follow("Resume")
        await person.press("Resume and bill $99.00")
        await told(viewer, "Service goes on: a new period has begun.")
        await stage.rest()

        await viewer.open(here)
        await person.follow("Cancel the plan")
        await person.press("Cancel Voice 9900")
        await told(viewer, "The cancellation is agreed.")
        await person.press("Undo the cancellation")
        await told(viewer, "The cancellation is taken back: the plan goes on.")
    assert (await stage.agency.get(client.path))["cancel_at"] is None


@pytest.mark.timeout(300)
@HANDS
async def test_an_invoice_of_own_lines_and_its_refund(
    stage: Stage, viewers: Viewers, hand: type[Mouse], scripts: bool
) -> None:
    client = await with_a_card(stage)
    async with viewers.agency(stage.agency_id, java_script_enabled=scripts) as viewer:
        person = hand(viewer)
        await viewer.open(f"/agency/clients/{client.id}")
        await person.follow("Make a custom invoice")
        await person.type("Description", "Set-up")
        await person.type("Amount in USD", "150")
        await person.send("Show what it comes to")
        await expect(viewer.page.locator("tfoot")).to_contain_text("$150.00")
        await person.press("Issue and charge it now")
        await told(viewer, "The invoice is made.")
        await stage.rest()

        await viewer.page.reload()
        await person.follow("Refund")
        await person.type("Amount in USD", "50")
        await person.send("Refund")
        await told(viewer, "$50.00 was given back to the card.")
