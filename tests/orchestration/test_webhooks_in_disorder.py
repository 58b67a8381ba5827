"""Stripe's events come twice, out of order, late, and when nobody is left to hear them (billing-rules 10, I10)."""

import asyncio

import pytest
from support.servers import Eventually
from support.sights import Client
from support.stage import ANOTHER_THAT_PAYS, FAILS, GRACE, Stage

from billing.state import Status


@pytest.mark.parametrize("mode", ["duplicate", "shuffle"])
async def test_a_life_goes_the_same_way_with_duplicate_and_with_shuffled_events(stage: Stage, mode: str) -> None:
    await stage.webhooks(mode)
    client = await stage.subscribe(card=FAILS)
    await stage.type_card(client, FAILS, exp_year=2049)
    await stage.type_card(client, ANOTHER_THAT_PAYS)
    await stage.behave(client, "insufficient_funds")
    await stage.to((await stage.periods(client))[0].end + GRACE)
    await stage.on_hosted_page(client, "p2", "fail", number=FAILS)
    await stage.on_hosted_page(client, "p2", "pay")
    await stage.rest()
    await stage.detach_card(client)

    assert [(t.invoice, t.origin, t.result, t.last4) for t in await stage.attempts(client)] == [
        ("p1", "issue", "declined", "0341"),
        ("p1", "new_card", "declined", "0341"),
        ("p1", "new_card", "paid", "4444"),
        ("p2", "issue", "declined", "4444"),
    ]
    assert await stage.paid(client) == [4900, 4900]
    state = await stage.state(client)
    assert (state.status, state.debt, state.ladder, state.card) == (Status.ACTIVE, (), None, None)
    assert (await stage.told(client))["recovered"] == 2
    twice = await stage.sandbox.pool.fetchval("SELECT count(*) - count(DISTINCT event_id) FROM inbox")
    assert twice == 0


async def test_a_card_that_is_reported_late_is_tried_when_it_is_reported(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.webhooks("hold")

    typing = asyncio.create_task(stage.type_card(client, ANOTHER_THAT_PAYS))
    await eventually(lambda: _held(stage))
    assert [t.last4 for t in await stage.attempts(client)] == ["0341"]
    await stage.webhooks("normal")
    await typing

    assert [(t.origin, t.result, t.last4) for t in await stage.attempts(client)][1:] == [("new_card", "paid", "4444")]


async def test_an_invoice_paid_at_stripe_is_not_charged_by_a_retry_that_has_not_heard_of_it(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.behave(client, "pays")
    await stage.webhooks("hold")
    await stage.on_hosted_page(client, "p1", "pay", number=ANOTHER_THAT_PAYS)

    await stage.advance(days=3, hours=1)
    assert await stage.statuses(client) == {"p1": "paid"}, "the retry found it paid"
    assert await stage.paid(client) == [4900]
    assert [t.result for t in await stage.attempts(client)] == ["declined", "not_made"]
    before = await stage.state(client)

    await stage.webhooks("normal")
    await stage.rest()
    state = await stage.state(client)
    assert (state.debt, state.ladder, state.status) == ((), None, Status.ACTIVE)
    assert state.tries == before.tries
    assert (await stage.told(client, "client"))["invoice_paid"] == 1


async def test_events_that_come_after_the_workflow_has_ended_still_take_effect(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.webhooks("hold")
    await stage.cancel(client, at="now", forgive="all")
    await stage.advance(hours=2)
    assert await stage.finished(client)

    await stage.webhooks("normal")
    await stage.rest()
    assert await stage.statuses(client) == {"p1": "void"}
    assert await _on_file(stage, client) is not None
    await stage.detach_card(client)

    assert await _on_file(stage, client) is None
    again = await stage.assign(client)
    await stage.rest()
    assert await stage.invoice_words(again) == {"p1": "pending"}, "a card that is gone is not tried"
    assert await stage.attempts(again) == []


async def _held(stage: Stage) -> bool:
    """The card page's own three events among them, and nothing on its way."""
    pending = await stage.sandbox.emulator.ask("pending")
    return bool(pending["webhooks_held"] >= 3 and not pending["requests_in_flight"])


async def _on_file(stage: Stage, client: Client) -> str | None:
    card: str | None = await stage.sandbox.pool.fetchval("SELECT card->>'last4' FROM clients WHERE id = $1", client.id)
    return card
