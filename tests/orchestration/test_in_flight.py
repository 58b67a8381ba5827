"""What people ask for while an attempt is in flight: it is joined or waited for, never doubled (billing-rules 6)."""

import asyncio

import pytest
from support.servers import Eventually
from support.sights import Client
from support.stage import FAILS, SECOND, Stage, refusal

from billing.state import Status
from sandbox.caller import ApiRefused

FLIGHT_SECONDS = 2.0


async def _asked(stage: Stage, client: Client, what: str) -> bool:
    return any(asked.what == what for asked in (await stage.state(client)).asked)


async def _in_flight(stage: Stage, client: Client, eventually: Eventually) -> None:
    async def flying() -> bool:
        return any(tried.result is None for tried in await stage.attempts(client))

    await eventually(flying)


@pytest.mark.parametrize(("behaviour", "outcome", "paid"), [("pays", "paid", [4900]), ("do_not_honor", "failed", [])])
async def test_pay_now_joins_the_retry_in_flight(
    stage: Stage, eventually: Eventually, behaviour: str, outcome: str, paid: list[int]
) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.behave(client, behaviour)
    await stage.fault("invoices.pay", "delay", seconds=FLIGHT_SECONDS)

    retrying = asyncio.create_task(stage.advance(days=3, minutes=5))
    await _in_flight(stage, client, eventually)
    said = await asyncio.gather(stage.pay_now(client, "p1"), stage.pay_now(client, "p1"), stage.retry(client))

    assert [answer["status"] for answer in said[:2]] == [outcome, outcome]
    await retrying
    assert [(t.origin, t.number) for t in await stage.attempts(client)] == [("issue", 1), ("ladder", 2)]
    assert len(await stage.charges(client)) == 2
    assert await stage.paid(client) == paid


async def test_a_void_waits_for_the_attempt_in_flight_and_learns_that_it_paid(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.behave(client, "pays")
    await stage.fault("invoices.pay", "delay", seconds=FLIGHT_SECONDS)

    paying = asyncio.create_task(stage.pay_now(client, "p1"))
    await _in_flight(stage, client, eventually)

    assert await refusal(stage.void(client, "p1")) == "invoice_paid"
    assert (await paying)["status"] == "paid"
    assert await stage.statuses(client) == {"p1": "paid"}


async def test_a_void_waits_for_the_attempt_in_flight_and_voids_what_it_did_not_pay(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.fault("invoices.pay", "delay", seconds=FLIGHT_SECONDS)

    paying = asyncio.create_task(stage.pay_now(client, "p1"))
    await _in_flight(stage, client, eventually)
    await stage.void(client, "p1")

    assert (await paying)["status"] == "failed"
    assert await stage.statuses(client) == {"p1": "void"}
    state = await stage.state(client)
    assert (state.debt, state.ladder, state.status) == ((), None, Status.ACTIVE)


async def test_a_payment_that_is_processing_is_in_flight_until_the_bank_answers(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe(behaviour="processing")
    banner = await stage.banner(client)
    assert banner
    assert banner["kind"] == "checking"

    # Nothing else is tried, and nobody is kept waiting.
    asked = stage.now()
    assert (await stage.pay_now(client, "p1"))["status"] == "processing"
    assert stage.now() - asked < 10 * SECOND
    voiding = asyncio.create_task(stage.void(client, "p1"))
    await eventually(lambda: _asked(stage, client, "void"))
    await stage.advance(seconds=20)
    with pytest.raises(ApiRefused, match="payment_in_progress"):
        await voiding
    await stage.advance(hours=2)
    assert len(await stage.charges(client)) == 1

    await stage.bank_settles(await stage.at_stripe(client, "p1"), "succeeded")

    assert await stage.statuses(client) == {"p1": "paid"}
    assert await stage.paid(client) == [4900]
    assert [t.result for t in await stage.attempts(client)] == ["paid"]


async def test_a_card_saved_while_an_attempt_is_in_flight_is_tried_when_it_fails(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe(behaviour="processing")

    await stage.type_card(client, "5555555555554444")
    assert len(await stage.attempts(client)) == 1
    await stage.bank_settles(await stage.at_stripe(client, "p1"), "failed")

    assert [(t.origin, t.result, t.last4) for t in await stage.attempts(client)] == [
        ("issue", "declined", "4242"),
        ("new_card", "paid", "4444"),
    ]
