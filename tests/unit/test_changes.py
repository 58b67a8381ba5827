"""Changing the plan in a subscription's life: when it holds, what it bills, and what refuses it (billing-rules 7)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.world import DAY, HOUR, T0, TERMS, World, a_world

from billing import changes
from billing.agenda import next_step, planned
from billing.forecast import forecast
from billing.plans import Dunning, FinalAction
from billing.prorating import terms_in
from billing.state import Forgive, Period, Status
from billing.steps import IssueInvoice
from billing.view import next_invoice

T, MARCH = timedelta(), 31 * DAY
BIG = replace(TERMS, plan="pln_max", name="Voice Max", price=9900, included_minutes=1200)
SMALL = replace(TERMS, plan="pln_min", name="Voice Min", price=1900, included_minutes=300, overage_rate="20")


def included(world: World) -> int:
    assert world.state.period
    return terms_in(world.state, world.state.period).included_minutes


def test_an_upgrade_is_billed_at_once_and_the_anchor_stays() -> None:
    world = a_world().run(days=10)
    world.change_plan(BIG).run(days=1)

    assert world.amounts() == {"p1": 4900, "c1": 3387}
    assert world.charges() == [(T, "p1#1"), (10 * DAY, "c1#1")]
    assert included(world) == 974
    world.run(days=30)
    assert world.amounts() == {"p1": 4900, "c1": 3387, "p2": 9900}
    assert world.state.period
    assert world.state.period.start == T0 + MARCH
    assert included(world) == 1200


def test_all_the_overage_of_the_period_is_at_the_newest_rate_and_the_joined_allowance() -> None:
    world = a_world()
    world.seconds = {1: 975 * 60}
    world.run(days=10)
    world.change_plan(replace(BIG, overage_rate="50")).run(days=25)

    assert world.amounts()["p2"] == 9900 + 50


def test_a_downgrade_holds_from_the_next_boundary() -> None:
    world = a_world()
    world.seconds = {1: 512 * 60, 2: 301 * 60}
    world.run(days=10)
    world.change_plan(SMALL).run(days=1)

    assert world.state.terms == TERMS
    assert world.amounts() == {"p1": 4900}
    world.run(days=55)
    assert world.amounts() == {"p1": 4900, "p2": 1900 + 144, "p3": 1900 + 20}


def test_a_downgrade_now_charges_nothing_and_leaves_a_credit() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL, "now")

    step = next_step(world.state, world.now)
    assert isinstance(step, IssueInvoice)
    assert step.issue.change
    assert (step.issue.change.credit, step.issue.change.charge, step.issue.amount) == (3319, 1287, 0)
    world.run(days=1)
    assert world.amounts()["c1"] == 0
    assert not world.state.debt


def test_several_changes_in_one_period_each_bill_their_own_rest() -> None:
    world = a_world().run(days=10)
    world.change_plan(BIG).run(days=10)
    world.change_plan(replace(SMALL, price=4900), "now").run(days=1)

    assert included(world) == 654
    assert [segment.included_minutes for segment in world.state.segments] == [500, 1200]


def test_a_change_accepted_after_a_boundary_waits_for_that_boundarys_invoice() -> None:
    world = a_world(grace=HOUR)
    world.seconds = {1: 512 * 60}
    world.run(days=31)
    at = world.now + HOUR / 2
    world.now = at
    world.change_plan(BIG)

    assert world.state.terms == TERMS, "the old period is still priced by the old plan"
    world.run(days=1)
    assert world.amounts() == {"p1": 4900, "p2": 4900 + 144, "c1": 4996}
    assert [key for _, key in world.steps("IssueInvoice")][-2:] == ["issue:inv_demo_p2", "issue:inv_demo_c1"]
    assert world.state.segments[0].left == 30 * 24 * 3600 - 1800, "prorated from its acceptance"


def test_a_change_while_the_boundarys_invoice_waits_for_stripe_is_billed_behind_it() -> None:
    world = a_world(grace=T)
    world.seconds = {1: 512 * 60}
    world.run(days=30)
    world.away_until = T0 + MARCH + DAY
    world.run(days=1, until=T0 + MARCH + HOUR)
    world.change_plan(BIG).run(days=3)

    assert world.amounts()["p2"] == 4900 + 144
    assert [key for _, key in world.steps("IssueInvoice")][-2:] == ["issue:inv_demo_p2", "issue:inv_demo_c1"]


def test_a_change_at_the_last_instant_of_a_period_bills_its_last_second() -> None:
    world = a_world(grace=T).run(until=T0 + MARCH - timedelta(seconds=1))
    world.change_plan(replace(BIG, price=100_000_000)).run(days=1)

    # 100000000 and 4900 over the 2678400 seconds of March
    assert world.amounts()["c1"] == 37


def test_one_change_is_pending_at_a_time_and_can_be_taken_back() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL)
    assert changes.refusal(world.state, world.now, BIG, now=True) == "change_pending"
    world.undo_change().run(days=25)

    assert world.amounts() == {"p1": 4900, "p2": 4900}
    assert changes.undo_refusal(world.state, world.now) == "no_pending_change"


def test_from_the_boundary_on_a_change_stands() -> None:
    world = a_world(grace=HOUR).run(days=10)
    world.change_plan(SMALL).run(until=T0 + MARCH)

    assert changes.undo_refusal(world.state, world.now) == "no_pending_change"
    world.undo_change().run(days=1)
    assert world.amounts()["p2"] == 1900


def test_a_repeated_change_does_not_return_after_it_was_taken_back() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL)
    request = world.history[-1]
    world.undo_change().learn(request)

    assert not world.state.changes


@pytest.mark.parametrize("effective", ["now", "period_end"])
def test_before_the_start_the_terms_are_replaced(effective: changes.Effective) -> None:
    world = a_world(starts_at=T0 + 5 * DAY).run(days=1)
    world.change_plan(SMALL, effective).run(days=5)

    assert world.amounts() == {"p1": 1900}


def test_while_a_card_is_awaited_the_terms_are_replaced() -> None:
    world = a_world(starts_at=None, with_card=False)
    world.change_plan(SMALL)
    world.save_card().run(days=1)

    assert world.amounts() == {"p1": 1900}


def test_a_first_period_that_is_given_free_stays_free() -> None:
    world = a_world(starts_at=T0 + 5 * DAY, first_free=True)
    world.change_plan(BIG).run(days=6)

    assert world.amounts() == {"p1": 0}


# What refuses it


def test_a_change_now_is_refused_while_a_debt_is_open_and_one_at_the_end_is_not() -> None:
    world = a_world("soft").run(days=1)

    assert changes.refusal(world.state, world.now, BIG, now=True) == "payment_overdue"
    assert changes.refusal(world.state, world.now, SMALL, now=False) is None


def test_the_same_plan_is_no_change_and_its_next_version_is_one() -> None:
    world = a_world().run(days=1)

    assert changes.refusal(world.state, world.now, replace(TERMS), now=True) == "no_change"
    assert changes.refusal(world.state, world.now, replace(TERMS, version=2), now=True) is None


def test_another_currency_is_refused() -> None:
    world = a_world().run(days=1)

    assert changes.refusal(world.state, world.now, replace(BIG, currency="eur"), now=True) == "currency_not_supported"


def test_a_cancelled_and_a_paused_subscription_are_not_changed() -> None:
    cancelled = a_world().run(days=10).cancel(now=True)
    paused = a_world("soft", dunning=Dunning(final_action=FinalAction.PAUSE)).run(days=20)
    assert paused.state.status is Status.PAUSED

    assert changes.refusal(cancelled.state, cancelled.now, BIG, now=True) == "already_cancelled"
    assert changes.refusal(paused.state, paused.now, BIG, now=True) == "subscription_paused"
    assert cancelled.change_plan(BIG).state.terms == paused.change_plan(BIG).state.terms == TERMS


def test_with_a_cancellation_agreed_there_is_no_later_period_to_change() -> None:
    world = a_world().run(days=10).cancel()

    assert changes.refusal(world.state, world.now, SMALL, now=False) == "cancel_pending"
    assert changes.refusal(world.state, world.now, BIG, now=True) is None


# Beside an end of service


def test_a_cancellation_at_the_end_drops_the_pending_change() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL).cancel().undo_cancel().run(days=25)

    assert world.amounts()["p2"] == 4900


def test_a_cancel_now_before_the_boundarys_invoice_drops_the_change_behind_it() -> None:
    world = a_world(grace=T).run(days=30)
    world.away_until = T0 + MARCH + DAY
    world.run(until=T0 + MARCH)
    world.state = replace(world.state, to_issue=tuple(replace(i, begun=False) for i in world.state.to_issue))
    world.change_plan(BIG).cancel(now=True).run(days=3)

    assert "c1" not in world.amounts()
    assert world.amounts()["p2"] == 0


def test_a_cancel_now_within_the_grace_drops_what_waits_for_the_boundary() -> None:
    world = a_world(grace=HOUR).run(until=T0 + MARCH)
    world.change_plan(BIG).cancel(now=True).run(days=3)

    assert set(world.amounts()) == {"p1", "f1"}


def test_with_all_forgiven_the_credit_of_a_change_stays() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL, "now").cancel(now=True, forgive=Forgive.ALL)

    assert [issue.source for issue in world.state.to_issue] == ["chg_c1"]


def test_a_change_that_was_agreed_before_an_unpaid_pause_holds_from_the_resume() -> None:
    world = a_world("soft", dunning=Dunning(final_action=FinalAction.PAUSE)).run(days=10)
    world.change_plan(SMALL).run(days=10)
    assert world.state.status is Status.PAUSED
    for short in world.open():
        world.pay_elsewhere(short)
    world.run(days=1)

    assert world.state.terms == SMALL
    assert world.amounts()["p2"] == 1900
    assert not world.state.changes


def test_a_change_invoice_that_fails_is_a_debt_like_any_other() -> None:
    world = a_world("pays", "soft", "pays").run(days=10)
    world.change_plan(BIG).run(days=1)
    assert world.open() == ["c1"]
    assert world.state.ladder
    world.run(days=10)

    assert world.charges() == [(T, "p1#1"), (10 * DAY, "c1#1"), (13 * DAY, "c1#2")]


def test_a_change_that_was_agreed_beside_a_pause_holds_from_the_resume() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL).pause()
    assert changes.refusal(world.state, world.now, SMALL, now=False) == "change_pending"
    world.run(days=30)
    world.resume()
    world.run(days=1)

    assert world.state.terms == SMALL
    assert world.amounts()["p2"] == 1900


# What people see of it


def test_the_schedule_and_the_next_invoice_know_the_coming_plan() -> None:
    world = a_world().run(days=10)
    world.change_plan(SMALL)

    (change,) = [item for item in planned(world.state) if item.action == "change_plan"]
    assert (change.at, change.amount, change.detail) == (T0 + MARCH, 1900, "the plan becomes Voice Min")
    assert next_invoice(world.state, 100) == (T0 + MARCH + HOUR, 2000)
    coming = Period(2, 1, T0 + MARCH, T0 + MARCH + 30 * DAY)
    assert terms_in(world.state, coming).included_minutes == 300


def test_the_coming_period_knows_what_a_change_within_the_grace_makes_of_its_allowance() -> None:
    world = a_world(grace=DAY).run(until=T0 + MARCH + 12 * HOUR)
    world.change_plan(BIG)
    coming = Period(2, 1, T0 + MARCH, T0 + MARCH + 30 * DAY)
    foreseen = terms_in(world.state, coming)
    world.run(days=1)

    assert foreseen == terms_in(world.state, coming)
    assert foreseen.included_minutes == (500 * 12 + 1200 * (30 * 24 - 12)) // (30 * 24)


def test_the_forecast_knows_the_change() -> None:
    world = a_world().run(days=10)
    world.change_plan(BIG)
    entries = forecast(
        world.state, world.now, months=2, seconds_per_month=980 * 60, card_works=_works, dunning=Dunning()
    )

    assert [entry.amount for entry in entries if entry.event == "invoice"] == [3387, 9900 + 72, 9900]


def _works(_: datetime) -> bool:
    return True
