"""A subscription as people see it at an instant (billing-rules 6 and 9): computed, never waited for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.books import Behaviour
from support.world import DAY, HOUR, MINUTE, OVER, T0, World, a_world, card

from billing import facts
from billing.collection import CollectionSet
from billing.debt import CARD_CAP, CARD_WINDOW, learn_tries
from billing.expiry import expires_at
from billing.plans import Dunning, FinalAction
from billing.state import Forgive, Obstacle, Status
from billing.view import Banner, BannerKind, NextTry, next_invoice, renewal, view, whole_debt

MARCH = 31 * DAY
BOTH = ("update_payment_method", "pay_now")
ONLY_A_CARD = ("update_payment_method",)


def banner(world: World) -> Banner | None:
    return view(world.state, world.now).banner


def kind(world: World) -> BannerKind | None:
    shown = banner(world)
    return shown.kind if shown else None


# Periods pass without a fact


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (timedelta(), 1),
        (MARCH - MINUTE, 1),
        (MARCH, 2),
        (61 * DAY - MINUTE, 2),
        (61 * DAY, 3),
        (200 * DAY, 7),
    ],
)
def test_the_period_that_holds_the_instant(at: timedelta, number: int) -> None:
    period = view(a_world().run().state, T0 + at).current_period
    assert period
    assert period.number == number
    assert period.start <= T0 + at < period.end


def test_before_the_start_and_without_an_anchor_there_is_no_period() -> None:
    assert view(a_world(starts_at=T0 + DAY).state, T0).current_period is None
    assert view(a_world(starts_at=None, with_card=False).state, T0).current_period is None


def test_a_cancellation_is_shown_until_it_takes_effect_at_its_instant() -> None:
    world = a_world().run(days=1)
    world.cancel()

    ahead, over = view(world.state, T0 + MARCH - MINUTE), view(world.state, T0 + MARCH)
    assert (ahead.status, ahead.cancel_at) == (Status.ACTIVE, T0 + MARCH)
    assert ahead.current_period
    assert (over.status, over.cancel_at, over.current_period) == (Status.CANCELLED, None, None)


def test_a_cancellation_for_a_later_boundary_lets_the_periods_before_it_pass() -> None:
    world = a_world().run(until=T0 + MARCH + 30 * MINUTE)
    world.cancel()  # the first period is not closed yet: this is for the second one's end

    period = view(world.state, T0 + MARCH + 40 * MINUTE).current_period
    assert period
    assert (period.number, period.end) == (2, T0 + 61 * DAY)
    assert view(world.state, T0 + 61 * DAY).current_period is None


# The next invoice


def test_the_next_invoice_is_price_and_the_overage_so_far() -> None:
    world = a_world().run(days=1)
    assert next_invoice(world.state, 250) == (T0 + MARCH + HOUR, 4900 + 250)

    world.cancel()
    assert next_invoice(world.state, 250) == (T0 + MARCH + HOUR, 250)


def test_an_invoice_that_is_due_holds_nothing_of_the_open_period() -> None:
    assert next_invoice(a_world().state, 250) == (T0, 4900)


def test_a_renewal_is_the_next_boundary_that_opens_a_period_and_its_price() -> None:
    world = a_world().run(days=1)
    assert renewal(world.state, T0 + DAY) == (T0 + MARCH, 4900)
    # In the grace after a boundary the old period is not closed yet, and the next renewal is a month on.
    assert renewal(world.state, T0 + MARCH) == (T0 + 61 * DAY, 4900)
    world.cancel()
    assert renewal(world.state, T0 + DAY) is None
    assert renewal(a_world(starts_at=None, with_card=False).state, T0) is None


def test_there_is_no_next_invoice_when_all_is_forgiven() -> None:
    world = a_world().run(days=1)
    world.cancel(now=True, forgive=Forgive.ALL)
    assert next_invoice(world.state, 250) is None


# The banner


def test_all_is_well() -> None:
    assert banner(a_world().run(days=1)) is None


def test_a_failed_payment_says_why_when_and_how_often_again() -> None:
    world = a_world("soft").run(days=4)

    assert banner(world) == Banner(
        BannerKind.PAYMENT_FAILED,
        "Your card has insufficient funds.",
        "inv_demo_p1",
        4900,
        1,
        tries=(NextTry(T0 + 8 * DAY, 4900, 2),),
        obstacle=None,
        frozen=False,
        possible_at=None,
        sent=False,
        actions=BOTH,
    )


def test_the_whole_debt_is_named_with_its_oldest_invoice() -> None:
    world = a_world("soft")
    world.seconds = {1: OVER}
    shown = banner(world.run(days=40))

    assert shown
    assert (shown.kind, shown.invoice) == (BannerKind.PAST_DUE, "inv_demo_p1")
    assert (shown.amount_due, shown.open_invoices) == (4900 + 6244, 2)
    assert shown.tries == ()


@pytest.mark.parametrize(
    ("card_does", "what", "actions"),
    [
        ("soft", BannerKind.PAYMENT_FAILED, BOTH),
        ("hard", BannerKind.PAYMENT_FAILED, ONLY_A_CARD),
        ("must_act", BannerKind.ACTION_REQUIRED, BOTH),
        ("processing", BannerKind.CHECKING, ()),
        ("lost", BannerKind.CHECKING, ()),
    ],
)
def test_what_the_client_can_do(card_does: Behaviour, what: BannerKind, actions: tuple[str, ...]) -> None:
    shown = banner(a_world(card_does).run())
    assert shown
    assert (shown.kind, shown.actions) == (what, actions)


@pytest.mark.parametrize(
    ("card_does", "why"), [("hard", Obstacle.HARD_DECLINE), ("must_act", Obstacle.CUSTOMER_MUST_ACT)]
)
def test_no_attempt_is_promised_that_will_not_be_made(card_does: Behaviour, why: Obstacle) -> None:
    shown = banner(a_world(card_does).run(days=1))
    assert shown
    assert (shown.tries, shown.obstacle, shown.frozen) == ((), why, False)


def test_a_frozen_account_tries_nothing_and_takes_nothing() -> None:
    shown = banner(a_world("soft").run(days=1).freeze())
    assert shown
    assert (shown.tries, shown.frozen, shown.actions) == ((), True, ONLY_A_CARD)
    gone = banner(a_world("soft").run(days=1).freeze(cause="disconnected"))
    assert gone
    assert gone.actions == (), "no card can be entered in an account that is not there"


def test_a_card_that_was_tried_too_often_says_when_it_can_be_tried_again() -> None:
    world = a_world("soft").run()
    shown = view(learn_tries(world.state, card().identity, (T0,) * CARD_CAP), world.now).banner
    assert shown
    assert (shown.tries, shown.obstacle, shown.actions) == ((), Obstacle.CARD_LIMIT, ONLY_A_CARD)
    assert shown.possible_at == T0 + CARD_WINDOW


def test_a_debt_that_was_left_behind_keeps_its_own_dates() -> None:
    earlier = banner(a_world("soft", dunning=Dunning(gaps_days=(2,))).run(days=1))
    own = banner(a_world("soft").run(days=1))
    assert earlier
    assert own
    whole = whole_debt(own, [replace(earlier, invoice="inv_before", actions=ONLY_A_CARD)])
    assert whole
    assert (whole.kind, whole.invoice, whole.amount_due) == (own.kind, "inv_before", 9800)
    assert whole.tries == (NextTry(T0 + 2 * DAY, 4900, 1), NextTry(T0 + 3 * DAY, 4900, 3))
    assert whole.actions == ONLY_A_CARD, "what can be done is about the invoice that is named"
    checked = whole_debt(replace(own, actions=()), [earlier])
    assert checked
    assert checked.actions == ()


def test_a_client_whom_the_agency_bills_itself_needs_no_card() -> None:
    world = a_world(starts_at=T0 + HOUR, with_card=False)
    world.learn(CollectionSet(T0, manual=True, by="agency"))
    assert banner(world.run(days=1)) is None
    world.learn(CollectionSet(world.now, manual=False, by="agency"))
    assert kind(world) is BannerKind.NO_PAYMENT_METHOD


@pytest.mark.parametrize("trial_days", [0, 14])
def test_a_start_that_lies_ahead_is_told_until_service_begins(trial_days: int) -> None:
    begins = T0 + 5 * DAY
    state = a_world(starts_at=begins, trial_days=trial_days).state
    assert view(state, T0).starts_at == begins
    assert view(state, begins).starts_at is None
    assert view(a_world(starts_at=None, with_card=False).state, T0).starts_at is None


@pytest.mark.parametrize(("action", "what"), [("pause", BannerKind.PAUSED), ("cancel", BannerKind.PAYMENT_FAILED)])
def test_after_a_final_action(action: str, what: BannerKind) -> None:
    world = a_world("soft", dunning=Dunning(final_action=FinalAction(action))).run(days=16)
    assert kind(world) is what


@pytest.mark.parametrize("starts_at", [T0, None])
def test_without_a_card_one_is_asked_for(starts_at: datetime | None) -> None:
    shown = banner(a_world(starts_at=starts_at, with_card=False).run())
    assert shown
    assert (shown.kind, shown.actions) == (BannerKind.NO_PAYMENT_METHOD, ONLY_A_CARD)


def test_nothing_is_asked_of_whom_nothing_is_owed_and_who_is_gone() -> None:
    world = a_world().run(days=1)
    world.remove_card().cancel(now=True).run(days=1)

    assert world.finished
    assert banner(world) is None


# A card that expires


def test_a_card_is_good_through_its_month() -> None:
    assert expires_at(replace(card(), exp_month=3, exp_year=2026)) == datetime(2026, 4, 1, tzinfo=UTC)
    assert expires_at(replace(card(), exp_month=12, exp_year=2026)) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "shown"),
    [(21 - 1 / 24, None), (21, BannerKind.CARD_EXPIRING), (30, BannerKind.CARD_EXPIRING)],
)
def test_a_card_that_will_not_see_the_next_charge_is_announced_ten_days_before(
    days: float, shown: BannerKind | None
) -> None:
    world = a_world().run()
    world.learn(facts.CardSaved(T0, replace(card(), exp_month=3, exp_year=2026)))
    world.run(days=days)

    assert kind(world) is shown


def test_a_card_that_sees_the_next_charge_or_has_none_to_see_is_not() -> None:
    world = a_world().run()
    world.learn(facts.CardSaved(T0, replace(card(), exp_month=4, exp_year=2026))).run(days=30)
    assert kind(world) is None

    world = a_world().run()
    world.learn(facts.CardSaved(T0, replace(card(), exp_month=3, exp_year=2026))).cancel().run(days=30)
    assert kind(world) is None


def test_a_period_that_waits_for_its_grace_is_over_all_the_same() -> None:
    world = a_world(grace=DAY).run(until=T0 + MARCH + HOUR)
    assert world.state.period
    assert world.state.period.number == 1
    period = view(world.state, world.now).current_period
    assert period
    assert period.number == 2
