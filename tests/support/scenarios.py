"""The lives whose golden traces are kept (tests/replay/traces): the ways in which the rules can go."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from billing import facts
from billing.plans import Dunning, FinalAction
from billing.state import RULES
from support.endings import BOUNDARY, ENDINGS
from support.ordered_lives import ORDERED
from support.world import DAY, HOUR, MINUTE, OVER, T0, World, a_world, card

Scenario = Callable[[int], World]
"""A life under the rules of that number."""

KNOWN_RULES: Final = range(1, RULES + 1)
"""Rules that an open run may have: an old number goes together with its branch (docs/changing-workflows.md)."""

# Periods


def renewal_on_the_31st(rules: int) -> World:
    """A year from 31 March 2026, 09:30 in New York: short months are clamped, the clocks change, nothing drifts."""
    anchor = datetime(2026, 3, 31, 13, 30, tzinfo=UTC)
    world = a_world(starts_at=anchor, zone="America/New_York", rules=rules)
    world.start = anchor
    return world.run(until=datetime(2027, 4, 1, tzinfo=UTC))


def overage(rules: int) -> World:
    """Over in the first and third period, within the allowance in the second."""
    world = a_world(rules=rules)
    world.seconds = {1: OVER, 2: 500 * 60, 3: 503 * 60}
    return world.run(days=93)


def trial(rules: int) -> World:
    """Two weeks without a card, announced three days before their end; the card comes late."""
    return a_world("pays", trial_days=14, with_card=False, rules=rules).run(days=15).save_card().run(days=32)


def trial_cancelled_and_undone(rules: int) -> World:
    """Agreed for the trial's end, taken back, and agreed again: nothing is ever billed."""
    return a_world(trial_days=14, rules=rules).run(days=1).cancel().run(days=1).undo_cancel().cancel().run(days=20)


def first_period_free(rules: int) -> World:
    """The first period is free, without a card as well; the second is billed in full."""
    world = a_world(first_free=True, with_card=False, rules=rules).run(days=20)
    return world.save_card().run(days=12)


def first_card_start(rules: int) -> World:
    """Everything begins with the first card, four days after the plan was assigned."""
    world = a_world(starts_at=None, with_card=False, rules=rules).run(days=4)
    return world.save_card().run(days=32)


def three_missed_boundaries(rules: int) -> World:
    """No worker for a hundred days: one invoice for each missed period, in order."""
    world = a_world(rules=rules).run()
    world.seconds = {1: OVER, 2: OVER, 3: OVER}
    world.now = T0 + 100 * DAY
    return world.run()


def a_new_usage_grace(rules: int) -> World:
    """The agency's grace as set at the boundary: a day, then none."""
    world = a_world(grace=DAY, rules=rules).run(until=BOUNDARY + HOUR)
    return world.learn(facts.GraceSet(world.now, timedelta())).run(days=31)


# The ladder


def ladder_to_past_due_and_recovery_by_new_card(rules: int) -> World:
    """Three, five and seven days, then past due; the next invoice joins the debt; a new card pays all of it."""
    world = a_world("soft", rules=rules)
    world.seconds = {1: OVER}
    return world.run(days=40).save_card("mastercard").run(days=1)


def ladder_with_a_retry_that_pays(rules: int) -> World:
    """The second retry pays."""
    return a_world("soft", "soft", "pays", rules=rules).run(days=20)


def final_action_pause(rules: int) -> World:
    """The last decline pauses; the overage to date is issued and left open; paid in full, a new anchor begins."""
    return _final_action(FinalAction.PAUSE, rules).save_card("mastercard").run(days=32)


def final_action_cancel(rules: int) -> World:
    """The last decline cancels; the overage to date is issued and left open; paid in full, all is over."""
    return _final_action(FinalAction.CANCEL, rules).save_card("mastercard").run(days=32)


def _final_action(action: FinalAction, rules: int) -> World:
    world = a_world("soft", dunning=Dunning(final_action=action), rules=rules)
    world.seconds = {1: OVER}
    return world.run(days=20)


def two_unpaid_invoices(rules: int) -> World:
    """The second invoice joins the ladder of the first: the oldest first, and the first decline ends a step."""
    world = a_world("soft", "soft", "pays", "soft", "pays", dunning=Dunning((30, 5, 7)), rules=rules)
    return world.run(days=45)


def unpaid_pause_and_resume(rules: int) -> World:
    """Three open invoices at a boundary pause; paid one after the other by pay now, service begins anew."""
    world = a_world("soft", rules=rules)
    world.seconds = {3: OVER}
    world.run(days=100)
    world.cards["visa"] = ["pays"]
    world.ask("pay_now", "p3")
    return world.run(days=32)


def paid_elsewhere_mid_ladder(rules: int) -> World:
    """One of two open invoices is paid on Stripe's page: the ladder goes on for the other."""
    world = a_world("soft", dunning=Dunning((30, 5, 7)), rules=rules).run(days=32)
    return world.pay_elsewhere("p1").run(days=2).pay_elsewhere("p2").run(days=10)


def written_off_mid_ladder(rules: int) -> World:
    """Written off in the agency's dashboard: believed, and nothing more is tried."""
    return a_world("soft", rules=rules).run(days=4).write_off("p1").run(days=20)


# What stands in an attempt's way


def hard_decline(rules: int) -> World:
    """Never tried again, whoever asks: the dates stay as reminders and deadline."""
    world = a_world("hard", rules=rules).run(days=1)
    world.ask("pay_now", "p1")
    return world.run(days=20).save_card("mastercard").run(days=1)


def customer_must_act(rules: int) -> World:
    """Not tried off-session for this debt; paid on-session on the tenth day; the next period tries the card."""
    world = a_world("must_act", "pays", rules=rules).run(days=10)
    world.ask("pay_now", "p1")
    return world.run(days=22)


def no_card(rules: int) -> World:
    """No attempt and no failure: the ladder's dates run from the issue as reminders; a card is tried at once."""
    return a_world(with_card=False, rules=rules).run(days=20).save_card().run(days=1)


def card_removed_mid_ladder(rules: int) -> World:
    """A removed card turns retries into reminders; the same card saved again is a new one."""
    return a_world("soft", rules=rules).run(days=4).remove_card().run(days=5).save_card().run(days=20)


def card_cap(rules: int) -> World:
    """Ten tries in thirty days: the ladder's dates are skipped and used up, pay now is refused until the day."""
    world = a_world("soft", rules=rules).run()
    for minute in range(1, 10):
        world.run(until=T0 + minute * MINUTE)
        world.fail_elsewhere("p1")
    world.run(days=20)
    world.ask("pay_now", "p1")
    world.cards["visa"] = ["pays"]
    world.run(until=T0 + 30 * DAY)
    world.ask("pay_now", "p1")
    return world.run()


def card_cap_in_the_books(rules: int) -> World:
    """Another subscription of the client used the card up: the ladder's attempt is refused, and its date skipped."""
    world = a_world("soft", rules=rules).run(days=2.9)
    return world.use_by_another(9).run(days=20)


def card_that_expires_first(rules: int) -> World:
    """Good until the end of March, charged on the first of April: told ten days before; another card ends it."""
    world = a_world(rules=rules)
    world.state = replace(world.state, card=replace(card(), exp_month=3, exp_year=2026))
    return world.run(days=45).save_card("mastercard").run(days=30)


def card_saved_while_an_attempt_is_in_flight(rules: int) -> World:
    """Tried if that attempt fails, at once, and using nothing up."""
    world = a_world("soft", rules=rules).run(days=2)
    world.while_in_flight(lambda world: world.save_card("mastercard", "soft"))
    return world.run(days=20)


# What people ask for


def pay_now_joined(rules: int) -> World:
    """Pay now while an automatic attempt is in flight: one charge, and both get its outcome."""
    world = a_world("soft", "pays", rules=rules).run(days=2)
    world.while_in_flight(lambda world: world.ask("pay_now", "p1", id="mine"))
    return world.run(days=2)


def pay_now_declined(rules: int) -> World:
    """Tried at once, on the second day: declined, and the ladder's dates stay."""
    world = a_world("soft", rules=rules).run(days=2)
    world.ask("pay_now", "p1")
    return world.run(days=20)


def pay_now_while_processing(rules: int) -> World:
    """Answered at once that the bank still processes the payment; asked again, with what came of it."""
    world = a_world("processing", "soft", rules=rules).run()
    world.ask("pay_now", "p1")
    return world.run(days=1)


def agency_retries(rules: int) -> World:
    """The agency's retry takes the oldest first and goes on while it is paid."""
    world = a_world("soft", rules=rules).run(days=40)
    world.cards["visa"] = ["pays"]
    world.ask("retry")
    return world.run(days=1)


def void(rules: int) -> World:
    """Asked for while a retry is in flight: it waits for the outcome, and ends the ladder of the last invoice."""
    world = a_world("soft", rules=rules).run(days=2)
    world.while_in_flight(lambda world: world.ask("void", "p1"))
    return world.run(days=20)


def void_of_what_was_paid(rules: int) -> World:
    """Asked for while a retry is in flight that pays: refused."""
    world = a_world("soft", "pays", rules=rules).run(days=2)
    world.while_in_flight(lambda world: world.ask("void", "p1"))
    return world.run(days=2)


def a_promise_to_pay(rules: int) -> World:
    """The second date moves by ten days, and the third runs from there."""
    return a_world("soft", rules=rules).run(days=4).extend(10).run(days=24)


def another_policy_for_a_running_ladder(rules: int) -> World:
    """Two gaps instead of three after the first retry: the second date comes earlier, and it is the last."""
    world = a_world("soft", rules=rules).run(days=4)
    world.learn(facts.DunningApplied(world.now, Dunning((3, 2), FinalAction.CANCEL)))
    return world.run(days=24)


# Trouble


def stripe_outage(rules: int) -> World:
    """Away for three hours: tried again after 1, 2, 4, 8, 16 and then every 30 minutes; charged once."""
    world = a_world(rules=rules)
    world.away_until = T0 + 3 * HOUR
    return world.run(days=1)


def lost_answer(rules: int) -> World:
    """The decline's answer never arrives: asked for under the same number, and the ladder counts from the attempt."""
    return a_world("lost", "soft", rules=rules).run(days=4)


def attempt_never_made(rules: int) -> World:
    """Stripe never made the attempt: made again under the next number."""
    return a_world("not_made", "pays", rules=rules).run(days=1)


def processing_payment(rules: int) -> World:
    """An attempt in flight for as long as Stripe says so: read again every 30 minutes, and nothing else is tried."""
    world = a_world("processing", "processing", "soft", rules=rules).run(days=0.01)
    return world.save_card("mastercard").run(days=1)


def parked_and_retried(rules: int) -> World:
    """Left alone until the agency asks for a retry; the next period goes on."""
    world = a_world("parks", "pays", rules=rules).run(days=32)
    world.ask("retry")
    return world.run(days=1)


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.__name__: scenario
    for scenario in (
        renewal_on_the_31st,
        overage,
        first_period_free,
        first_card_start,
        three_missed_boundaries,
        a_new_usage_grace,
        ladder_to_past_due_and_recovery_by_new_card,
        ladder_with_a_retry_that_pays,
        final_action_pause,
        final_action_cancel,
        two_unpaid_invoices,
        trial,
        trial_cancelled_and_undone,
        unpaid_pause_and_resume,
        paid_elsewhere_mid_ladder,
        written_off_mid_ladder,
        hard_decline,
        customer_must_act,
        no_card,
        card_removed_mid_ladder,
        card_cap,
        card_cap_in_the_books,
        card_that_expires_first,
        card_saved_while_an_attempt_is_in_flight,
        pay_now_joined,
        pay_now_declined,
        pay_now_while_processing,
        agency_retries,
        void,
        void_of_what_was_paid,
        a_promise_to_pay,
        another_policy_for_a_running_ladder,
        stripe_outage,
        lost_answer,
        attempt_never_made,
        processing_payment,
        parked_and_retried,
        *ENDINGS,
        *ORDERED,
    )
}
