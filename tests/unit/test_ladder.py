"""The failed-payment ladder, to the second (billing-rules 6)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.world import DAY, HOUR, MINUTE, OVER, a_world

from billing import facts
from billing.notices import notices
from billing.plans import Dunning, FinalAction
from billing.state import Status
from billing.subscription import apply
from billing.view import BannerKind, view

T, T3, T8, T15 = timedelta(), 3 * DAY, 8 * DAY, 15 * DAY


def test_three_five_and_seven_days_then_past_due() -> None:
    world = a_world("soft").run(days=30)

    assert world.charges() == [(T, "p1#1"), (T3, "p1#2"), (T8, "p1#3"), (T15, "p1#4")]
    assert world.steps("TakeFinalAction") == [(T15, "final:inv_demo_p1")]
    assert world.state.status is Status.PAST_DUE
    assert world.messages() == ["invoice_issued", *["payment_failed"] * 4, "past_due"]
    assert world.messages("agency") == [*["payment_failed"] * 4, "past_due"]
    assert [(i.failed, i.reason) for i in world.state.debt] == [(True, "Your card has insufficient funds.")]


def test_it_stays_active_while_the_ladder_runs() -> None:
    world = a_world("soft").run(days=14.9)

    assert world.state.status is Status.ACTIVE
    assert view(world.state, world.now).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("action", "status", "told"),
    [
        (FinalAction.PAST_DUE, Status.PAST_DUE, "past_due"),
        (FinalAction.PAUSE, Status.PAUSED, "paused"),
        (FinalAction.CANCEL, Status.CANCELLED, "cancelled"),
    ],
)
def test_the_final_action_comes_with_the_last_decline(action: FinalAction, status: Status, told: str) -> None:
    world = a_world("soft", dunning=Dunning(final_action=action)).run(days=15)

    assert world.state.status is status
    assert world.messages()[-1] == world.messages("agency")[-1] == told


@pytest.mark.parametrize("action", [FinalAction.PAUSE, FinalAction.CANCEL])
def test_a_final_action_that_ends_service_leaves_its_last_invoice_open_without_attempts(action: FinalAction) -> None:
    world = a_world("soft", dunning=Dunning(final_action=action))
    world.seconds = {1: OVER}
    world.run(days=60)

    assert world.open() == ["p1", "f1"]
    assert world.steps("ClosePeriod") == [(T15 + HOUR, "close:1")]
    assert len(world.charges()) == 4, "the final invoice is never tried"
    assert [debt.amount for debt in world.state.debt] == [4900, 1344]


@pytest.mark.parametrize("gaps", [(1,), (30,), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_gaps_are_the_agencys(gaps: tuple[int, ...]) -> None:
    world = a_world("soft", dunning=Dunning(gaps)).run(days=sum(gaps))

    expected = [sum(gaps[:n]) * DAY for n in range(len(gaps) + 1)]
    assert [at for at, _ in world.charges()] == expected
    assert world.steps("TakeFinalAction")[0][0] == expected[-1]


def test_a_ladder_keeps_the_settings_it_started_with() -> None:
    world = a_world("soft").run(days=1)
    world.dunning = Dunning((1,), FinalAction.CANCEL)
    world.run(days=20)

    assert [at for at, _ in world.charges()] == [T, T3, T8, T15]
    assert world.state.status is Status.PAST_DUE


@pytest.mark.parametrize(("retry", "at"), [(1, T3), (2, T8), (3, T15)])
def test_a_retry_that_pays_ends_the_ladder(retry: int, at: timedelta) -> None:
    world = a_world(*["soft"] * retry, "pays").run(days=30)

    assert world.charges()[-1] == (at, f"p1#{retry + 1}")
    assert world.state.status is Status.ACTIVE
    assert world.state.ladder is None
    assert world.messages()[-2:] == ["invoice_paid", "recovered"]
    assert world.messages("agency")[-1] == "recovered"


def test_a_gap_runs_from_the_previous_steps_actual_time() -> None:
    world = a_world("soft").run(days=2)
    world.now += 2 * DAY + 5 * HOUR  # no worker at the date of retry 1
    world.run(days=20)

    late = 4 * DAY + 5 * HOUR
    assert [at for at, _ in world.charges()] == [T, late, late + 5 * DAY, late + 12 * DAY]


def test_the_ladder_counts_from_the_attempt_not_from_its_answer() -> None:
    world = a_world("lost", "soft").run(days=20)

    assert world.steps("ChargeInvoice")[:2] == [(T, "charge:inv_demo_p1:1"), (MINUTE, "charge:inv_demo_p1:1")]
    assert [at for at, _ in world.charges()] == [T, T3, T8, T15]


# Several invoices


def test_an_invoice_issued_while_the_ladder_runs_joins_the_debt() -> None:
    world = a_world("soft", dunning=Dunning((30, 5))).run(days=31.5)
    assert world.open() == ["p1", "p2"]
    assert world.charges() == [(T, "p1#1"), (30 * DAY, "p1#2")], "no attempt of its own"

    world.cards["visa"] = ["pays"]
    world.run(days=5)

    assert world.charges()[2:] == [(35 * DAY, "p1#3"), (35 * DAY, "p2#1")], "oldest first, then the next"
    assert world.state.ladder is None


def test_the_first_decline_ends_a_step() -> None:
    world = a_world("soft", "soft", "pays", "soft", dunning=Dunning((30, 5, 7))).run(days=35)

    assert world.charges()[2:] == [(35 * DAY, "p1#3"), (35 * DAY, "p2#1")]
    assert world.open() == ["p2"]
    assert world.state.ladder
    assert world.state.ladder.next_at == world.start + 42 * DAY


def test_the_ladder_goes_on_until_the_whole_debt_is_paid() -> None:
    world = a_world("soft", dunning=Dunning((30, 5, 7))).run(days=32)
    world.pay_elsewhere("p1").run(days=3)

    assert world.charges()[-1] == (35 * DAY, "p2#1")
    assert "recovered" not in world.messages()


@pytest.mark.parametrize("how", ["pay_elsewhere", "void_elsewhere", "write_off"])
def test_what_is_settled_elsewhere_shortens_the_debt_and_never_triggers_a_charge(how: str) -> None:
    world = a_world("soft").run(days=4)
    getattr(world, how)("p1").run(days=20)

    assert len(world.charges()) == 2
    assert world.state.debt == ()
    assert world.state.ladder is None
    assert ("recovered" in world.messages()) is (how == "pay_elsewhere")


def test_voiding_one_of_two_does_not_end_the_ladder() -> None:
    world = a_world("soft", dunning=Dunning((30, 5, 7))).run(days=32)
    world.ask("void", "p1")
    world.run(days=3)

    assert world.open() == ["p2"]
    assert world.charges()[-1] == (35 * DAY, "p2#1")
    assert world.state.ladder
    assert world.state.ladder.next_at == world.start + 42 * DAY


def test_an_invoice_issued_while_past_due_gets_no_attempt_of_its_own() -> None:
    world = a_world("soft").run(days=60)

    assert world.open() == ["p1", "p2"]
    assert {name for _, name in world.charges()} == {"p1#1", "p1#2", "p1#3", "p1#4"}
    assert world.state.status is Status.PAST_DUE


def test_past_due_ends_only_when_nothing_is_open() -> None:
    world = a_world("soft").run(days=40)
    assert world.open() == ["p1", "p2"]

    world.pay_elsewhere("p1")
    assert world.state.status is Status.PAST_DUE
    world.void_elsewhere("p2")
    assert world.state.status is Status.ACTIVE


# Another attempt in flight


def test_a_date_that_falls_due_in_flight_is_used_up_by_that_attempt() -> None:
    world = a_world("soft", dunning=Dunning((3, 5))).run(days=2)
    world.while_in_flight(lambda world: world.take(2 * DAY))
    world.save_card("mastercard", "soft").run(days=30)

    # Retry 1 (day 3) fell due while the new card's attempt of day 2 was in flight: retry 2 is next, 5 days after.
    assert [at for at, _ in world.charges()] == [T, 2 * DAY, T8]
    assert world.steps("TakeFinalAction") == [(T8, "final:inv_demo_p1")]


def test_a_date_that_falls_due_with_the_outcome_is_used_up_too() -> None:
    world = a_world("soft").run(days=2)
    world.while_in_flight(lambda world: world.take(DAY))
    world.save_card("mastercard", "soft").run(days=20)

    assert [at for at, _ in world.charges()] == [T, 2 * DAY, T8, T15]


def test_a_final_action_waits_for_a_new_card_that_is_being_tried() -> None:
    world = a_world("soft").run(days=14)
    world.while_in_flight(lambda world: world.save_card("mastercard", "processing", "soft")).run(days=1.01)
    assert world.state.ladder
    assert world.state.ladder.next_at is None
    assert world.steps("TakeFinalAction") == []
    world.run(days=1)

    assert world.steps("TakeFinalAction") == [(T15 + 30 * MINUTE, "final:inv_demo_p1")]


def test_a_final_action_that_is_decided_again_is_the_same_message() -> None:
    world = a_world("soft").run(days=15)
    before, keys = replace(world.state, status=Status.ACTIVE), set()
    for minutes in (0, 1):
        taken = facts.FinalActionTaken(world.now + minutes * MINUTE, FinalAction.PAST_DUE)
        keys |= {(told.kind, told.audience, told.key) for told in notices(before, taken, apply(before, taken))}
    assert sorted((kind.value, audience) for kind, audience, _ in keys) == [
        ("past_due", "agency"),
        ("past_due", "client"),
    ]


def test_a_final_action_waits_for_the_outcome() -> None:
    world = a_world("soft", "soft", "soft", "processing", "soft").run(days=15)
    assert world.state.status is Status.ACTIVE
    assert view(world.state, world.now).banner is not None

    world.run(until=world.start + T15 + 29 * MINUTE)
    assert world.state.status is Status.ACTIVE
    world.run(days=1)

    assert world.steps("TakeFinalAction") == [(T15 + 30 * MINUTE, "final:inv_demo_p1")]


def test_a_payment_that_is_processing_is_an_attempt_in_flight() -> None:
    world = a_world("processing", "soft").run()
    banner = view(world.state, world.now).banner
    assert banner
    assert (banner.kind, banner.actions) == (BannerKind.CHECKING, ())

    world.cards["visa"] = ["processing"]
    world.save_card("mastercard").run(days=0.2)
    assert {name for _, name in world.charges()} == {"p1#1"}, "nothing else is tried"

    world.cards["visa"] = ["soft"]
    world.run(days=1)
    assert [name for _, name in world.charges()] == ["p1#1", "p1#2"], "the new card follows the failure"
    assert world.state.debt == ()


@pytest.mark.parametrize("how", ["pay_elsewhere", "void_elsewhere"])
def test_a_decline_after_paid_or_void_tells_nobody_and_starts_nothing(how: str) -> None:
    world = a_world("processing").run()
    told = len(world.messages())
    getattr(world, how)("p1")
    world.learn(world._answer_to(world.invoice("p1"), 1, "soft")).run(days=20)

    assert world.messages()[told:] == (["invoice_paid"] if how == "pay_elsewhere" else [])
    assert world.state.ladder is None
    assert len(world.charges()) == 1


# Trouble


def test_an_outage_backs_off_to_half_an_hour_and_charges_once() -> None:
    world = a_world()
    world.away_until = world.start + 3 * HOUR
    world.run(days=1)

    minutes = [int(at / MINUTE) for at, _ in world.steps("IssueInvoice")]
    assert minutes == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    assert world.charges() == [(181 * MINUTE, "p1#1")]


def test_an_outage_while_a_payment_is_processing_backs_off_from_a_minute() -> None:
    world = a_world("processing", "pays").run()
    world.away_until = world.start + 40 * MINUTE
    world.run(days=1)

    minutes = [int(at / MINUTE) for at, _ in world.steps("ChargeInvoice")]
    assert minutes == [0, 30, 31, 33, 37, 45]


def test_a_lost_answer_is_asked_for_under_the_same_number() -> None:
    world = a_world("lost", "pays").run(days=1)

    assert {key for _, key in world.steps("ChargeInvoice")} == {"charge:inv_demo_p1:1"}


def test_an_outage_never_delays_a_cancellation() -> None:
    world = a_world("soft").run(days=1)
    world.away_until = world.now + DAY
    world.ask("retry")
    world.run()
    assert world.state.backoff

    world.cancel(now=True)
    assert world.state.status is Status.CANCELLED
    assert world.answer(world.state.answers[-1].id)


def test_stripe_may_ask_for_more_patience_than_the_backoff() -> None:
    world = a_world().learn(facts.StepFailed(a_world().now, "issue:inv_demo_p1", "busy", timedelta(minutes=7)))
    world.run(days=1)

    assert world.steps("IssueInvoice")[0][0] == 7 * MINUTE


def test_an_attempt_that_was_never_made_is_made_under_the_next_number() -> None:
    world = a_world("not_made", "pays").run()

    assert [name for _, name in world.charges()] == ["p1#1", "p1#2"]
    assert len(world.state.tries) == 1, "what was not made does not count for the card cap"


def test_no_debt_is_forgotten_when_an_attempt_was_not_made_and_the_card_is_gone() -> None:
    world = a_world("not_made").while_in_flight(lambda world: world.remove_card()).run()

    assert world.steps("Remind") == [(T, "remind:inv_demo_p1:issue:0")]
    assert world.state.ladder


# Parking


def test_a_parked_invoice_is_left_alone_until_a_person_asks_for_a_retry() -> None:
    world = a_world("parks", "pays").run(days=20)
    assert len(world.charges()) == 1
    assert world.messages("agency") == ["invoice_parked"] * 3, "at once, and again after 24 and 72 hours"

    request = world.ask("retry")
    world.run()

    assert world.charges()[-1] == (20 * DAY, "p1#2")
    answer = world.answer(request)
    assert answer
    assert answer.result == "paid"


def test_a_parked_invoice_does_not_hold_up_the_next() -> None:
    world = a_world("parks", "pays").run(days=32)

    assert [name for _, name in world.charges()] == ["p1#1", "p2#1"]
    assert world.open() == ["p1"]
