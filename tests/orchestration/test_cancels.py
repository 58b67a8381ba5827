"""Cancelling: at period end and back, now, with a debt, while Stripe is away (billing-rules 6 and 7)."""

import asyncio

import pytest
from support.servers import Eventually
from support.sights import gaps, on_time
from support.stage import DAY, FAILS, GRACE, MINUTE, SECOND, Stage, refusal

from billing.state import Status
from sandbox.caller import ApiRefused


async def test_at_period_end_it_can_be_undone_until_then_and_the_last_invoice_is_the_overage(stage: Stage) -> None:
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end

    await stage.cancel(client)
    assert await refusal(stage.cancel(client)) == "cancel_pending"
    await stage.undo_cancel(client)
    assert (await stage.shown(client))["cancel_at"] is None
    assert await refusal(stage.undo_cancel(client)) == "no_pending_cancel"
    await stage.cancel(client)
    await stage.call(client, minutes=612)
    await stage.to(end + 5 * MINUTE)

    # From the boundary on it is cancelled, though the last period closes a grace later.
    assert (await stage.shown(client))["status"] == "cancelled"
    assert await refusal(stage.undo_cancel(client)) == "no_pending_cancel"
    assert list(await stage.bills(client)) == ["p1"]
    await stage.to(end + GRACE)

    assert await stage.paid(client) == [4900, 1400]
    assert {short: bill.lines for short, bill in (await stage.bills(client)).items()} == {
        "p1": (("price", 4900),),
        "f1": (("overage", 1400),),
    }
    assert await stage.finished(client)


async def test_now_bills_the_overage_to_date_and_a_new_subscription_may_follow(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.call(client, minutes=612)
    await stage.advance(days=9)

    said = await stage.cancel(client, at="now")
    cancelled_at = stage.now()
    assert said["status"] == "cancelled"
    late = await stage.call(client, minutes=30, at=cancelled_at + 10 * SECOND)
    assert await stage.unbilled(late) == "ended"
    await stage.advance(hours=2)

    (period,) = await stage.periods(client)
    assert on_time(cancelled_at, period.end)
    assert await stage.paid(client) == [4900, 1400]
    assert await stage.finished(client)

    again = await stage.assign(client)
    await stage.rest()
    assert again.subscription != client.subscription
    assert await stage.statuses(again) == {"p1": "paid"}
    assert await stage.paid(again) == [4900, 1400, 4900]


async def test_mid_ladder_the_debt_remains_the_ladder_goes_on_and_has_no_final_action(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.advance(days=1)

    await stage.cancel(client, at="now")
    await stage.advance(days=16)

    tried = await stage.attempts(client)
    assert [t.origin for t in tried] == ["issue", "ladder", "ladder", "ladder"]
    assert gaps([t.at for t in tried]) == [3 * DAY, 5 * DAY, 7 * DAY]
    assert await stage.status(client) is Status.CANCELLED
    assert "final_action_taken" not in await stage.timeline(client)
    assert await stage.statuses(client) == {"p1": "open", "f1": "paid"}

    # It blocks no new subscription; paid at last, it ends.
    await stage.behave(client, "pays")
    again = await stage.assign(client)
    await stage.rest()
    assert await stage.statuses(again) == {"p1": "paid"}
    assert await stage.statuses(client) == {"p1": "open", "f1": "paid"}, "each collects its own debt"
    assert (await stage.pay_now(client, "p1"))["status"] == "paid"
    await stage.rest()
    assert await stage.finished(client)


@pytest.mark.parametrize(
    ("forgive", "left"), [("open", {"p1": "void", "f1": "open"}), ("all", {"p1": "void"})], ids=["open", "all"]
)
async def test_what_is_forgiven_is_voided(stage: Stage, forgive: str, left: dict[str, str]) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.call(client, minutes=612)
    await stage.advance(minutes=1)

    await stage.cancel(client, at="now", forgive=forgive)
    await stage.advance(hours=2)

    assert await stage.statuses(client) == left
    assert await stage.paid(client) == []
    assert await stage.finished(client) is (forgive == "all")
    assert [t.invoice for t in await stage.attempts(client)] == (["p1"] if forgive == "all" else ["p1", "f1"])


async def test_while_stripe_is_away_it_is_answered_at_once_and_all_is_settled_later(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end
    await stage.to(end - 20 * MINUTE)
    await stage.call(client, minutes=612)
    await stage.fault("*", "refuse", times=None)

    # The renewal's invoice cannot be issued: its step has failed, or is being tried, when the agency cancels.
    renewing = asyncio.create_task(stage.to(end + GRACE))

    async def issuing() -> bool:
        return bool((await stage.state(client)).to_issue)

    await eventually(issuing)
    asked = asyncio.get_running_loop().time()
    said = await stage.cancel(client, at="now")
    assert asyncio.get_running_loop().time() - asked < 3
    assert said["status"] == "cancelled"
    await renewing
    assert list(await stage.paid(client)) == [4900]

    await stage.control.delete("/faults")
    await stage.advance(hours=2)

    assert await stage.finished(client)
    assert set((await stage.statuses(client)).values()) == {"paid"}
    assert await stage.paid(client) == [4900, 6300], "its invoice was begun: the cancellation belongs to the new period"
    with pytest.raises(ApiRefused, match="already_cancelled"):
        await stage.cancel(client, at="now")
