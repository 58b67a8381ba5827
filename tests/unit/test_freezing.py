"""Freeze and thaw: what waits, what goes on, and how far dates move (billing-rules 8)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import DAY, HOUR, MINUTE, T0, World, a_world

from billing import facts
from billing.agenda import planned
from billing.forecast import forecast
from billing.freezing import OpenFreeze, Standing, is_frozen, learned, place_in_thaw
from billing.plans import Dunning, FinalAction
from billing.state import FreezeCause, Status
from billing.view import view

PLACE = place_in_thaw("sub_demo")
LADDER = (timedelta(), 3 * DAY, 8 * DAY, 15 * DAY)


@settings(deadline=None, max_examples=40)
@given(begins=st.integers(1, 14 * 24 * 60 - 1), lasts=st.integers(1, 200 * 24 * 60))
def test_the_dates_of_a_ladder_move_by_exactly_the_span(begins: int, lasts: int) -> None:
    frozen, span = begins * MINUTE + timedelta(seconds=17), lasts * MINUTE
    world = a_world("soft", dunning=Dunning(final_action=FinalAction.PAST_DUE)).run(until=T0 + frozen)
    world.freeze().run(until=T0 + frozen + span)
    world.thaw().run(until=T0 + span + 16 * DAY)

    tried = [offset for offset, name in world.charges() if name.startswith("p1#")]
    assert tried == [at if at < frozen else at + span for at in LADDER]


@settings(deadline=None, max_examples=40)
@given(
    begins=st.integers(0, 70 * 24),
    lasts=st.integers(1, 60 * 24),
    cause=st.sampled_from(["restricted", "disconnected"]),
    script=st.lists(st.sampled_from(["soft", "pays", "lost", "processing"]), min_size=1, max_size=3),
)
def test_nothing_is_begun_while_frozen_and_every_period_is_billed_once(
    begins: int, lasts: int, cause: FreezeCause, script: list[str]
) -> None:
    world = a_world(*script, "pays").run(until=T0 + begins * HOUR)  # type: ignore[arg-type]
    mailed = world.messages()
    world.freeze(cause=cause).run(days=lasts / 24)  # the world refuses every step that may not be taken
    assert world.messages() == mailed, "clients are not written to"
    world.thaw().run(days=70)

    assert world.state.status is Status.ACTIVE
    numbers = [step.number for step in world.closed]
    assert numbers == list(range(1, len(numbers) + 1)), "closes went on"
    assert set(world.amounts()) == {f"p{n}" for n in range(1, len(numbers) + 2)}, "each period has its invoice"
    assert all(bill.paid in (0, bill.amount) for bill in world.books.bills.values())


def test_boundaries_and_closes_go_on_and_their_invoices_wait_for_the_thaw_oldest_first() -> None:
    world = a_world().run(days=20).freeze().run(days=50)

    assert [step.number for step in world.closed] == [1, 2]
    assert world.state.period is not None
    assert world.state.period.number == 3
    assert [issue.source for issue in world.state.to_issue] == ["2", "3"]
    assert list(world.amounts()) == ["p1"]

    world.thaw().run(days=1)
    issued = world.steps("IssueInvoice")[1:]
    assert issued == [(70 * DAY + PLACE, "issue:inv_demo_p2"), (70 * DAY + PLACE, "issue:inv_demo_p3")]
    assert world.charges()[1:] == [(70 * DAY + PLACE, "p2#1"), (70 * DAY + PLACE, "p3#1")]


def test_subscriptions_are_spread_over_the_hour_each_always_at_its_place() -> None:
    places = [place_in_thaw(f"sub_{number}") for number in range(600)]

    assert places == [place_in_thaw(f"sub_{number}") for number in range(600)]
    assert all(timedelta() <= place < HOUR for place in places)
    tenths = [sum(n * 6 * MINUTE <= place < (n + 1) * 6 * MINUTE for place in places) for n in range(10)]
    assert min(tenths) > 30, tenths


def test_an_attempt_in_flight_is_read_while_frozen_and_at_once_after_the_thaw() -> None:
    read = a_world("lost").run().freeze()
    assert read.state.attempt is not None
    read.run(days=1)
    assert read.state.attempt is None
    assert read.charges() == [(timedelta(), "p1#1")], "nothing else was tried"
    assert read.state.ladder is not None

    left = a_world("lost").run().freeze(cause="disconnected").run(days=9)
    assert left.state.attempt is not None, "nothing of the account can be read"
    left.thaw().run()
    assert left.state.attempt is None
    assert left.log[-1].offset == 9 * DAY, "settled before anything else"
    assert left.state.ladder is not None
    assert left.state.ladder.next_at == T0 + 3 * DAY + 9 * DAY, "its gap runs without the freeze too"


def test_a_card_saved_meanwhile_is_tried_at_the_thaw() -> None:
    world = a_world("soft").run(days=1).freeze().run(days=1).save_card("mastercard").run(days=4)
    assert world.charges() == [(timedelta(), "p1#1")]

    world.thaw().run()
    assert world.charges()[1:] == [(6 * DAY, "p1#2")]


def test_a_step_that_the_freeze_stopped_keeps_its_date() -> None:
    def refused(world: World) -> None:
        attempt = world.state.attempt
        assert attempt is not None
        world.books.charges[attempt.invoice, attempt.number] = "not_made"
        world.freeze()

    world = a_world("soft").run(days=2).while_in_flight(refused)
    world.run(days=4)
    assert world.state.sweep is None
    assert world.state.ladder is not None
    assert (world.state.ladder.used, world.state.ladder.next_at) == (0, T0 + 3 * DAY)

    world.thaw().run(days=1)
    assert world.charges()[-1] == (6 * DAY, "p1#3"), "three days of the gap were over when the account froze"


def test_what_people_ask_for_is_refused_while_frozen() -> None:
    world = a_world("soft").run(days=1).freeze()

    for what, invoice in (("pay_now", "p1"), ("retry", None), ("void", "p1")):
        answer = world.answer(world.ask(what, invoice))
        assert answer is not None
        assert (answer.result, answer.code) == ("refused", "agency_frozen")


@pytest.mark.parametrize("what", ["void", "write_off", "mark_paid"])
def test_what_a_person_asks_after_the_thaw_does_not_wait_for_its_hour(what: str) -> None:
    world = a_world("soft").run(days=1).freeze().run(days=1).thaw()
    request = world.ask(what, "p1")
    world.run()
    assert (world.answer(request) is not None, world.open()) == (True, [])


def test_a_cancellation_is_taken_while_frozen_and_its_last_invoice_waits() -> None:
    world = a_world().run(days=10).freeze()
    world.seconds = {1: 40_000}
    world.cancel(now=True).run(days=2)
    assert world.state.status is Status.CANCELLED
    assert [issue.kind for issue in world.state.to_issue] == ["final"]

    world.thaw().run(days=1)
    assert world.finished
    assert world.amounts()["f1"] > 0


def test_people_see_the_state_before_and_the_schedule_says_what_is_waited_for() -> None:
    world = a_world("soft").run(days=1)
    before = view(world.state, world.now)
    world.freeze().run(days=1)
    shown = view(world.state, world.now)

    assert (shown.status, shown.current_period) == (before.status, before.current_period)
    assert shown.banner is not None
    assert before.banner is not None
    assert shown.banner.kind is before.banner.kind
    assert (shown.banner.tries, shown.banner.actions) == ((), ("update_payment_method",))
    items = planned(world.state)
    assert items[0].action == "frozen"
    assert items[0].detail == "frozen since 2026-03-02 00:00 UTC: waits for the account to be restored"
    assert "retry 1 of 3, frozen" in [item.detail for item in items]
    details = [item.detail for item in items]
    assert "period 1 closes" in details
    assert {"retry 3 of 3, frozen", "all retries failed: past due, frozen"} <= set(details), "what is announced too"
    assert "price of period 2 and overage of period 1, frozen" in details
    told = forecast(
        world.state, world.now, months=2, seconds_per_month=0, card_works=lambda at: True, dunning=Dunning()
    )
    assert told == (), "nothing is foretold that waits for the account"


def test_what_is_cancelled_stands_still_while_something_of_it_waits() -> None:
    owing = a_world("soft").run(days=1).freeze().cancel(now=True).run(days=1)
    assert planned(owing.state)[0].action == "frozen"
    billed = a_world().run(days=1).freeze().cancel(now=True)
    billed.seconds = {1: 40_000}
    assert [item.action for item in planned(billed.run(days=1).state)] == ["frozen", "issue_invoice"]


def test_a_statement_waits_for_no_account() -> None:
    world = a_world().run(days=1).freeze()
    manual = replace(world.state, manual=True)
    told = [item.detail for state in (world.state, manual) for item in planned(state) if item.action == "issue_invoice"]
    price = "price of period 2 and overage of period 1"
    assert told == [f"{price}, frozen", price]


def test_a_fallen_tier_stops_at_the_end_of_the_open_period() -> None:
    world = a_world("soft").run(days=1).freeze(cause="tier").run(days=90)
    assert [offset for offset, _ in world.charges()] == list(LADDER), "until then all goes on"
    assert list(world.amounts()) == ["p1"]
    assert world.state.status is Status.PAST_DUE

    world.thaw().run(days=1)
    assert list(world.amounts()) == ["p1", "p2", "p3"]


def test_a_tier_that_is_raised_before_the_period_ends_changes_nothing() -> None:
    world = a_world().run(days=1).freeze(cause="tier").run(days=5).thaw().run(days=60)

    assert world.state.resumes_at is None
    assert [offset for offset, _ in world.charges()] == [timedelta(), 31 * DAY + HOUR, 61 * DAY + HOUR]


def test_two_freezes_at_once_are_one_span() -> None:
    world = a_world("soft").run(days=1).freeze(1, "tier").run(days=1)
    world.state = replace(world.state, freezes=(replace(world.state.freezes[0], since=T0 + 2 * DAY),))
    world.run(days=1).freeze(2).run(days=1).thaw(1)
    assert is_frozen(world.state, world.now)
    world.run(days=1).thaw(2)

    assert world.state.ladder is not None
    assert world.state.ladder.next_at == T0 + 3 * DAY + 3 * DAY


def test_an_account_that_leaves_while_restricted_is_the_same_freeze() -> None:
    world = a_world("soft").run(days=1).freeze().run(days=1).freeze(cause="disconnected")
    freeze = world.state.freezes[0]

    assert (freeze.cause, freeze.since) == ("disconnected", T0 + DAY)
    assert len(world.state.freezes) == 1


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (Standing(), []),
        (Standing(open=(OpenFreeze(1, "restricted", T0),)), []),
        (Standing(open=(OpenFreeze(1, "disconnected", T0),)), ["AccountFrozen"]),
        (Standing(lifted=((1, T0 + DAY),)), ["AccountThawed"]),
        (
            Standing(open=(OpenFreeze(2, "restricted", T0 + 2 * DAY),), lifted=((1, T0 + DAY),)),
            ["AccountThawed", "AccountFrozen"],
        ),
    ],
    ids=["as before, then gone", "known", "it left since", "restored", "restored and restricted again"],
)
def test_whatever_was_missed_a_reading_tells_what_is_new(standing: Standing, told: list[str]) -> None:
    world = a_world("soft").run().freeze()

    assert [fact.kind for fact in learned(world.state, standing)] == told


def test_a_freeze_and_a_thaw_that_were_both_missed_are_nothing() -> None:
    assert list(learned(a_world().state, Standing(lifted=((1, T0),)))) == []


def test_a_subscription_of_which_nothing_is_left_learns_nothing() -> None:
    world = a_world().run(days=1).cancel(now=True).run(days=1)

    assert world.finished
    assert list(learned(world.state, Standing(open=(OpenFreeze(1, "restricted", T0),)))) == []


def test_an_old_freeze_never_begins_again() -> None:
    world = a_world().run(days=1).freeze().run(days=1).thaw()
    frozen = next(fact for fact in world.history if isinstance(fact, facts.AccountFrozen))

    assert world.learn(frozen).state.freezes == ()


def test_another_account_ends_a_subscription_where_it_stands_and_nothing_old_is_collected() -> None:
    world = a_world("soft").run(days=20).freeze(cause="disconnected").run(days=15)
    world.books.bills.clear()  # they stay in the account that was left
    world.freezes.clear()
    world.learn(facts.AccountReplaced(world.now)).run(days=60)

    assert world.finished
    assert [step.number for step in world.closed] == [1, 2], "its period is closed in the books"
    assert world.amounts() == {}, "and not billed"
    assert (world.state.status, world.state.debt, world.state.card) == (Status.CANCELLED, (), None)
    assert planned(world.state) == (), "nothing stands still of what has ended"
    assert world.messages()[-1] == "card_needed"


def test_a_cancellation_that_was_agreed_bills_nothing_more_either() -> None:
    world = a_world().run(days=20).cancel().freeze(cause="disconnected").run(days=11)
    world.learn(facts.AccountReplaced(world.now)).run(days=60)

    assert world.finished
    assert list(world.amounts()) == ["p1"]


def test_a_reading_tells_that_another_account_took_the_place() -> None:
    standing = Standing((OpenFreeze(1, "disconnected", T0, T0 + DAY),))
    told = list(learned(a_world().run().state, standing))

    assert told == [facts.AccountFrozen(T0, 1, "disconnected"), facts.AccountReplaced(T0 + DAY)]
