"""A pause by the agency, and its resume (billing-rules 7)."""

from datetime import timedelta

import pytest
from support.world import DAY, HOUR, MINUTE, OVER, T0, World, a_world

from billing.agenda import planned
from billing.pausing import pause_refusal, resume_refusal, undo_pause_refusal
from billing.plans import Dunning, FinalAction
from billing.requests import cancel_refusal, undo_refusal
from billing.state import Forgive, Status
from billing.view import view

MARCH = 31 * DAY
BOUNDARY = T0 + MARCH


def paused(*behaviours: str, **how: object) -> World:
    """A subscription that the agency has paused at the end of its first period, which is closed."""
    world = a_world(*behaviours, **how).run(days=10)  # type: ignore[arg-type]
    return world.pause().run(until=BOUNDARY + DAY)


def answered(world: World, request: str) -> tuple[str, str | None] | None:
    answer = world.answer(request)
    return (answer.result, answer.code) if answer else None


# At the period's end


def test_the_period_that_a_pause_ends_is_billed_as_the_last_of_its_stretch() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=10).pause()
    shown = view(world.state, world.now)
    assert (shown.status, shown.pause_at, shown.cancel_at) == (Status.ACTIVE, BOUNDARY, None)
    assert [(item.at, item.action) for item in planned(world.state)] == [
        (BOUNDARY, "pause"),
        (BOUNDARY + HOUR, "close_period"),
        (BOUNDARY + HOUR, "issue_invoice"),
    ]

    world.run(until=BOUNDARY)
    shown = view(world.state, world.now)
    assert (shown.status, shown.paused_reason, shown.pause_at) == (Status.PAUSED, "agency", None)
    assert shown.current_period is None
    world.run(days=60)

    assert world.amounts() == {"p1": 4900, "f1": 1344}
    assert world.charges()[-1] == (MARCH + HOUR, "f1#1"), "the last invoice is tried"
    assert (world.state.status, world.state.paused_reason, world.state.ended_at) == (Status.PAUSED, "agency", BOUNDARY)
    assert "paused" not in world.messages(), "nobody is told that it is for want of payment"


def test_a_pause_can_be_taken_back_until_then() -> None:
    world = a_world().run(days=10).pause().run(days=1).undo_pause().run(days=25)

    assert world.state.status is Status.ACTIVE
    assert world.amounts() == {"p1": 4900, "p2": 4900}


def test_from_the_boundary_on_a_pause_is_not_taken_back() -> None:
    world = a_world().run(days=10).pause().run(until=BOUNDARY)
    assert undo_pause_refusal(world.state, world.now) == "no_pending_pause"
    world.undo_pause().run(days=1)

    assert world.state.status is Status.PAUSED


def test_a_repeated_pause_does_not_return_after_it_was_taken_back() -> None:
    world = a_world().run(days=10).pause()
    request = world.history[-1]
    world.undo_pause().learn(request)

    assert world.state.ending is None


def test_a_pause_accepted_after_the_boundary_belongs_to_the_new_period() -> None:
    world = a_world().run(until=BOUNDARY + 30 * MINUTE).pause().run(days=40)

    assert world.amounts() == {"p1": 4900, "p2": 4900, "f2": 0}
    assert world.state.ended_at == T0 + 61 * DAY


# Resuming


def test_a_resume_opens_the_next_period_with_a_new_anchor() -> None:
    world = paused().run(days=20)
    request = world.resume()
    resumed_at = world.now
    world.run()

    assert answered(world, request) == ("done", None)
    assert world.state.period
    assert (world.state.period.number, world.state.period.index, world.state.period.start) == (2, 0, resumed_at)
    assert (world.state.status, world.state.anchor, world.state.paused_reason) == (Status.ACTIVE, resumed_at, None)
    assert world.amounts() == {"p1": 4900, "f1": 0, "p2": 4900}
    world.run(days=40)
    assert world.steps("ClosePeriod")[-1][1] == "close:2"


def test_a_resume_before_the_paused_period_is_closed_closes_it_at_once() -> None:
    world = a_world(grace=3 * DAY)
    world.seconds = {1: OVER}
    world.run(days=10).pause().run(until=BOUNDARY + HOUR)
    request = world.resume()
    assert answered(world, request) is None
    world.run()

    assert answered(world, request) == ("done", None)
    assert [(step.start, step.end) for step in world.closed] == [(T0, BOUNDARY)]
    assert world.state.anchor == BOUNDARY + HOUR, "the time between is a pause"
    assert world.amounts() == {"p1": 4900, "f1": 1344, "p2": 4900}


def test_who_asks_to_resume_while_the_books_are_away_is_answered_when_they_are_back() -> None:
    world = a_world().run(days=10).pause().run(until=BOUNDARY + 10 * MINUTE)
    first = world.resume()
    second = world.ask("resume", id="too")
    world.run(days=1)

    assert answered(world, first) == answered(world, second) == ("done", None)
    assert world.state.periods == 2


def test_a_cancellation_goes_before_a_resume_that_waits() -> None:
    world = a_world(grace=3 * DAY).run(days=10).pause().run(until=BOUNDARY + HOUR)
    request = world.resume()
    world.cancel().run(days=5)

    assert answered(world, request) == ("refused", "already_cancelled")
    assert world.state.status is Status.CANCELLED
    assert world.finished


# Money while paused


def test_what_the_agency_paused_stays_paused_when_its_debt_is_paid() -> None:
    world = paused("soft", dunning=Dunning((30, 30))).run(days=1)
    assert world.open() == ["p1"]
    world.save_card("mastercard").run(days=30)

    assert (world.open(), world.state.ladder) == ([], None)
    assert (world.state.status, world.state.paused_reason) == (Status.PAUSED, "agency")


def test_the_ladder_goes_on_in_a_pause_and_its_final_action_is_not_taken() -> None:
    world = paused("soft", dunning=Dunning((30, 5))).run(days=60)

    assert [at for at, _ in world.charges()] == [timedelta(), 30 * DAY, 35 * DAY]
    assert world.steps("TakeFinalAction") == []
    assert world.state.status is Status.PAUSED


def test_the_last_invoice_of_a_pause_starts_a_ladder_of_its_own() -> None:
    world = a_world("pays", "soft")
    world.seconds = {1: OVER}
    world.run(days=10).pause().run(until=BOUNDARY + 40 * DAY)

    tried = [at for at, name in world.charges() if name.startswith("f1")]
    first = MARCH + HOUR
    assert tried == [first, first + 3 * DAY, first + 8 * DAY, first + 15 * DAY]


def test_a_card_pay_now_and_retry_are_tried_in_a_pause() -> None:
    world = paused("soft", dunning=Dunning((30, 30, 30)))
    for ask in (lambda: world.ask("pay_now", "p1"), lambda: world.ask("retry")):
        request = ask()
        world.run()
        assert answered(world, request) == ("failed", None)
    world.save_card("mastercard").run()

    assert world.open() == []


def test_an_attempt_in_a_pause_that_was_never_made_is_made_again() -> None:
    world = a_world("pays", "not_made", "pays")
    world.seconds = {1: OVER}
    world.run(days=10).pause().run(until=BOUNDARY + DAY)

    assert [name for _, name in world.charges()] == ["p1#1", "f1#1", "f1#2"]
    assert world.open() == []


def test_a_resume_with_a_debt_of_an_unpaid_pause_waits_for_the_money() -> None:
    world = a_world("soft", dunning=Dunning(final_action=FinalAction.PAUSE)).run(days=20)
    assert view(world.state, world.now).paused_reason == "unpaid"
    assert resume_refusal(world.state, world.now) == "payment_overdue"
    request = world.resume()

    assert answered(world, request) == ("refused", "payment_overdue")


def test_an_unpaid_pause_whose_debt_is_paid_is_closed_at_once_for_who_asks_to_resume() -> None:
    world = a_world("soft", dunning=Dunning(final_action=FinalAction.PAUSE), grace=3 * DAY).run(days=15.1)
    world.pay_elsewhere("p1").run(days=1)
    assert world.state.status is Status.PAUSED
    assert resume_refusal(world.state, world.now) is None
    request = world.resume()
    world.run()

    assert answered(world, request) == ("done", None)
    assert world.state.anchor == world.now


@pytest.mark.parametrize(
    ("action", "code"), [(FinalAction.PAST_DUE, None), (FinalAction.PAUSE, "payment_overdue")], ids=str
)
def test_an_exhausted_ladder_is_no_hindrance_unless_it_would_pause_again(action: FinalAction, code: str | None) -> None:
    world = paused("soft", dunning=Dunning((30, 5), action)).run(days=20)
    assert world.state.status is Status.PAUSED
    assert resume_refusal(world.state, world.now) == code
    world.resume()
    world.run()

    assert world.state.status is (Status.PAUSED if code else Status.PAST_DUE)


def test_a_final_action_before_a_pending_pause_pauses_at_once_and_payment_does_not_resume() -> None:
    world = a_world("soft", dunning=Dunning((1,), FinalAction.PAUSE)).run(days=0.5).pause().run(days=5)
    assert (world.state.status, world.state.paused_reason) == (Status.PAUSED, "agency")
    world.save_card("mastercard").run(days=5)

    assert world.open() == []
    assert world.state.status is Status.PAUSED


def test_three_open_period_invoices_at_a_boundary_leave_a_pause_to_the_agencys_word() -> None:
    world = a_world("parks").run(until=T0 + 92 * DAY + 10 * MINUTE).pause().run(days=1)
    assert (world.state.status, world.state.paused_reason) == (Status.PAUSED, "agency")

    world.pay_elsewhere("p1").pay_elsewhere("p2").pay_elsewhere("p3").run(days=1)
    assert world.state.status is Status.PAUSED


# Beside a cancellation


def test_a_cancellation_replaces_a_pending_pause() -> None:
    world = a_world().run(days=10).pause().cancel()
    shown = view(world.state, world.now)
    assert (shown.pause_at, shown.cancel_at) == (None, BOUNDARY)
    world.run(days=30)

    assert world.state.status is Status.CANCELLED


def test_a_cancellation_now_replaces_a_pending_pause() -> None:
    world = a_world().run(days=10).pause().cancel(now=True).run(days=1)

    assert (world.state.status, world.state.ended_at) == (Status.CANCELLED, T0 + 10 * DAY)


@pytest.mark.parametrize("now", [True, False])
def test_cancelled_in_the_grace_of_a_pause_service_ended_at_the_boundary_and_the_last_invoice_is_tried(
    now: bool,
) -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=10).pause().run(until=BOUNDARY + 30 * MINUTE)
    world.cancel(now=now).run(days=1)

    assert (world.state.status, world.state.ended_at) == (Status.CANCELLED, BOUNDARY)
    assert world.charges()[-1] == (MARCH + HOUR, "f1#1")
    assert world.finished


@pytest.mark.parametrize(
    ("forgive", "left"),
    [(Forgive.NONE, ["p1", "f1"]), (Forgive.OPEN, []), (Forgive.ALL, [])],
    ids=str,
)
def test_what_is_forgiven_of_a_paused_subscription_is_voided(forgive: Forgive, left: list[str]) -> None:
    world = a_world("soft", dunning=Dunning((30, 30)))
    world.seconds = {1: OVER}
    world.run(days=10).pause().run(until=BOUNDARY + DAY)
    assert world.open() == ["p1", "f1"]
    world.cancel(forgive=forgive).run(days=1)

    assert world.open() == left
    assert world.finished is (left == [])


@pytest.mark.parametrize("reason", ["agency", "unpaid"])
def test_forgiving_all_in_the_grace_of_a_pause_never_issues_its_usage(reason: str) -> None:
    gap = 30 if reason == "agency" else 1
    world = a_world("soft", dunning=Dunning((gap, gap), FinalAction.PAUSE), grace=3 * DAY)
    world.seconds = {1: OVER}
    world = world.pause().run(until=BOUNDARY + HOUR) if reason == "agency" else world.run(days=2.5)
    world.cancel(forgive=Forgive.ALL).run(days=5)

    assert world.open() == []
    assert list(world.amounts()) == ["p1"]
    assert world.finished


# What is refused


def test_refusals_say_what_stands_in_the_way() -> None:
    world = a_world(starts_at=T0 + DAY)
    assert pause_refusal(world.state, world.now) == "not_started"
    world.run(days=10)
    now = world.now
    assert resume_refusal(world.state, now) == "not_paused"
    assert undo_pause_refusal(world.state, now) == "no_pending_pause"

    world.pause()
    assert pause_refusal(world.state, now) == "pause_pending"
    assert undo_refusal(world.state, now) == "no_pending_cancel", "a pause is not a cancellation"
    assert resume_refusal(world.state, now) == "not_paused"
    assert cancel_refusal(world.state, now, now=False) is None
    end = world.state.ending.at if world.state.ending else now
    assert pause_refusal(world.state, end) == "already_paused"

    world.cancel()
    assert pause_refusal(world.state, now) == "cancel_pending"
    assert undo_pause_refusal(world.state, now) == "no_pending_pause"
    assert pause_refusal(world.state, end) == resume_refusal(world.state, end) == "already_cancelled"

    world.run(days=40)
    assert pause_refusal(world.state, world.now) == resume_refusal(world.state, world.now) == "already_cancelled"
    assert pause_refusal(paused().state, BOUNDARY + DAY) == "already_paused"


def test_what_awaits_its_first_card_can_not_be_paused() -> None:
    world = a_world(starts_at=None, with_card=False)
    assert pause_refusal(world.state, world.now) == "not_started"
    assert world.pause().state.ending is None
