"""Dates of a running ladder that a person moves (billing-rules 6 and 7)."""

from datetime import timedelta

import pytest
from support.world import DAY, MINUTE, T0, World, a_world

from billing.agenda import planned
from billing.ladders import extend_refusal
from billing.plans import Dunning, FinalAction
from billing.state import Status
from billing.view import view


def dates(world: World) -> list[timedelta]:
    return [at for at, _ in world.charges()]


# A promise to pay


def test_a_promise_moves_the_next_date_and_the_later_gaps_run_from_there() -> None:
    world = a_world("soft").run(days=4).extend(10)
    shown = view(world.state, world.now)
    assert shown.banner
    assert shown.banner.next_attempt_at == T0 + 18 * DAY
    retries = [item.at for item in planned(world.state) if item.action in ("retry", "final_action")]
    assert retries == [T0 + 18 * DAY, T0 + 25 * DAY, T0 + 25 * DAY]
    world.run(days=30)

    assert dates(world)[:4] == [timedelta(), 3 * DAY, 18 * DAY, 25 * DAY]
    assert world.state.status is Status.PAST_DUE


def test_a_promise_is_given_once_per_ladder() -> None:
    world = a_world("soft").run(days=1).extend(2)
    assert extend_refusal(world.state, world.now) == "already_extended"
    world.extend(2).run(days=5)
    assert dates(world) == [timedelta(), 5 * DAY]

    world.save_card("mastercard", "pays", "soft").run(days=40)
    assert world.state.ladder
    assert extend_refusal(world.state, world.now) is None, "the next ladder has one of its own"


@pytest.mark.parametrize("days", [0, -3, 15])
def test_a_promise_of_more_than_two_weeks_changes_nothing(days: int) -> None:
    world = a_world("soft").run(days=1)
    before = world.state.ladder
    assert world.extend(days).state.ladder == before


def test_without_a_date_ahead_there_is_nothing_to_extend() -> None:
    assert extend_refusal(a_world().run().state, T0) == "nothing_to_extend"
    world = a_world("soft", dunning=Dunning((1,))).run(days=2)
    assert world.state.status is Status.PAST_DUE
    assert extend_refusal(world.state, world.now) == "nothing_to_extend"
    assert world.extend(5).state.ladder == world.state.ladder


def test_a_date_that_has_come_is_not_moved_any_more() -> None:
    refusals: list[str | None] = []

    def asks(world: World) -> None:
        world.take(MINUTE)
        refusals.append(extend_refusal(world.state, world.now))
        world.extend(5)

    world = a_world("soft").run(days=1).while_in_flight(asks).run(days=8)
    assert refusals == ["payment_in_progress"]
    assert dates(world) == [timedelta(), 3 * DAY, 8 * DAY]


def test_a_promise_beside_a_payment_that_a_person_asked_for_stands() -> None:
    world = a_world("soft").run(days=1)
    world.ask("pay_now", "p1")
    world.while_in_flight(lambda world: world.extend(5)).run(days=10)
    assert dates(world) == [timedelta(), DAY, 8 * DAY]


def test_the_deadline_of_a_debt_without_card_moves_too() -> None:
    world = a_world(with_card=False, dunning=Dunning((2,), FinalAction.PAUSE)).run(days=1).extend(14).run(days=14)
    assert world.state.status is Status.ACTIVE
    world.run(days=1.1)
    assert world.state.status is Status.PAUSED
    assert world.steps("TakeFinalAction") == [(16 * DAY, "final:inv_demo_p1")]
