"""Cancelling, and the debt that outlives its subscription (billing-rules 6 and 7)."""

from datetime import timedelta

from support.world import DAY, HOUR, MINUTE, OVER, T0, a_world

from billing.plans import Dunning
from billing.state import Forgive, Status
from billing.view import view

T = timedelta()
MARCH = 31 * DAY


# Cancel at the period's end


def test_cancel_at_the_end_bills_the_overage_alone() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=10)
    world.cancel()
    assert world.state.status is Status.ACTIVE
    assert view(world.state, world.now).cancel_at == T0 + MARCH

    world.run(days=21)
    assert view(world.state, world.now).status is Status.CANCELLED, "from the boundary on"
    world.run(days=1)

    assert world.amounts() == {"p1": 4900, "f1": 1344}
    assert world.state.ended_at == T0 + MARCH
    assert world.charges()[-1] == (MARCH + HOUR, "f1#1")
    assert world.finished


def test_cancel_can_be_undone_until_then() -> None:
    world = a_world().run(days=10)
    world.cancel().run(days=1)
    world.undo_cancel().run(days=25)

    assert world.state.status is Status.ACTIVE
    assert world.amounts() == {"p1": 4900, "p2": 4900}


def test_cancel_can_not_be_undone_from_the_boundary_on() -> None:
    world = a_world().run(days=10)
    world.cancel().run(until=T0 + MARCH)
    world.undo_cancel().run(days=1)

    assert world.state.status is Status.CANCELLED


def test_a_repeated_cancellation_does_not_return_after_it_was_undone() -> None:
    world = a_world().run(days=10)
    world.cancel()
    request = world.history[-1]
    world.undo_cancel().learn(request)

    assert world.state.ending is None


def test_cancel_at_the_end_after_the_boundary_means_the_new_periods_end() -> None:
    world = a_world().run(until=T0 + MARCH + 30 * MINUTE)
    world.cancel().run(days=40)

    assert world.amounts() == {"p1": 4900, "p2": 4900, "f2": 0}
    assert world.state.ended_at == T0 + 61 * DAY


def test_cancel_at_the_end_at_the_very_boundary_means_the_new_periods_end() -> None:
    world = a_world().run(until=T0 + MARCH)
    world.cancel().run(days=40)

    assert world.state.ended_at == T0 + 61 * DAY


# Cancel now


def test_cancel_now_bills_the_overage_to_date_and_refunds_nothing() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=10)
    world.cancel(now=True)
    assert view(world.state, world.now).status is Status.CANCELLED
    assert view(world.state, world.now).current_period is None
    world.run(days=1)

    assert [(step.start, step.end) for step in world.closed] == [(T0, T0 + 10 * DAY)]
    assert world.charges()[-1] == (10 * DAY + HOUR, "f1#1")
    assert world.amounts() == {"p1": 4900, "f1": 1344}
    assert world.finished


def test_cancel_now_replaces_a_cancellation_at_the_end() -> None:
    world = a_world().run(days=10)
    world.cancel().run(days=1)
    world.cancel(now=True).run(days=1)

    assert world.state.ended_at == T0 + 11 * DAY


def test_cancel_now_after_the_boundary_before_the_close_moves_the_boundary() -> None:
    world = a_world().run(until=T0 + MARCH + 30 * MINUTE)
    world.cancel(now=True).run(days=1)

    assert [step.end for step in world.closed] == [T0 + MARCH + 30 * MINUTE]
    assert world.amounts() == {"p1": 4900, "f1": 0}


def test_cancel_now_does_not_prolong_what_has_ended_at_the_boundary() -> None:
    world = a_world().run(days=10)
    world.cancel().run(until=T0 + MARCH + 30 * MINUTE)
    world.cancel(now=True).run(days=1)

    assert [step.end for step in world.closed] == [T0 + MARCH]


def test_cancel_now_between_close_and_issue_bills_no_new_price() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.while_in_flight(lambda world: setattr(world, "away_until", T0 + MARCH + 2 * HOUR), "ClosePeriod")
    world.run(until=T0 + MARCH + HOUR)
    issue = world.state.to_issue[0]
    assert issue.begun
    world = a_world()
    world.seconds = {1: OVER}
    world.while_in_flight(lambda world: world.cancel(now=True), "ClosePeriod").run(days=40)

    assert world.amounts() == {"p1": 4900, "p2": 1344, "f2": 0}


def test_cancel_now_while_a_closing_is_in_flight_loses_no_calls() -> None:
    world = a_world().while_in_flight(lambda world: world.cancel(now=True), "ClosePeriod")
    world.run(days=40)

    assert [(step.start, step.end) for step in world.closed] == [
        (T0, T0 + MARCH),
        (T0 + MARCH, T0 + MARCH + HOUR),
    ], "what was called between the boundary and the cancellation belongs to a period"


def test_cancel_now_leaves_an_invoice_that_is_begun_as_it_is() -> None:
    world = a_world().run(days=30)
    world.while_in_flight(lambda world: world.cancel(now=True), "IssueInvoice").run(days=10)

    assert world.amounts() == {"p1": 4900, "p2": 4900, "f2": 0}
    assert world.charges()[-1][1] == "p2#1"


def test_cancel_now_after_several_missed_boundaries() -> None:
    world = a_world().run()
    world.now = T0 + 70 * DAY
    world.cancel(now=True).run(days=1)

    assert [step.end for step in world.closed] == [T0 + MARCH, T0 + 70 * DAY]
    assert world.amounts() == {"p1": 4900, "p2": 4900, "f2": 0}


def test_cancel_now_at_the_very_instant_of_a_missed_boundary() -> None:
    world = a_world().run()
    world.now = T0 + 61 * DAY
    world.cancel(now=True).run(days=1)

    assert [step.end for step in world.closed] == [T0 + MARCH, T0 + 61 * DAY]
    assert world.amounts() == {"p1": 4900, "p2": 4900, "f2": 0}


def test_a_cancellation_in_effect_is_not_changed_by_another() -> None:
    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=10)
    world.cancel().run(until=T0 + MARCH)
    world.cancel(now=True, forgive=Forgive.ALL).run(days=1)

    assert world.amounts() == {"p1": 4900, "f1": 1344}


def test_cancel_before_the_start_bills_nothing() -> None:
    world = a_world(starts_at=T0 + 10 * DAY).run(days=1)
    world.cancel().run(days=60)

    assert world.log == []
    assert world.finished
    assert world.state.status is Status.CANCELLED


def test_cancel_while_awaiting_a_card_bills_nothing() -> None:
    world = a_world(starts_at=None, with_card=False).run(days=1)
    world.cancel()
    world.save_card().run(days=60)

    assert world.log == []
    assert world.finished


def test_cancel_while_paused_keeps_the_debt() -> None:
    world = a_world("soft").run(days=100)
    world.cancel().run(days=60)

    assert world.state.status is Status.CANCELLED
    assert world.open() == ["p1", "p2", "p3"]
    assert not world.finished
    world.save_card("mastercard").run()
    assert world.finished, "paid, and cancelled all the same"
    assert len(world.closed) == 3


# A debt that outlives its subscription


def test_the_ladder_goes_on_after_a_cancellation_and_has_no_final_action() -> None:
    world = a_world("soft").run(days=1)
    world.cancel(now=True).run(days=30)

    assert [at for at, _ in world.charges()] == [T, 3 * DAY, 8 * DAY, 15 * DAY]
    assert world.steps("TakeFinalAction") == []
    assert world.state.status is Status.CANCELLED
    assert not world.finished


def test_the_last_invoice_gets_a_ladder_of_its_own() -> None:
    world = a_world("pays", "soft")
    world.seconds = {1: OVER}
    world.run(days=10)
    world.cancel(now=True).run(days=30)

    first = 10 * DAY + HOUR
    assert [at for at, _ in world.charges()[1:]] == [first + gap * DAY for gap in (0, 3, 8, 15)]
    assert world.state.status is Status.CANCELLED


def test_the_last_invoice_is_not_forgotten_when_its_attempt_was_never_made_and_the_card_is_gone() -> None:
    world = a_world("pays", "not_made")
    world.seconds = {1: OVER}
    world.run(days=10)
    world.cancel(now=True).while_in_flight(lambda world: world.remove_card()).run(days=1)

    assert world.steps("Remind") == [(10 * DAY + HOUR, "remind:inv_demo_f1:issue:0")]
    assert world.state.ladder


def test_forgiving_nothing_leaves_the_open_invoice_owed() -> None:
    world = a_world("soft").run(days=1)
    world.cancel(now=True).run()

    assert world.open() == ["p1"]


def test_forgiving_the_open_invoices_voids_them_and_bills_the_rest() -> None:
    world = a_world("soft", "pays")
    world.seconds = {1: OVER}
    world.run(days=1)
    world.cancel(now=True, forgive=Forgive.OPEN).run(days=1)

    assert world.books.bills["inv_demo_p1"].status == "void"
    assert world.charges()[-1][1] == "f1#1"
    assert world.finished


def test_what_was_issued_at_the_very_instant_of_the_cancellation_is_forgiven() -> None:
    world = a_world("soft").run()
    world.cancel(now=True, forgive=Forgive.OPEN).run()

    assert world.books.bills["inv_demo_p1"].status == "void"


def test_forgiving_all_voids_the_open_and_bills_no_usage() -> None:
    world = a_world("soft")
    world.seconds = {1: OVER}
    world.run(days=1)
    world.cancel(now=True, forgive=Forgive.ALL).run(days=1)

    assert world.amounts() == {"p1": 4900}
    assert world.books.bills["inv_demo_p1"].status == "void"
    assert world.steps("ClosePeriod") == [(DAY + HOUR, "close:1")]
    assert world.finished


def test_forgiving_all_includes_the_invoice_that_is_being_issued() -> None:
    world = a_world().run(days=30)
    world.while_in_flight(lambda world: world.cancel(now=True, forgive=Forgive.ALL), "IssueInvoice").run(days=10)

    assert world.books.bills["inv_demo_p2"].status == "void"
    assert [name for _, name in world.charges()] == ["p1#1"]


def test_forgiveness_at_the_end_waits_for_the_end() -> None:
    world = a_world("soft").run(days=1)
    world.cancel(forgive=Forgive.OPEN).run(days=1)
    assert world.open() == ["p1"]
    world.run(days=40)

    assert world.books.bills["inv_demo_p1"].status == "void"


def test_three_unpaid_periods_end_what_was_to_be_cancelled_later() -> None:
    world = a_world("soft").run(until=T0 + 92 * DAY + 30 * MINUTE)
    world.cancel().run(days=1)

    assert world.state.status is Status.CANCELLED
    assert world.state.ended_at == T0 + 92 * DAY
    assert len(world.closed) == 3


def test_a_final_action_bills_no_price_for_the_period_that_it_ends() -> None:
    world = a_world("soft", dunning=Dunning((30, 1), final_action=Dunning().final_action.PAUSE))
    world.seconds = {1: OVER}
    world.run(until=T0 + 30 * DAY)
    world.now = T0 + 32 * DAY
    world.run()

    # Retry 2 and the closing were both due: the debt goes first, so service ends before a new period is billed.
    assert world.state.status is Status.PAUSED
    assert "p2" not in world.amounts()
