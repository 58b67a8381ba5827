"""The billing page in each state that a subscription can be in, in its own words, and fit to be read by everybody."""

import pytest
from playwright.async_api import expect
from support.stage import Stage
from support.states import STATES, State
from support.viewers import BILLING, PHONE, Viewers


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_it_says_how_things_stand_and_everybody_can_read_it(stage: Stage, viewers: Viewers, state: State) -> None:
    client = await state(stage)
    for scheme in ("light", "dark"):
        async with viewers.client(stage.agency_id, client.id, color_scheme=scheme, viewport=PHONE) as viewer:
            await viewer.open(BILLING)
            for said in STATES[state]:
                await expect(viewer.page.locator("body")).to_contain_text(said)
            assert await viewer.serious_findings() == []
            assert not await viewer.wider_than_the_screen()
