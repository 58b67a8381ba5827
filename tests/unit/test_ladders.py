"""Dates of a running ladder that a person moves (billing-rules 6 and 7)."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import DAY, MINUTE, T0, World, a_world

from billing import facts
from billing.agenda import planned
from billing.ladders import extend_refusal, move
from billing.plans import Dunning, FinalAction
from billing.state import Status
from billing.view import view


def dates(world: World) -> list[timedelta]:
    return [at for at, _ in world.charges()]


def apply(world: World, dunning: Dunning) -> None:
    """The agency sets a policy and applies it to what runs."""
    world.dunning = dunning
    world.learn(facts.DunningApplied(world.now, dunning))


# A promise to pay


def test_a_promise_moves_the_next_date_and_the_later_gaps_run_from_there() -> None:
    world = a_world("soft").run(days=4).extend(10)
    shown = view(world.state, world.now)
    assert shown.banner
    assert [one.at for one in shown.banner.tries] == [T0 + 18 * DAY]
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


def test_a_date_that_waits_for_the_account_is_not_moved_by_a_promise() -> None:
    world = a_world("soft").run(days=1)
    world.learn(facts.AccountFrozen(world.now, 1, "restricted")).run(days=5)
    assert extend_refusal(world.state, world.now) == "agency_frozen"
    assert extend_refusal(world.state, T0 + 2 * DAY) is None


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


# Another policy for a ladder that runs

PROMISES = st.none() | st.integers(1, 14)
GAPS = st.lists(st.integers(1, 30), min_size=1, max_size=8).map(tuple)
POLICIES = st.builds(Dunning, GAPS, st.sampled_from(list(FinalAction)))


def test_the_step_that_is_used_stays_used_and_the_next_date_runs_from_it() -> None:
    world = a_world("soft").run(days=4)
    apply(world, Dunning((3, 2, 9)))
    world.run(days=30)
    assert dates(world)[:4] == [timedelta(), 3 * DAY, 5 * DAY, 14 * DAY]


def test_a_date_never_moves_to_before_the_application() -> None:
    world = a_world("soft").run(days=7)
    apply(world, Dunning((1, 1, 7)))
    world.run(days=30)
    assert dates(world)[:4] == [timedelta(), 3 * DAY, 7 * DAY, 14 * DAY]


def test_with_fewer_gaps_than_are_used_the_final_action_is_due() -> None:
    world = a_world("soft").run(days=9)
    apply(world, Dunning((3, 5), FinalAction.CANCEL))
    world.run(days=1)
    assert dates(world) == [timedelta(), 3 * DAY, 8 * DAY]
    assert world.steps("TakeFinalAction") == [(9 * DAY, "final:inv_demo_p1")]
    assert world.state.status is Status.CANCELLED


def test_an_exhausted_ladder_is_not_revived() -> None:
    world = a_world("soft").run(days=16)
    before = world.state
    assert move(before, Dunning((1, 1, 1, 1)), world.now) is None
    apply(world, Dunning((1, 1, 1, 1)))
    assert world.state == before


def test_a_promise_to_pay_stands_beside_another_policy() -> None:
    world = a_world("soft").run(days=1).extend(10)
    apply(world, Dunning((5, 5)))
    world.run(days=25)
    assert dates(world) == [timedelta(), 15 * DAY, 20 * DAY]


def test_a_date_that_has_come_stays_and_the_gaps_after_it_are_the_new_ones() -> None:
    world = a_world("soft").run(days=1).while_in_flight(lambda world: apply(world, Dunning((9, 2)))).run(days=20)
    assert dates(world) == [timedelta(), 3 * DAY, 5 * DAY]


def test_a_reminder_in_flight_uses_up_the_date_that_it_was_for() -> None:
    world = a_world(with_card=False).run(days=1)
    world.while_in_flight(lambda world: apply(world, Dunning((9, 2))), "Remind").run(days=20)
    assert [at for at, _ in world.steps("Remind")] == [timedelta(), 3 * DAY, 5 * DAY]


def test_a_ladder_that_began_after_the_application_has_its_own_policy() -> None:
    world = a_world("soft").run(days=1)
    before = world.state
    world.learn(facts.DunningApplied(T0 - DAY, Dunning((1, 1, 1))))
    assert world.state == before


def test_the_ladder_of_a_cancelled_subscription_moves_and_nothing_follows_it() -> None:
    world = a_world("soft").run(days=1).cancel(now=True).run(days=1)
    found = move(world.state, Dunning((4,), FinalAction.PAUSE), world.now)
    assert found
    assert (found.new_next_at, found.attempts_left, found.final_action) == (T0 + 4 * DAY, 1, None)


@given(days=st.integers(0, 40), old=POLICIES, new=POLICIES, promise=PROMISES, with_card=st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_the_preview_says_is_what_then_happens(
    days: int, old: Dunning, new: Dunning, promise: int | None, with_card: bool
) -> None:
    world = a_world("soft", dunning=old, with_card=with_card).run(days=days + 0.5)
    if promise:
        world.extend(promise)
    found, before, applied_at = move(world.state, new, world.now), world.state.ladder, world.now
    seen = len(world.log)
    apply(world, new)
    if found is None:
        assert world.state.ladder == before
        return

    assert before
    assert before.next_at == found.next_at
    # Until the ladder's end: nothing else is done about the debt meanwhile.
    while world.state.ladder and world.state.ladder.next_at:
        world.run(until=world.state.ladder.next_at)
    world.run()
    steps = [(world.start + e.offset, e.step) for e in world.log[seen:] if e.key.endswith(tuple("0123456789"))]
    taken = [at for at, step in steps if step in ("ChargeInvoice", "Remind")]
    assert len(taken) == found.attempts_left
    assert (taken[0] if taken else None) == found.new_next_at
    assert all(at >= applied_at for at in taken)
    # A boundary that finds three unpaid periods meanwhile pauses: then only a cancellation is left to follow.
    unpaid = any(notice.key.startswith("unpaid:") for notice in world.told)
    follows = found.final_action is not None and (not unpaid or found.final_action is FinalAction.CANCEL)
    final = [fact.action for fact in world.history if isinstance(fact, facts.FinalActionTaken)]
    assert final == ([found.final_action] if follows else [])
