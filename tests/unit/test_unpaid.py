"""Service that ends for want of payment: what is left open, and when it resumes (billing-rules 6)."""

from datetime import timedelta

import pytest
from support.world import DAY, HOUR, MINUTE, OVER, a_world

from billing.plans import Dunning, FinalAction
from billing.state import Status

T15 = 15 * DAY
PAUSE = Dunning(final_action=FinalAction.PAUSE)


def test_three_open_period_invoices_at_a_boundary_pause_for_want_of_payment() -> None:
    world = a_world("soft")
    world.seconds = {3: OVER}
    world.run(until=world.start + 93 * DAY)

    assert world.state.status is Status.PAUSED
    assert world.state.paused_reason == "unpaid"
    assert world.state.period is None
    assert world.open() == ["p1", "p2", "p3", "f3"]
    assert world.messages()[-1] == "invoice_issued"
    assert "paused" in world.messages()


@pytest.mark.parametrize(
    ("action", "status", "finals"),
    [
        (FinalAction.PAST_DUE, Status.PAUSED, []),
        (FinalAction.PAUSE, Status.PAUSED, []),
        (FinalAction.CANCEL, Status.CANCELLED, [(120 * DAY, "final:inv_demo_p1")]),
    ],
)
def test_of_final_actions_only_a_cancellation_is_left_to_what_is_paused(
    action: FinalAction, status: Status, finals: list[tuple[timedelta, str]]
) -> None:
    world = a_world("soft", dunning=Dunning((30, 30, 30, 30), action)).run(days=100)
    assert world.state.status is Status.PAUSED
    world.run(days=100)

    assert world.steps("TakeFinalAction") == finals
    assert world.state.status is status
    assert len(world.charges()) == 5, "the ladder itself goes on"


def test_what_the_pause_for_want_of_payment_leaves_behind_is_never_tried() -> None:
    world = a_world("parks")  # three open invoices, and no ladder that would hold the last one back
    world.seconds = {3: OVER}
    world.run(until=world.start + 120 * DAY)

    assert world.state.paused_reason == "unpaid"
    assert world.open() == ["p1", "p2", "p3", "f3"]
    assert [name for _, name in world.charges()] == ["p1#1", "p2#1", "p3#1"]

    world.cancel().run(days=30)
    assert len(world.charges()) == 3, "nor after a cancellation"


def test_paying_the_whole_debt_resumes_with_a_new_anchor() -> None:
    world = a_world("soft").run(days=100)
    assert world.open() == ["p1", "p2", "p3"]

    world.cards["visa"] = ["pays"]
    world.ask("pay_now", "p3")
    world.run()

    assert [name for _, name in world.charges()[-4:]] == ["p3#1", "p1#5", "p2#1", "p4#1"], "the named one first"
    assert world.state.status is Status.ACTIVE
    assert world.state.anchor == world.now
    assert world.state.period
    assert (world.state.period.number, world.state.period.start) == (4, world.now)
    world.run(days=40)
    assert world.steps("ClosePeriod")[-1][1] == "close:4"


def test_two_paid_of_four_is_not_enough_to_resume() -> None:
    world = a_world("soft").run(days=100)
    world.pay_elsewhere("p1").pay_elsewhere("p2").run(days=30)

    assert world.state.status is Status.PAUSED


@pytest.mark.parametrize("seconds", [0, OVER])
def test_a_pause_ends_only_when_its_last_usage_is_billed_and_paid(seconds: int) -> None:
    world = a_world("soft", dunning=PAUSE)
    world.seconds = {1: seconds}
    world.run(until=world.start + T15 + 10 * MINUTE)
    world.pay_elsewhere("p1")
    assert world.state.debt == ()
    assert world.state.status is Status.PAUSED, "the period is not closed yet"

    world.run(days=1)
    if seconds:
        assert (world.open(), world.state.status) == (["f1"], Status.PAUSED)
        world.pay_elsewhere("f1")
    assert world.state.status is Status.ACTIVE
    assert world.state.anchor == (world.now if seconds else world.start + T15 + HOUR)


def test_a_pause_does_not_end_while_its_last_invoice_waits_for_stripe() -> None:
    world = a_world("soft", dunning=PAUSE)
    world.seconds = {1: OVER}
    world.run(days=15)
    world.away_until = world.now + DAY
    world.run(days=0.5).pay_elsewhere("p1")

    assert [issue.invoice for issue in world.state.to_issue] == ["inv_demo_f1"]
    assert world.state.status is Status.PAUSED
