"""What stands in an attempt's way, and what a new card does about it (billing-rules 6)."""

from datetime import timedelta

import pytest
from support.world import DAY, HOUR, MINUTE, REASON, T0, World, a_world, card

from billing import debt, facts
from billing.declines import DeclineClass
from billing.state import Obstacle, Status
from billing.view import BannerKind, view

T, T3, T8, T15 = timedelta(), 3 * DAY, 8 * DAY, 15 * DAY
LADDER = [T, T3, T8, T15]


# A new card

AFTER = [pytest.param(days, id=f"day {days:g}") for days in (0.001, 2, 3, 5, 8, 12, 15, 25)]


@pytest.mark.parametrize("days", AFTER)
def test_a_new_card_is_tried_at_once_at_any_point(days: float) -> None:
    world = a_world("soft").run(days=days)
    tries = len(world.charges())
    world.save_card("mastercard").run()

    assert world.charges()[-1] == (days * DAY, f"p1#{tries + 1}")
    assert world.state.debt == ()
    assert world.state.status is Status.ACTIVE


@pytest.mark.parametrize("days", AFTER)
def test_another_bad_card_uses_nothing_up(days: float) -> None:
    world = a_world("soft").run(days=days)
    world.save_card("mastercard", "soft").run(days=40)

    assert [at for at, _ in world.charges()] == sorted([*LADDER, days * DAY])
    assert world.state.status is Status.PAST_DUE


def test_the_same_card_saved_again_is_not_a_new_one() -> None:
    world = a_world("soft").run(days=1)
    world.save_card("visa").run(days=1)

    assert len(world.charges()) == 1


def test_a_new_expiry_is_a_new_card() -> None:
    world = a_world("soft").run(days=1)
    renewed = facts.CardSaved(world.now, card("visa").__class__("pm_new", "fp_visa", 1, 2034, "visa", "4242"))
    world.learn(renewed).run()

    assert world.charges()[-1] == (DAY, "p1#2")


def test_the_same_card_reported_by_several_events_is_tried_once() -> None:
    world = a_world("soft").run(days=1)
    for _ in range(3):
        world.save_card("mastercard", "soft")
    world.run(days=0.01)
    for _ in range(3):
        world.save_card("mastercard")
    world.run(days=0.01)

    assert len(world.charges()) == 2


def test_a_new_card_pays_the_whole_debt_oldest_first() -> None:
    world = a_world("soft").run(days=40)
    world.save_card("mastercard").run()

    assert [name for _, name in world.charges()[-2:]] == ["p1#5", "p2#1"]
    assert world.state.status is Status.ACTIVE


def test_a_card_saved_while_an_attempt_is_in_flight_is_tried_if_that_fails() -> None:
    world = a_world("soft").run(days=2)
    world.while_in_flight(lambda world: world.save_card("mastercard")).run(days=1)

    assert world.charges() == [(T, "p1#1"), (T3, "p1#2"), (T3, "p1#3")]
    assert world.state.debt == ()


def test_a_card_saved_while_an_attempt_is_in_flight_is_not_tried_if_that_pays() -> None:
    world = a_world("soft", "pays").run(days=2)
    world.while_in_flight(lambda world: world.save_card("mastercard")).run(days=1)

    assert world.charges() == [(T, "p1#1"), (T3, "p1#2")]


def test_a_card_saved_without_a_debt_waits_for_the_next_invoice() -> None:
    world = a_world().run(days=1)
    world.save_card("mastercard").run(days=31)

    assert [name for _, name in world.charges()] == ["p1#1", "p2#1"]


def test_a_decline_of_what_was_voided_meanwhile_starts_no_ladder_for_the_next_invoice() -> None:
    world = a_world("processing").run(days=31.1)
    assert world.open() == ["p1", "p2"]
    world.void_elsewhere("p1")
    world.learn(facts.PaymentDeclined(world.now, world.invoice("p1"), 1, DeclineClass.SOFT, REASON, world.dunning))

    assert world.state.ladder is None
    world.cards["visa"] = ["pays"]
    at = world.run().charges()[-1]
    assert at == (world.now - T0, "p2#1"), "it gets its own attempt"


def test_parking_one_invoice_leaves_the_attempt_on_another_in_flight() -> None:
    world = a_world("processing").run(days=31.1)
    world.learn(facts.InvoiceParked(world.now, world.invoice("p2"), "impossible"))

    assert world.state.attempt
    assert world.state.attempt.invoice == world.invoice("p1")


def test_a_success_of_what_was_voided_meanwhile_ends_the_attempt() -> None:
    world = a_world("processing").run()
    world.void_elsewhere("p1")
    world.learn(facts.PaymentSucceeded(world.now, world.invoice("p1"), 1))

    assert world.state.attempt is None


def test_a_success_that_nobody_waits_for_any_more_is_believed() -> None:
    world = a_world("soft").run(days=1)
    world.books.close(world.invoice("p1"), "paid")
    world.learn(facts.PaymentSucceeded(world.now, world.invoice("p1"), 1))

    assert world.state.debt == ()
    assert world.state.ladder is None


# Hard declines


def test_a_hard_decline_keeps_the_dates_as_reminders_and_deadline() -> None:
    world = a_world("hard").run(days=20)

    assert world.charges() == [(T, "p1#1")]
    assert [at for at, _ in world.steps("Remind")] == [T3, T8, T15]
    assert world.steps("TakeFinalAction") == [(T15, "final:inv_demo_p1")]
    assert world.messages() == ["invoice_issued", "payment_failed", *["card_needed"] * 3, "past_due"]


def test_a_condemned_card_is_never_tried_again_whatever_is_asked() -> None:
    world = a_world("hard").run(days=1)
    for what in ("pay_now", "retry"):
        request = world.ask(what, "p1" if what == "pay_now" else None)
        world.run()
        answer = world.answer(request)
        assert answer
        assert (answer.result, answer.code) == ("refused", "new_card_required")
    world.save_card("mastercard", "hard").run()
    world.save_card("visa").run(days=60)

    assert len(world.charges()) == 2


def test_the_next_period_is_not_tried_on_a_condemned_card_either() -> None:
    world = a_world("hard").run(days=1)
    world.pay_elsewhere("p1").run(days=31)

    assert [name for _, name in world.charges()] == ["p1#1"]
    assert world.steps("Remind") == [(31 * DAY + HOUR, "remind:inv_demo_p2:issue:0")]
    assert world.state.ladder
    assert world.state.ladder.next_at == T0 + 34 * DAY + HOUR


# The customer must act


def test_a_card_whose_holder_must_act_is_not_tried_off_session_for_this_debt() -> None:
    world = a_world("must_act").run(days=20)

    assert world.charges() == [(T, "p1#1")]
    assert [at for at, _ in world.steps("Remind")] == [T3, T8, T15]
    assert world.messages()[1:5] == ["action_required"] * 4
    assert world.state.status is Status.PAST_DUE


def test_the_next_period_tries_that_card_again() -> None:
    world = a_world("must_act", "pays").run(days=1)
    world.pay_elsewhere("p1").run(days=31)

    assert world.charges()[-1] == (31 * DAY + HOUR, "p2#1")


def test_the_client_may_pay_on_session() -> None:
    world = a_world("must_act", "pays").run(days=1)
    request = world.ask("pay_now", "p1")
    world.run()

    answer = world.answer(request)
    assert answer
    assert answer.result == "paid"


# No card


def test_without_a_card_the_ladder_runs_from_the_issue() -> None:
    world = a_world(with_card=False).run(days=20)

    assert world.charges() == []
    assert [at for at, _ in world.steps("Remind")] == LADDER
    assert world.state.status is Status.PAST_DUE
    assert not any(i.failed for i in world.state.debt), "no card is not a failure"
    assert world.messages() == ["invoice_issued", *["card_needed"] * 4, "past_due"]


@pytest.mark.parametrize("days", [1, 5, 20])
def test_a_card_saved_late_is_tried_at_once(days: int) -> None:
    world = a_world(with_card=False).run(days=days)
    world.save_card().run()

    assert world.charges() == [(days * DAY, "p1#1")]
    assert world.state.status is Status.ACTIVE


def test_a_removed_card_turns_retries_into_reminders() -> None:
    world = a_world("soft").run(days=4)
    world.remove_card().run(days=20)

    assert [at for at, _ in world.charges()] == [T, T3]
    assert [at for at, _ in world.steps("Remind")] == [T8, T15]


def test_a_card_removed_and_saved_again_is_tried_at_once() -> None:
    world = a_world("soft").run(days=1)
    world.remove_card().save_card("visa", "pays").run()

    assert world.charges()[-1] == (DAY, "p1#2")


def test_a_repeated_reminder_never_uses_up_the_date_after_it() -> None:
    world = a_world(with_card=False)
    world.now += 4 * DAY
    world.run()
    late = next(fact for fact in world.history if isinstance(fact, facts.Reminded))
    ladder = world.state.ladder
    world.learn(late)

    assert world.state.ladder == ladder


def test_first_card_starts_with_the_card() -> None:
    world = a_world(starts_at=None, with_card=False).run(days=4)
    assert world.state.status is Status.AWAITING_CARD
    banner = view(world.state, world.now).banner
    assert banner
    assert banner.kind is BannerKind.NO_PAYMENT_METHOD

    world.save_card().run()

    assert world.state.anchor == T0 + 4 * DAY
    assert world.charges() == [(4 * DAY, "p1#1")]


def test_first_card_starts_at_once_with_a_card_on_file() -> None:
    world = a_world(starts_at=None).run()

    assert world.state.anchor == T0
    assert world.charges() == [(T, "p1#1")]


# The card cap


def tried(times: int) -> World:
    """Tried once at issue, then on Stripe's page, a minute apart."""
    world = a_world("soft").run()
    for minute in range(1, times):
        world.run(until=T0 + minute * MINUTE)
        world.fail_elsewhere("p1")
    return world


def test_a_capped_step_is_skipped_and_used_up() -> None:
    world = tried(10).run(days=20)

    assert len(world.charges()) == 1
    assert [at for at, _ in world.steps("Remind")] == [T3, T8, T15]
    assert world.messages().count("attempt_skipped") == 3
    assert world.state.status is Status.PAST_DUE


@pytest.mark.parametrize(("lost", "code"), [(False, "card_limit"), (True, "new_card_required")])
def test_what_another_subscription_did_with_the_card_is_learned_from_the_books(lost: bool, code: str) -> None:
    world = tried(3).use_by_another(7, lost=lost)
    request = world.ask("pay_now", "p1")
    world.run()
    answer = world.answer(request)
    assert answer
    assert (answer.result, answer.code) == ("refused", code)
    assert (world.state.parked, world.state.attempt) == ((), None)

    world.run(days=4)
    assert [at for at, _ in world.steps("Remind")] == [T3]
    assert world.charges() == [(T, "p1#1"), (T + 2 * MINUTE, "p1#2")], "begun, and refused by the books, but once"
    world.cards["mastercard"] = ["pays"]
    world.save_card("mastercard").run()
    assert world.state.debt == ()


@pytest.mark.parametrize(("lost", "told"), [(False, "attempt_skipped"), (True, "card_needed")])
def test_a_date_of_which_the_books_allow_no_attempt_is_skipped_and_said_so(lost: bool, told: str) -> None:
    world = tried(3).use_by_another(7, lost=lost).run(days=20)

    assert world.charges() == [(T, "p1#1"), (T3, "p1#2")], "begun, and refused by the books, but once"
    assert [at for at, _ in world.steps("Remind")] == [T3, T8, T15], "each date but once"
    assert world.messages().count(told) == 3
    assert world.state.status is Status.PAST_DUE


def test_one_try_less_is_not_capped() -> None:
    world = tried(9).run(days=20)

    assert [at for at, _ in world.charges()] == [T, T3]
    assert [at for at, _ in world.steps("Remind")] == [T8, T15]


def test_a_capped_card_says_when_it_is_possible_again() -> None:
    world = tried(10)
    request = world.ask("pay_now", "p1")
    world.run()
    answer = world.answer(request)
    assert answer
    assert (answer.result, answer.code) == ("refused", "card_limit")

    again = debt.possible_again(world.state, world.now)
    assert again == T0 + 30 * DAY
    assert debt.obstacle(world.state, again - MINUTE) is Obstacle.CARD_LIMIT
    assert debt.obstacle(world.state, again) is None
    world.cards["visa"] = ["pays"]
    world.run(until=again)
    world.ask("pay_now", "p1")
    world.run()
    assert world.charges()[-1] == (30 * DAY, "p1#2")


def test_another_card_has_a_cap_of_its_own() -> None:
    world = tried(12).save_card("mastercard").run()

    assert world.state.debt == ()


def test_a_try_elsewhere_is_counted_once_and_starts_nothing() -> None:
    world = tried(2)
    assert len(world.state.tries) == 2
    world.learn(world.history[-1]).run(days=1)

    assert len(world.state.tries) == 2
    assert len(world.charges()) == 1


def test_the_tries_that_are_kept_are_bounded() -> None:
    assert len(tried(100).state.tries) == debt.CARD_CAP
