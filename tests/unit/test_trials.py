"""Trials: service before the first period, metered and shown, never billed (billing-rules 7)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.forecasts import foretold, happened
from support.world import DAY, HOUR, MINUTE, OVER, T0, TERMS, World, a_world, card

from billing.agenda import next_step, planned
from billing.changes import takes_effect_now
from billing.collection import CollectionSet
from billing.facts import AccountReplaced, StepFailed
from billing.freezing import place_in_thaw
from billing.notices import Notice
from billing.orders import PlanChangeRequested
from billing.pausing import pause_refusal
from billing.periods import boundary, days_later
from billing.quotes import Known, quote
from billing.state import Forgive, Period, Status
from billing.steps import Wait
from billing.view import BannerKind, next_invoice, renewal, view

FORTNIGHT = 14
END = T0 + FORTNIGHT * DAY
MAX = replace(TERMS, plan="pln_max", name="Voice Max", price=9900)
MINI = replace(TERMS, plan="pln_mini", name="Voice Mini", price=900)
SECOND = timedelta(seconds=1)


def trial(**how: object) -> World:
    return a_world(trial_days=FORTNIGHT, **how)  # type: ignore[arg-type]


def announced(world: World) -> list[Notice]:
    return [notice for notice in world.told if notice.kind == "trial_ending"]


def test_nothing_is_billed_before_the_trial_is_over_and_its_end_is_the_anchor() -> None:
    world = trial()
    world.seconds[1] = OVER
    world.run(days=FORTNIGHT - 0.1)
    assert (world.state.status, world.amounts(), world.charges()) == (Status.TRIALING, {}, [])
    assert view(world.state, world.now).current_period == Period(0, 0, T0, END)

    world.run(days=0.2)
    assert (world.state.status, world.state.anchor) == (Status.ACTIVE, END)
    assert world.charges() == [(FORTNIGHT * DAY, "p1#1")]
    assert world.amounts() == {"p1": 4900}, "one period's price, and no overage of the trial"
    world.run(days=31 + 1)
    assert world.amounts() == {"p1": 4900, "p2": 4900 + 1344}


@pytest.mark.parametrize(
    ("with_card", "manual", "said"),
    [
        (True, False, "Voice Pro begins on 2026-03-15 00:00 UTC with 49.00 USD."),
        (False, False, "Voice Pro begins on 2026-03-15 00:00 UTC with 49.00 USD. No card is on file yet."),
        (False, True, "Voice Pro begins on 2026-03-15 00:00 UTC with 49.00 USD."),
    ],
)
def test_its_end_is_told_three_days_before_once_with_or_without_a_card(
    with_card: bool, manual: bool, said: str
) -> None:
    world = trial(with_card=with_card)
    if manual:
        world.learn(CollectionSet(T0, True, "agency", request="manual"))
    world.run(days=FORTNIGHT - 3 - 0.1)
    assert announced(world) == []
    world.run(days=10)
    assert [(one.at, one.audience, one.detail) for one in announced(world)] == [
        (END - 3 * DAY, audience, said) for audience in ("client", "agency")
    ]


def test_a_trial_shorter_than_the_notice_is_announced_as_it_begins() -> None:
    world = a_world(trial_days=1).run(days=3)
    assert {one.at for one in announced(world)} == {T0}


def test_who_was_away_at_both_is_told_nothing_of_what_is_over() -> None:
    world = trial()
    world.take(FORTNIGHT * DAY + HOUR)
    world.run(days=1)
    assert announced(world) == []
    assert world.amounts() == {"p1": 4900}


def test_without_a_card_the_banner_comes_with_the_announcement_and_the_debt_with_the_end() -> None:
    world = trial(with_card=False).run(days=FORTNIGHT - 4)
    assert view(world.state, world.now).banner is None
    world.run(days=2)
    shown = view(world.state, world.now).banner
    assert shown is not None
    assert (shown.kind, shown.amount_due) == (BannerKind.NO_PAYMENT_METHOD, 0)
    world.run(days=3)
    assert (world.open(), world.charges()) == (["p1"], [])
    world.save_card().run(days=1)
    assert world.open() == []


def test_a_trial_that_waits_for_a_card_begins_with_it() -> None:
    world = trial(starts_at=None, with_card=False).run(days=5)
    assert (world.state.status, world.state.trial) == (Status.AWAITING_CARD, None)
    world.save_card().run(days=FORTNIGHT - 1)
    assert world.state.status is Status.TRIALING
    world.run(days=2)
    assert world.charges() == [((5 + FORTNIGHT) * DAY, "p1#1")]


def test_a_free_first_period_follows_the_trial() -> None:
    world = trial(first_free=True).run(days=1)
    assert renewal(world.state, world.now) == (END, 0)
    world.run(days=FORTNIGHT + 32)
    assert world.charges() == [(END - T0 + 31 * DAY + HOUR, "p2#1")]


def test_what_is_to_come_is_foretold() -> None:
    world = trial().run(days=1)
    assert [(item.at, item.action) for item in planned(world.state)][:3] == [
        (END - 3 * DAY, "trial_ending"),
        (END, "trial_ended"),
        (END, "issue_invoice"),
    ]
    assert next_invoice(world.state, 0) == (END, 4900)
    assert renewal(world.state, world.now) == (END, 4900)


def test_the_clock_alone_ends_it_in_what_people_see() -> None:
    world = trial().run(days=1)
    seen = view(world.state, END)
    assert (seen.status, seen.trial_end) == (Status.ACTIVE, None)
    assert seen.current_period
    assert seen.current_period.number == 1
    assert view(world.state, END - timedelta(microseconds=1)).trial_end == END


# What is asked for in it


def test_a_cancellation_at_its_end_bills_nothing_ever_and_can_be_taken_back_until_then() -> None:
    world = trial().run(days=1).cancel()
    assert (view(world.state, world.now).cancel_at, world.state.status) == (END, Status.TRIALING)
    assert [(item.at, item.action) for item in planned(world.state)] == [(END, "cancel")]
    assert next_invoice(world.state, 0) is None
    assert renewal(world.state, world.now) is None
    kept = trial().run(days=1).cancel().run(days=2).undo_cancel().run(days=FORTNIGHT)
    assert kept.amounts() == {"p1": 4900}

    world.run(days=FORTNIGHT)
    assert (world.state.status, world.state.ended_at) == (Status.CANCELLED, END)
    assert (world.finished, world.amounts(), announced(world)) == (True, {}, [])


def test_a_cancellation_at_once_ends_it_there() -> None:
    world = trial().run(days=2).cancel(now=True, forgive=Forgive.NONE)
    assert (world.state.status, world.state.ended_at) == (Status.CANCELLED, T0 + 2 * DAY)
    assert view(world.state, world.now).current_period is None
    assert world.run(days=60).amounts() == {}


def test_a_cancellation_agreed_for_its_end_can_be_made_one_at_once() -> None:
    world = trial().run(days=2).cancel().run(days=1).cancel(now=True)
    assert (world.state.status, world.state.ended_at) == (Status.CANCELLED, T0 + 3 * DAY)


def test_another_plan_replaces_the_terms_and_the_preview_says_what_the_end_bills() -> None:
    world = trial().run(days=2)
    now = takes_effect_now(world.state, MAX, "period_end", world.now)
    assert now, "there is no period to wait for"
    wanted = PlanChangeRequested(world.now, "chg_1", MAX, now, "agency")
    foretold = quote(world.state, wanted, Known({}))
    assert [line.amount for line in foretold.draft.lines] == [9900]
    world.change_plan(MAX).run(days=FORTNIGHT)
    assert (world.state.terms, world.amounts()) == (MAX, {"p1": 9900})


def test_a_pause_has_no_period_to_wait_for() -> None:
    assert pause_refusal(trial().run(days=2).state, T0 + 2 * DAY) == "not_started"


@pytest.mark.parametrize("manual", [True, False])
def test_collection_that_is_switched_in_it_holds_from_the_first_invoice_on(manual: bool) -> None:
    world = trial()
    for number, to in enumerate((True, manual)):
        world.learn(CollectionSet(world.now, to, "agency", request=f"switch{number}"))
    world.run(days=FORTNIGHT + 1)
    assert (world.statements, world.amounts()) == (
        ({f"{world.invoice('p1')}": 4900}, {}) if manual else ({}, {"p1": 4900})
    )


def test_a_card_that_expires_before_its_end_is_told() -> None:
    world = trial(starts_at=T0 + 20 * DAY)
    world.state = replace(world.state, card=replace(card(), exp_month=3, exp_year=2026))
    world.run(days=30)
    (notice,) = [notice for notice in world.told if notice.kind == "card_expiring"]
    assert notice.detail == "The card on file (visa ···· 4242, 03/2026) is charged next on 2026-04-04."


def test_a_card_that_expires_is_told_before_the_charge_at_its_end_and_before_each_after_it() -> None:
    world = a_world(trial_days=40)
    world.state = replace(world.state, card=replace(card(), exp_month=3, exp_year=2026))
    world.run(days=100)
    charged = [notice.detail[-11:-1] for notice in world.told if notice.kind == "card_expiring"]
    assert charged == ["2026-04-10", "2026-05-10", "2026-06-10"]


def test_where_a_free_period_follows_it_the_card_is_told_of_for_the_charge_after_that() -> None:
    world = a_world(trial_days=40, first_free=True)
    world.state = replace(world.state, card=replace(card(), exp_month=3, exp_year=2026))
    world.run(days=45)
    (notice,) = [notice for notice in world.told if notice.kind == "card_expiring"]
    assert notice.detail.endswith("is charged next on 2026-05-10.")


def test_cancelled_while_it_is_being_announced_nobody_is_told_until_that_is_taken_back() -> None:
    world = trial().while_in_flight(lambda world: world.cancel(), "MarkTrial").run(days=FORTNIGHT - 2)
    assert announced(world) == []
    world.undo_cancel().run(days=1)
    assert {one.at for one in announced(world)} == {END - 2 * DAY}


ORDERS: dict[str, Callable[[World], object]] = {
    "cancel": lambda world: world.cancel(),
    "cancel now": lambda world: world.cancel(now=True, forgive=Forgive.OPEN),
    "undo": lambda world: world.undo_cancel(),
    "upgrade": lambda world: world.change_plan(MAX),
    "downgrade": lambda world: world.change_plan(MINI, "period_end"),
    "manual": lambda world: world.learn(CollectionSet(world.now, True, "agency", request=f"m{len(world.history)}")),
    "automatic": lambda world: world.learn(CollectionSet(world.now, False, "agency", request=f"a{len(world.history)}")),
    "pause": lambda world: world.pause(),
    "freeze": lambda world: world.freeze(len(world.history)),
    "thaw": lambda world: [world.thaw(freeze.id) for freeze in world.state.freezes],
    "a card": lambda world: world.save_card("mastercard"),
    "no card": lambda world: world.remove_card(),
}


@given(orders=st.lists(st.tuples(st.sampled_from(sorted(ORDERS)), st.integers(0, 60)), max_size=12))
def test_whatever_is_ordered_in_it_it_bills_nothing_and_its_end_one_price_or_nothing(
    orders: list[tuple[str, int]],
) -> None:
    world = trial()
    for order, hours in orders:
        world.run(until=min(world.now + hours * HOUR, END - SECOND))
        ORDERS[order](world)
    world.run(until=END - SECOND)
    assert (world.amounts(), world.statements, world.charges()) == ({}, {}, [])
    agreed, terms = world.state.ending or world.state.status is Status.CANCELLED, world.state.terms

    ORDERS["thaw"](world)
    world.run(until=END + 2 * HOUR)
    billed = world.amounts() | {short.rpartition("_")[2]: amount for short, amount in world.statements.items()}
    assert billed == ({} if agreed else {"p1": terms.price})
    assert world.state.status is (Status.CANCELLED if agreed else Status.ACTIVE)
    assert agreed or (world.state.anchor, bool(world.statements)) == (END, world.state.manual)


# What goes wrong at its end


def test_nothing_is_issued_while_the_books_still_say_that_it_lasts() -> None:
    world = trial().run(days=FORTNIGHT - 1)
    world.now = END
    world.learn(StepFailed(END, "trial:ended", "no database"))
    waiting = next_step(world.state, END)
    assert isinstance(waiting, Wait)
    assert waiting.until == END + MINUTE
    assert next_invoice(world.state, 777) == (END, 4900), "what is used in it is never billed"
    world.run(days=1)
    assert [entry.step for entry in world.log] == ["MarkTrial", "MarkTrial", "IssueInvoice", "ChargeInvoice"]


def test_a_card_that_fails_at_its_end_starts_the_ladder_as_always() -> None:
    world = a_world("soft", "pays", trial_days=FORTNIGHT).run(days=FORTNIGHT + 4)
    assert world.charges() == [(FORTNIGHT * DAY, "p1#1"), ((FORTNIGHT + 3) * DAY, "p1#2")]


@pytest.mark.parametrize("pays", [True, False])
def test_its_forecast_is_what_then_happens(pays: bool) -> None:
    world = a_world("pays" if pays else "soft", trial_days=FORTNIGHT).run(days=3)
    world.seconds = dict.fromkeys(range(1, 10), 40_000)
    assert foretold(world, 2, pays=pays) == happened(world, 2)


@given(days=st.integers(1, 730), hours=st.integers(0, 24 * 366), zone=st.sampled_from(["UTC", "America/New_York"]))
def test_boundaries_are_counted_from_its_end_and_nothing_is_billed_before(days: int, hours: int, zone: str) -> None:
    start = T0 + hours * HOUR
    world = a_world(trial_days=days, starts_at=start, zone=zone)
    end = days_later(start, zone, days)
    assert world.state.period is not None
    assert (world.state.anchor, world.state.period.start) == (end, end)
    assert world.state.period.end == boundary(end, zone, 1)
    assert abs(end - start - days * DAY) <= HOUR
    assert world.run(until=end - timedelta(microseconds=1)).amounts() == {}


# What happens to the account in it


def test_a_freeze_that_is_over_in_time_only_delays_the_announcement() -> None:
    world = trial().run(days=FORTNIGHT - 4).freeze().run(days=2).thaw().run(days=1)
    at = (FORTNIGHT - 2) * DAY + place_in_thaw(world.state.id)
    assert [(one.at - T0, one.audience) for one in announced(world)] == [(at, "client"), (at, "agency")]


def test_a_frozen_account_does_not_make_it_longer_but_what_it_bills_waits() -> None:
    world = trial().run(days=FORTNIGHT - 4).freeze().run(days=10)
    assert (world.state.status, world.amounts(), announced(world)) == (Status.ACTIVE, {}, [])
    world.thaw().run(days=1)
    assert world.amounts() == {"p1": 4900}
    assert world.state.anchor == END


def test_a_fallen_tier_lets_it_go_on_to_its_end() -> None:
    world = trial().run(days=2).freeze(cause="tier")
    assert [freeze.since for freeze in world.state.freezes] == [END]
    world.run(days=FORTNIGHT)
    assert len(announced(world)) == 2
    assert world.amounts() == {}


def test_another_account_ends_it_and_nothing_was_billed() -> None:
    world = trial().run(days=2).freeze(cause="disconnected").run(days=1)
    world.learn(AccountReplaced(world.now)).run(days=30)
    assert (world.state.status, world.amounts()) == (Status.CANCELLED, {})


# Days


def test_days_are_the_zones_own_so_the_wall_time_stays() -> None:
    start = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)  # 09:30 in New York, which is an hour ahead from the 8th on
    assert days_later(start, "America/New_York", 14) == datetime(2026, 3, 15, 13, 30, tzinfo=UTC)
    assert days_later(start, "UTC", 14) == start + 14 * DAY
    with pytest.raises(ValueError, match="no time zone"):
        days_later(datetime(2026, 3, 1), "UTC", 1)  # noqa: DTZ001  what is refused
