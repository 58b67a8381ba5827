"""Starting, closing and catching up (billing-rules 3, 4 and 5)."""

from datetime import timedelta

import pytest
from support.world import DAY, HOUR, OVER, T0, a_world

from billing import facts
from billing.view import view

T = timedelta()
MARCH = 31 * DAY


def test_each_boundary_bills_the_old_overage_and_the_new_price() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=62)

    assert world.amounts() == {"p1": 4900, "p2": 4900 + 1344, "p3": 4900}
    assert world.steps("ClosePeriod") == [(MARCH + HOUR, "close:1"), (61 * DAY + HOUR, "close:2")]
    assert [name for _, name in world.charges()] == ["p1#1", "p2#1", "p3#1"]


@pytest.mark.parametrize("grace", [T, HOUR, 3 * DAY])
def test_a_period_closes_when_its_grace_is_over(grace: timedelta) -> None:
    world = a_world(grace=grace).run(days=40)

    assert world.steps("ClosePeriod", "IssueInvoice")[1:] == [
        (MARCH + grace, "close:1"),
        (MARCH + grace, "issue:inv_demo_p2"),
    ]


def test_a_grace_set_before_the_boundary_holds_for_it() -> None:
    world = a_world().run(days=30)
    world.learn(facts.GraceSet(world.now, timedelta())).run(days=5)

    assert world.steps("ClosePeriod") == [(MARCH, "close:1")]


def test_a_grace_set_after_the_boundary_holds_for_the_next() -> None:
    world = a_world(grace=DAY).run(until=T0 + MARCH + HOUR)
    world.learn(facts.GraceSet(world.now, timedelta())).run(days=40)

    assert world.steps("ClosePeriod") == [(MARCH + DAY, "close:1"), (61 * DAY, "close:2")]


def test_a_grace_set_at_the_very_boundary_holds_for_the_next() -> None:
    world = a_world(grace=DAY).run(until=T0 + MARCH)
    world.learn(facts.GraceSet(world.now, timedelta())).run(days=40)

    assert world.steps("ClosePeriod") == [(MARCH + DAY, "close:1"), (61 * DAY, "close:2")]


def test_a_total_of_zero_is_no_debt() -> None:
    world = a_world(with_card=False, first_free=True).run(days=30)

    assert world.amounts() == {"p1": 0}
    assert world.state.debt == ()
    assert world.messages() == []


def test_only_the_first_period_is_free() -> None:
    world = a_world(first_free=True).run(days=32)

    assert world.amounts() == {"p1": 0, "p2": 4900}
    assert world.charges() == [(MARCH + HOUR, "p2#1")]


def test_a_start_ahead_is_a_wait() -> None:
    world = a_world(starts_at=T0 + 10 * DAY).run(days=9.99)
    assert world.log == []
    assert view(world.state, world.now).current_period is None
    world.run(days=1)

    assert world.charges() == [(10 * DAY, "p1#1")]


def test_missed_boundaries_are_caught_up_in_order_each_once() -> None:
    world = a_world().run()
    world.now = T0 + 100 * DAY
    world.run()

    assert [(e.step, e.key) for e in world.log[2:]] == [
        step
        for n in (2, 3, 4)
        for step in (
            ("ClosePeriod", f"close:{n - 1}"),
            ("IssueInvoice", f"issue:inv_demo_p{n}"),
            ("ChargeInvoice", f"charge:inv_demo_p{n}:1"),
        )
    ]
    assert {e.offset for e in world.log[2:]} == {100 * DAY}
    assert [step.end for step in world.closed] == [T0 + 31 * DAY, T0 + 61 * DAY, T0 + 92 * DAY]
