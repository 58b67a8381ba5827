"""The pages that ask about an act, each in a state in which it is offered: fit to be read by everybody."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import pytest
from playwright.async_api import expect
from support.stage import GRACE, Stage
from support.states import end_of_period, paused
from support.viewers import PHONE, Viewers

Act: TypeAlias = Callable[[Stage], Awaitable[str]]
"""Brings about the state; the address of the page."""
UNUSUAL: Final = {"included": 10, "rate": "250"}
_PERIODS_BEFORE: Final = 3


async def assign(stage: Stage) -> str:
    await stage.plan()
    return f"/agency/clients/{(await stage.client()).id}/assign"


async def assign_without_a_plan(stage: Stage) -> str:
    return f"/agency/clients/{(await stage.client()).id}/assign"


async def resume(stage: Stage) -> str:
    return f"/agency/clients/{(await paused(stage)).id}/resume"


async def refund(stage: Stage) -> str:
    return f"/agency/invoices/{(await stage.subscribe()).invoice('p1')}/refund"


async def send(stage: Stage) -> str:
    line = {"description": "Set-up", "amount": {"amount": 15000, "currency": "usd"}}
    body = {"lines": [line], "collection": "send", "days_until_due": 14}
    made = await stage.agency.post(f"/v1/agency/clients/{(await stage.client()).id}/invoices", body)
    await stage.rest()
    return f"/agency/invoices/{made['id']}/send"


async def review(stage: Stage) -> str:
    client = await stage.subscribe(plan=UNUSUAL)
    for _ in range(_PERIODS_BEFORE):
        await stage.to(await end_of_period(stage, client) + GRACE)
    await stage.call(client, 300)
    await stage.to(await end_of_period(stage, client) + GRACE)
    return f"/agency/clients/{client.id}/review"


ACTS: Final[dict[Act, str]] = {
    assign: "Show what that comes to",
    assign_without_a_plan: "There is no plan yet that could be assigned.",
    resume: "Resume and bill $49.00",
    refund: "up to $49.00 can be given back to the card",
    send: "Stripe mails the invoice over $150.00",
    review: "Reject the overage",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_it_is_asked_so_that_everybody_can_read_it(stage: Stage, viewers: Viewers, act: Act) -> None:
    address = await act(stage)
    for scheme in ("light", "dark"):
        async with viewers.agency(stage.agency_id, color_scheme=scheme, viewport=PHONE) as viewer:
            await viewer.open(address)
            assert viewer.page.url.endswith(address), "it is not offered"
            await expect(viewer.page.locator("main")).to_contain_text(ACTS[act])
            assert await viewer.serious_findings() == []
            assert not await viewer.wider_than_the_screen()


async def test_what_an_assignment_comes_to_can_be_read_by_everybody(stage: Stage, viewers: Viewers) -> None:
    address = await assign(stage)
    async with viewers.agency(stage.agency_id, viewport=PHONE) as viewer:
        await viewer.open(address)
        await viewer.press("Show what that comes to")
        await expect(viewer.page.locator(".facts")).to_contain_text("First charge")
        assert await viewer.serious_findings() == []
        assert not await viewer.wider_than_the_screen()
