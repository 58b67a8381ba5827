"""What is done at Stripe, on its page or in its dashboard, is believed and triggers no charge (billing-rules 6)."""

import pytest
from support.stage import FAILS, GRACE, Stage, refusal

from billing.state import Status


async def test_paid_on_stripes_page_mid_ladder_shortens_the_debt_and_the_ladder_goes_on(stage: Stage) -> None:
    await stage.settings(dunning={"gaps_days": [20, 20]})
    client = await stage.subscribe(card=FAILS)
    await stage.to((await stage.periods(client))[0].end + GRACE)
    before = await stage.state(client)
    tried = await stage.attempts(client)

    said = await stage.on_hosted_page(client, "p1", "pay", number="5555555555554444")
    await stage.rest()

    assert said["status"] == "paid"
    assert await stage.statuses(client) == {"p1": "paid", "p2": "open"}
    state = await stage.state(client)
    assert (state.ladder, [invoice.id for invoice in state.debt]) == (before.ladder, [client.invoice("p2")])
    assert await stage.attempts(client) == tried, "it triggers no charge"
    assert await refusal(stage.pay_now(client, "p1")) == "invoice_not_open"

    # The last one paid elsewhere ends the ladder.
    await stage.in_dashboard(client, "p2", "paid_out_of_band")
    await stage.rest()
    state = await stage.state(client)
    assert (state.status, state.debt, state.ladder) == (Status.ACTIVE, (), None)
    assert (await stage.told(client))["recovered"] == 1
    await stage.advance(days=21)
    assert await stage.attempts(client) == tried


@pytest.mark.parametrize("by", ["stripes dashboard", "our api"])
async def test_a_voided_invoice_is_no_longer_owed_and_one_that_remains_keeps_the_ladder(stage: Stage, by: str) -> None:
    await stage.settings(dunning={"gaps_days": [20, 20]})
    client = await stage.subscribe(card=FAILS)
    await stage.to((await stage.periods(client))[0].end + GRACE)
    ladder = (await stage.state(client)).ladder
    assert ladder

    async def void(short: str) -> None:
        await (stage.void(client, short) if by == "our api" else stage.in_dashboard(client, short, "void"))
        await stage.rest()

    await void("p1")
    state = await stage.state(client)
    assert ([invoice.id for invoice in state.debt], state.ladder) == ([client.invoice("p2")], ladder)

    await void("p2")
    state = await stage.state(client)
    assert (state.debt, state.ladder, state.status) == ((), None, Status.ACTIVE)
    assert await stage.statuses(client) == {"p1": "void", "p2": "void"}
    assert len(await stage.charges(client)) == 2


async def test_what_the_dashboard_credits_in_full_is_not_dunned_any_more(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.advance(minutes=5)
    assert (await stage.state(client)).ladder
    await stage.in_dashboard(client, "p1", "credit_note")
    await stage.rest()
    state = await stage.state(client)
    assert (state.debt, state.ladder, state.status) == ((), None, Status.ACTIVE)
    told = await stage.told(client)
    await stage.advance(days=16)
    assert (len(await stage.charges(client)), await stage.told(client)) == (1, told)
    await stage.check()


async def test_a_failed_try_on_stripes_page_counts_for_the_card_cap_only(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.advance(minutes=5)
    before, told = await stage.state(client), await stage.told(client)

    said = await stage.on_hosted_page(client, "p1", "fail", number=FAILS)
    await stage.rest()

    assert said["status"] == "failed"
    state = await stage.state(client)
    assert before.card
    assert [tried.card for tried in state.tries] == [before.card.identity] * 2
    assert (state.ladder, state.debt, state.condemned) == (before.ladder, before.debt, ())
    assert await stage.told(client) == told
    assert len(await stage.attempts(client)) == 1
    assert len(await stage.charges(client)) == 2

    # With nine of ours that makes ten: the card may not be tried by us any more.
    for _ in range(8):
        await stage.pay_now(client, "p1")
    assert await refusal(stage.pay_now(client, "p1")) == "card_limit"
    assert len(await stage.charges(client)) == 10
