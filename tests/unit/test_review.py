"""Holding for review what is implausibly large, and the agency's word on it (billing-rules 9, "Parking")."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.world import DAY, HOUR, TERMS, World, a_world

from billing import facts, orders
from billing.notices import NoticeKind
from billing.plans import Terms
from billing.requests import retry_refusal
from billing.review import explained, held, review_refusal
from billing.revisions import revision_of
from billing.state import Decision, Review, Status

MINUTE_PRICE = 12
USUAL = 600 * 60
"""100 minutes over: 12.00 a period, so that 120.00 are ten times the usual; five times the price are 245.00."""


def minutes_over(amount: int) -> int:
    """Seconds of a period whose overage comes to that many minor units."""
    return (500 + amount // MINUTE_PRICE) * 60


def lived(fourth: int, *, usual: int = USUAL, terms: Terms = TERMS, rules: int = 2, over: int | None = None) -> World:
    """Three periods of usual use, then one of `fourth` seconds, up to a day after its closing."""
    world = a_world(terms=terms, rules=rules)
    world.review_over = over
    world.seconds = {1: usual, 2: usual, 3: usual, 4: fourth}
    return world.run(until=world.start + 122 * DAY + DAY)


def is_held(world: World) -> bool:
    return held(world.state) is not None


@pytest.mark.parametrize(
    ("amount", "usual", "parked"),
    [
        (24504, USUAL, True),
        (24504, minutes_over(2448), True),
        (24480, minutes_over(2448), False),
        (24480, USUAL, False),
        (24504, minutes_over(2460), False),
        (24504, 0, True),
    ],
)
def test_held_is_what_is_over_ten_times_the_mean_and_five_times_the_price(
    amount: int, usual: int, parked: bool
) -> None:
    """245.04 is over five times 49.00; ten times 24.48 are 244.80, and ten times 24.60 are 246.00."""
    assert is_held(lived(minutes_over(amount), usual=usual)) is parked


def test_exactly_ten_times_the_mean_is_not_more() -> None:
    assert not is_held(lived(minutes_over(24600), usual=minutes_over(2460)))
    assert is_held(lived(minutes_over(24612), usual=minutes_over(2460)))


def test_the_mean_is_not_rounded() -> None:
    """The last three: 0, 0 and 24.60, of which ten times the mean are exactly 82.00."""
    world = a_world(terms=replace(TERMS, price=1200))
    world.seconds = {1: 0, 2: 0, 3: minutes_over(2460), 4: minutes_over(8208)}
    world.run(until=world.start + 123 * DAY)
    parked = held(world.state)
    assert parked
    assert parked.review == Review(8208, (2460, 0, 0), 6000)
    assert explained(parked.review, "usd") == (
        "The overage of 82.08 USD is more than 10 times the usual 8.20 USD, the mean of the last 3 periods, "
        "and more than 60.00 USD."
    )


@pytest.mark.parametrize("price", [9900, 0])
def test_the_price_is_that_of_the_plan_under_which_it_was_used(price: int) -> None:
    world = a_world()
    world.seconds = {1: USUAL, 2: USUAL, 3: USUAL, 4: minutes_over(30_000)}
    world.run(until=world.start + 100 * DAY)
    world.change_plan(replace(TERMS, version=2, price=price, included_minutes=400), "period_end")
    assert is_held(world.run(until=world.start + 123 * DAY))


def test_with_fewer_than_three_closed_periods_nothing_is_implausible() -> None:
    world = a_world()
    world.seconds = {1: 0, 2: 0, 3: 10_000_000}
    world.run(until=world.start + 93 * DAY)
    assert not is_held(world)
    assert world.state.status is Status.ACTIVE


@pytest.mark.parametrize(("over", "parked"), [(None, False), (30_000, True), (60_000, False)])
def test_of_a_plan_without_a_price_the_agencys_own_limit_counts(over: int | None, parked: bool) -> None:
    world = lived(minutes_over(50_004), terms=replace(TERMS, price=0), over=over)
    assert is_held(world) is parked


def test_the_agencys_own_limit_says_nothing_of_a_plan_with_a_price() -> None:
    assert not is_held(lived(minutes_over(24_000), over=100))


def test_missed_periods_that_are_caught_up_are_never_held() -> None:
    """Away from the third period on: what is closed in one go afterwards is billed, the last of it included."""
    world = a_world()
    world.seconds = {1: 0, 2: 0, 3: 0, 4: 10_000_000, 5: 10_000_000}
    world.run(until=world.start + 93 * DAY)
    world.now = world.start + 155 * DAY
    world.run()
    assert len(world.closed) == 5
    assert not world.state.parked


def test_a_worker_that_is_away_over_one_boundary_catches_nothing_up() -> None:
    world = a_world()
    world.seconds = {4: 10_000_000}
    world.run(until=world.start + 120 * DAY)
    world.now = world.start + 125 * DAY
    world.run()
    assert is_held(world)


def test_what_waited_for_a_thaw_is_never_held() -> None:
    world = a_world()
    world.seconds = {4: 10_000_000}
    world.run(until=world.start + 110 * DAY)
    world.learn(facts.AccountFrozen(world.now, 1, "restricted")).run(days=15)
    assert world.state.to_issue
    world.learn(facts.AccountThawed(world.now, 1)).run(days=1)
    assert not world.state.parked
    assert world.books.bills["inv_demo_p5"].amount > 24_500


def test_under_the_first_rules_nothing_is_held_or_told_again() -> None:
    assert not is_held(lived(10_000_000, rules=1))
    world = a_world("parks", rules=1).run(days=10)
    assert world.messages("agency") == ["invoice_parked"]


def test_the_period_goes_on_and_later_invoices_do_not_wait() -> None:
    world = lived(10_000_000).run(days=31)
    assert world.charges()[-1][1] == "p6#1"
    assert is_held(world)
    assert "p5" not in world.open()


def test_the_agency_is_told_at_once_and_again_after_24_and_72_hours() -> None:
    world = lived(10_000_000).run(days=20)
    told = [notice for notice in world.told if notice.kind is NoticeKind.INVOICE_PARKED]
    at = told[0].at
    assert [notice.at - at for notice in told] == [timedelta(), 24 * HOUR, 72 * HOUR]
    assert {notice.audience for notice in told} == {"agency"}
    assert all("more than 10 times" in notice.detail for notice in told)


def test_what_is_decided_is_not_told_again() -> None:
    world = lived(10_000_000).review(Decision.APPROVE).run(days=20)
    told = [notice for notice in world.told if notice.kind is NoticeKind.INVOICE_PARKED]
    assert len(told) <= 2
    assert world.state.parked == ()


def test_an_invoice_that_is_parked_again_is_told_of_anew() -> None:
    world = a_world("parks", "parks", "pays").run(days=10)
    world.ask("retry")
    world.run(days=10)
    told = [notice.at - world.start for notice in world.told if notice.kind is NoticeKind.INVOICE_PARKED]
    assert told == [timedelta(), DAY, 3 * DAY, 10 * DAY, 11 * DAY, 13 * DAY]


def test_approved_it_is_issued_as_it_is_and_charged() -> None:
    world = lived(10_000_000)
    overage = held(world.state).review.overage  # type: ignore[union-attr]
    world.review(Decision.APPROVE).run(days=1)
    assert world.books.bills["inv_demo_p5"].paid == 4900 + overage


def test_rejected_its_next_revision_is_issued_without_the_overage() -> None:
    world = lived(10_000_000).review(Decision.REJECT, "a test").run(days=1)
    assert "inv_demo_p5" not in world.books.bills
    assert world.books.bills["inv_demo_p5_r2"].paid == 4900
    assert world.state.parked == world.state.to_issue == ()


def test_asked_twice_it_is_decided_once() -> None:
    world = lived(10_000_000)
    world.review(Decision.REJECT, id="one")
    before = world.state
    world.learn(orders.ReviewDecided(world.now, "inv_demo_p5", Decision.APPROVE, "agency", "", "two"))
    assert world.state.to_issue == before.to_issue
    assert review_refusal(world.state, Decision.REJECT) == "nothing_to_review"


@pytest.mark.parametrize("usual", [USUAL, 0], ids=["implausible", "of a young subscription"])
def test_what_can_never_be_charged_at_once_can_be_rejected_only(usual: int) -> None:
    world = lived(1_000_000_000) if usual else a_world()
    if not usual:
        world.seconds = {1: 1_000_000_000}
        world.run(days=32)
    parked = held(world.state)
    assert parked
    assert review_refusal(world.state, Decision.APPROVE) == "invoice_too_large"
    assert review_refusal(world.state, Decision.REJECT) is None
    world.ask("retry")
    world.run(days=1)
    assert is_held(world), "a retry finds what was found before"
    world.review(Decision.REJECT).run(days=1)
    assert world.books.bills[f"{parked.invoice}_r2"].paid == 4900
    assert world.state.parked == world.state.to_issue == ()


def test_of_two_the_one_that_was_held_first_is_decided_first() -> None:
    world = a_world()
    world.seconds = {4: 10_000_000, 5: 100_000_000}
    world.run(until=world.start + 155 * DAY)
    assert [p.invoice for p in world.state.parked] == ["inv_demo_p5", "inv_demo_p6"]
    world.review(Decision.APPROVE).run()
    assert [p.invoice for p in world.state.parked] == ["inv_demo_p6"]


def test_a_retry_does_not_speak_for_the_review() -> None:
    world = lived(10_000_000)
    assert retry_refusal(world.state, world.now) == "nothing_to_collect"
    world.ask("retry")
    assert is_held(world)


def test_what_is_parked_as_impossible_is_not_for_review() -> None:
    world = a_world("parks").run()
    assert review_refusal(world.state, Decision.REJECT) == "nothing_to_review"
    assert retry_refusal(world.state, world.now) is None


def test_a_last_invoice_is_held_too_and_the_subscription_outlives_it() -> None:
    world = lived(USUAL)
    world.seconds[5] = 10_000_000
    world.cancel(now=True).run(days=60)
    assert not world.finished
    world.review(Decision.REJECT, "never made").run(days=1)
    assert world.finished
    assert world.books.bills["inv_demo_f5_r2"].status == "paid", "nothing is left of it"


def test_each_revision_has_an_id_of_its_own() -> None:
    assert [revision_of("inv_x_p4"), revision_of("inv_x_p4_r2"), revision_of("inv_x_p4_r9")] == [
        "inv_x_p4_r2",
        "inv_x_p4_r3",
        "inv_x_p4_r10",
    ]
