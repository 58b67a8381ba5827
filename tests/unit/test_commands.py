"""What people ask for: pay now, retry and void, and what they are answered (billing-rules 6)."""

from datetime import timedelta

import pytest
from support.world import DAY, MINUTE, World, a_world

from billing.plans import Dunning
from billing.requests import ANSWERS_KEPT, cancel_refusal, refusal, undo_refusal
from billing.state import Status

T, T3 = timedelta(), 3 * DAY


def answered(world: World, request: str) -> tuple[str, str | None]:
    answer = world.answer(request)
    assert answer, f"{request} is not answered"
    return answer.result, answer.code


@pytest.mark.parametrize("days", [1, 3, 5, 14, 25])
def test_pay_now_is_tried_at_once_at_any_point_and_uses_nothing_up(days: int) -> None:
    world = a_world("soft").run(days=days)
    request = world.ask("pay_now", "p1")
    world.run()
    assert answered(world, request) == ("failed", None)

    world.run(days=40)
    assert [at for at, _ in world.charges()] == sorted([T, T3, 8 * DAY, 15 * DAY, days * DAY])


def test_pay_now_that_pays_ends_the_ladder() -> None:
    world = a_world("soft", "pays").run(days=1)
    request = world.ask("pay_now", "p1")
    world.run(days=20)

    assert answered(world, request) == ("paid", None)
    assert world.charges() == [(T, "p1#1"), (DAY, "p1#2")]


def test_pay_now_tries_the_invoice_it_names_first_then_the_oldest() -> None:
    world = a_world("soft").run(days=70)
    world.cards["visa"] = ["pays", "pays", "soft"]
    request = world.ask("pay_now", "p2")
    world.run()

    assert answered(world, request) == ("paid", None)
    assert [name for _, name in world.charges()[-3:]] == ["p2#1", "p1#5", "p3#1"]
    assert world.open() == ["p3"], "the first decline ends the step"


def test_the_first_decline_of_pay_now_ends_it() -> None:
    world = a_world("soft").run(days=40)
    world.ask("pay_now", "p2")
    world.run()

    assert world.charges()[-1][1] == "p2#1"


def test_pay_now_joins_an_attempt_in_flight() -> None:
    world = a_world("soft", "pays").run(days=2)
    world.while_in_flight(lambda world: world.ask("pay_now", "p1", id="mine")).run(days=1)

    assert answered(world, "mine") == ("paid", None)
    assert len(world.charges()) == 2


def test_two_who_ask_share_one_attempt() -> None:
    world = a_world("soft").run(days=1)
    first, second = world.ask("pay_now", "p1", id="one"), world.ask("pay_now", "p1", id="two")
    world.run()

    assert answered(world, first) == answered(world, second) == ("failed", None)
    assert len(world.charges()) == 2


def test_two_who_ask_for_different_invoices_both_get_an_answer() -> None:
    world = a_world("soft").run(days=40)
    world.cards["visa"] = ["pays"]
    first, second = world.ask("pay_now", "p2", id="one"), world.ask("pay_now", "p1", id="two")
    world.run()

    assert answered(world, first) == answered(world, second) == ("paid", None)
    assert [name for _, name in world.charges()[-2:]] == ["p2#1", "p1#5"]


def test_pay_now_says_that_the_customer_must_act() -> None:
    world = a_world("must_act").run(days=1)
    request = world.ask("pay_now", "p1")
    world.run()

    assert answered(world, request)[0] == "action_required"
    assert len(world.charges()) == 2


def test_pay_now_says_that_the_payment_is_processing() -> None:
    world = a_world("soft", "processing").run(days=1)
    request = world.ask("pay_now", "p1")
    world.run()

    assert answered(world, request) == ("processing", None)
    assert world.state.attempt
    assert world.state.attempt.on_session


@pytest.mark.parametrize("what", ["pay_now", "retry"])
def test_nobody_is_kept_waiting_for_a_payment_that_is_processing(what: str) -> None:
    world = a_world("processing").run()
    request = world.ask(what, "p1" if what == "pay_now" else None)

    assert answered(world, request) == ("processing", None)
    assert [name for _, name in world.charges()] == ["p1#1"]


@pytest.mark.parametrize(("outcome", "result"), [("pays", "paid"), ("soft", "failed"), ("must_act", "action_required")])
def test_who_was_told_that_it_is_processing_learns_the_outcome_when_asking_again(outcome: str, result: str) -> None:
    world = a_world("soft", "processing").run(days=1)
    first = world.ask("pay_now", "p1")
    world.run()
    late = world.ask("retry")
    assert answered(world, first) == answered(world, late) == ("processing", None)

    world.cards["visa"] = [outcome]  # type: ignore[list-item]
    world.run(days=1)
    assert answered(world, first)[0] == answered(world, late)[0] == result


def test_a_processing_payment_that_is_settled_elsewhere_answers_who_asked_for_it() -> None:
    world = a_world("soft", "processing").run(days=1)
    request = world.ask("pay_now", "p1")
    world.run().void_elsewhere("p1")

    assert answered(world, request) == ("refused", "invoice_not_open")


def test_what_comes_of_one_invoice_is_not_told_to_who_asked_for_another() -> None:
    world = a_world("processing").run(days=31.1)
    request = world.ask("pay_now", "p2")
    assert answered(world, request)[0] == "processing"
    world.pay_elsewhere("p1")

    assert answered(world, request)[0] == "processing"


def test_pay_now_that_is_paid_elsewhere_meanwhile_is_paid() -> None:
    world = a_world("soft").run(days=1)
    request = world.ask("pay_now", "p1")
    world.pay_elsewhere("p1").run()

    assert answered(world, request) == ("paid", None)
    assert len(world.charges()) == 1


def refused_worlds() -> list[tuple[str, World]]:
    hard = a_world("hard").run(days=1)
    bare = a_world(with_card=False).run(days=1)
    parked = a_world("parks").run(days=1)
    paid = a_world().run(days=1)
    return [
        ("new_card_required", hard),
        ("no_payment_method", bare),
        ("invoice_parked", parked),
        ("invoice_not_open", paid),
    ]


@pytest.mark.parametrize(("code", "world"), refused_worlds(), ids=lambda value: value if isinstance(value, str) else "")
def test_pay_now_is_refused_with_the_apis_words(code: str, world: World) -> None:
    charges = len(world.charges())
    assert refusal(world.state, world.now, world.invoice("p1"), on_session=True) == code
    request = world.ask("pay_now", "p1")
    world.run()

    assert answered(world, request) == ("refused", code)
    assert len(world.charges()) == charges


def test_a_request_that_was_answered_is_not_done_again() -> None:
    world = a_world("soft").run(days=1)
    world.ask("pay_now", "p1", id="same")
    world.run(days=0.1)
    world.ask("pay_now", "p1", id="same")
    world.run(days=0.1)

    assert len(world.charges()) == 2


def test_the_last_answers_are_kept() -> None:
    world = a_world("hard").run(days=1)
    for n in range(ANSWERS_KEPT + 5):
        world.ask("pay_now", "p1", id=f"ask {n}")

    assert [a.id for a in world.state.answers] == [f"ask {n}" for n in range(5, ANSWERS_KEPT + 5)]


def test_who_waits_for_an_invoice_that_is_parked_is_told_so() -> None:
    world = a_world("soft", "parks").run(days=2)
    world.while_in_flight(lambda world: world.ask("pay_now", "p1", id="mine")).run(days=2)

    assert answered(world, "mine") == ("refused", "invoice_parked")


def test_who_waits_for_another_invoice_than_the_parked_one_is_served() -> None:
    world = a_world("soft", dunning=Dunning((30, 5))).run(days=34)
    world.cards["visa"] = ["parks"]
    world.while_in_flight(lambda world: world.ask("void", "p2", id="void")).run(days=2)

    assert answered(world, "void") == ("done", None)
    assert world.open() == ["p1"]


# Retry


def test_the_agencys_retry_tries_the_oldest_and_goes_on() -> None:
    world = a_world("soft").run(days=40)
    world.cards["visa"] = ["pays"]
    request = world.ask("retry")
    world.run()

    assert answered(world, request) == ("paid", None)
    assert [name for _, name in world.charges()[-2:]] == ["p1#5", "p2#1"]


def test_a_retry_is_off_session() -> None:
    world = a_world("must_act").run(days=1)
    request = world.ask("retry")
    world.run()

    assert answered(world, request) == ("refused", "action_required")


def test_a_retry_without_a_debt_has_nothing_to_collect() -> None:
    world = a_world().run(days=1)
    assert answered(world, world.ask("retry")) == ("refused", "nothing_to_collect")


def test_a_retry_lets_a_parked_issue_go_on() -> None:
    from billing import facts

    world = a_world().learn(facts.InvoiceParked(a_world().now, "inv_demo_p1", "lines differ")).run(days=1)
    assert world.steps("IssueInvoice") == []
    request = world.ask("retry")
    world.run()

    assert answered(world, request) == ("done", None)
    assert world.charges() == [(DAY, "p1#1")]


def test_a_retry_that_nothing_can_be_done_for_still_leaves_the_invoice_an_owner() -> None:
    world = a_world("parks").run()
    world.remove_card().run(days=1)
    request = world.ask("retry")
    world.run()

    assert answered(world, request) == ("refused", "no_payment_method")
    assert world.steps("Remind") == [(DAY, "remind:inv_demo_p1:issue:0")]


# Void


def test_void_ends_the_ladder_of_the_last_invoice() -> None:
    world = a_world("soft").run(days=1)
    request = world.ask("void", "p1")
    world.run(days=20)

    assert answered(world, request) == ("done", None)
    assert len(world.charges()) == 1
    assert world.state.ladder is None


def test_void_waits_for_an_attempt_in_flight_and_is_refused_when_it_paid() -> None:
    world = a_world("soft", "pays").run(days=2)
    world.while_in_flight(lambda world: world.ask("void", "p1", id="void")).run(days=1)

    assert answered(world, "void") == ("refused", "invoice_paid")


def test_void_comes_before_any_further_attempt() -> None:
    world = a_world("soft").run(days=2)
    world.while_in_flight(lambda world: world.ask("void", "p1", id="void") and world.save_card("mastercard"))
    world.run(days=1)

    assert answered(world, "void") == ("done", None)
    assert len(world.charges()) == 2


def test_void_of_what_is_not_open_is_refused() -> None:
    world = a_world().run()
    assert answered(world, world.ask("void", "p1")) == ("refused", "invoice_not_open")


def test_void_waits_for_stripe_and_nothing_is_charged_meanwhile() -> None:
    world = a_world("soft").run(days=2.9)
    world.away_until = world.now + DAY
    request = world.ask("void", "p1")
    world.run(days=2)

    assert answered(world, request) == ("done", None)
    assert len(world.charges()) == 1


# Refusals that validators give


def test_a_cancellation_can_be_refused() -> None:
    world = a_world().run(days=1)
    assert cancel_refusal(world.state, world.now, now=False) is None
    assert undo_refusal(world.state, world.now) == "no_pending_cancel"

    world.cancel()
    assert cancel_refusal(world.state, world.now, now=False) == "cancel_pending"
    assert cancel_refusal(world.state, world.now, now=True) is None
    assert undo_refusal(world.state, world.now) is None

    over = world.start + 31 * DAY
    assert cancel_refusal(world.state, over, now=True) == "already_cancelled", "its instant has come"
    assert undo_refusal(world.state, over) == "no_pending_cancel"


def test_a_paused_subscription_can_be_cancelled_either_way() -> None:
    world = a_world("soft").run(days=100)
    assert world.state.status is Status.PAUSED
    assert cancel_refusal(world.state, world.now, now=False) is None
    assert cancel_refusal(world.state, world.now + MINUTE, now=True) is None
