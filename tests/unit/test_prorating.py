"""Proration by the second, and that a preview is what is billed (billing-rules 7)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import DAY, TERMS, World, a_world

from billing.invoices import Draft, compose, total
from billing.lines import invoice_lines
from billing.money import unit
from billing.orders import PlanChangeRequested
from billing.periods import boundary
from billing.plans import Terms
from billing.prorating import included_minutes, prorate, seconds_left
from billing.quotes import Known, quote
from billing.state import Issue, Period, Segment
from billing.steps import IssueInvoice

MARCH = Period(1, 0, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
AT = datetime(2026, 3, 11, tzinfo=UTC)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
BIG = replace(TERMS, plan="pln_max", name="Voice Max", price=9900, included_minutes=1200)


def test_the_figures_of_the_rules() -> None:
    change = prorate(TERMS, BIG, MARCH, AT)

    assert (change.credit, change.charge) == (3319, 6706)
    assert included_minutes([Segment("chg_1", 500, seconds_left(MARCH, AT))], BIG, MARCH) == 974


def test_the_allowance_of_two_changes() -> None:
    parts = [Segment("chg_1", 500, seconds_left(MARCH, AT)), Segment("chg_2", 1200, seconds_left(MARCH, AT + 10 * DAY))]

    assert included_minutes(parts, replace(BIG, included_minutes=300), MARCH) == 654


def test_a_second_that_has_begun_is_used_up() -> None:
    assert seconds_left(MARCH, MARCH.end - timedelta(microseconds=1)) == 0
    assert seconds_left(MARCH, MARCH.end - timedelta(seconds=1)) == 1
    assert seconds_left(MARCH, MARCH.start) == seconds_left(MARCH, MARCH.start - DAY) == 31 * 24 * 3600


@pytest.mark.parametrize(("currency", "each"), [("jpy", 1), ("bhd", 10), ("isk", 100)])
def test_both_lines_are_rounded_to_what_the_currency_can_charge(currency: str, each: int) -> None:
    old, new = (replace(terms, currency=currency, price=terms.price * 100) for terms in (TERMS, BIG))
    change = prorate(old, new, MARCH, AT + timedelta(seconds=12_345))

    assert change.credit % each == change.charge % each == 0
    assert (
        abs(change.credit - old.price * Fraction(seconds_left(MARCH, AT + timedelta(seconds=12_345)), 2_678_400)) * 2
        <= each
    )


PRICES = st.integers(0, 2_000).map(lambda units: units * 1_000)
MINUTES = st.integers(0, 5_000)
PLANS = st.tuples(PRICES, MINUTES, st.sampled_from(["0", "12.5", "0.75", "120"]), st.sampled_from([1, 6, 60]))
CHANGES = st.lists(
    st.tuples(PLANS, st.sampled_from([None, "now", "period_end"]), st.integers(0, 40 * 24 * 3600)),
    min_size=1,
    max_size=4,
)


def terms(number: int, currency: str, plan: tuple[int, int, str, int]) -> Terms:
    price, minutes, rate, increment = plan
    return Terms(f"pln_{number}", 1, f"Plan {number}", "pro", currency, price, minutes, rate, increment)  # type: ignore[arg-type]


class Billing:
    """The pretend books: what each invoice is drafted with, credits carried from one to the next."""

    def __init__(self) -> None:
        self.credit = 0
        self.drafts: dict[str, Draft] = {}

    def take(self, world: World, issue: Issue) -> None:
        if issue.invoice in self.drafts:
            return
        draft = compose(tuple(invoice_lines(world.state, issue, ())), self.credit, world.state.terms.currency)
        self.credit += draft.new_credit - draft.credit_used
        self.drafts[issue.invoice] = draft


@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland", "Europe/Berlin"]),
    currency=st.sampled_from(["usd", "jpy", "bhd", "isk"]),
    start=st.integers(0, 365 * 24 * 3600).map(lambda second: YEAR + timedelta(seconds=second)),
    first=PLANS,
    orders=CHANGES,
    seconds=st.integers(0, 400_000),
    grace=st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=3)]),
)
@settings(max_examples=150, deadline=None)
def test_a_preview_is_what_is_billed(  # type: ignore[no-untyped-def]
    zone, currency, start, first, orders, seconds, grace
) -> None:
    world = a_world(starts_at=start, terms=terms(0, currency, first), zone=zone, grace=grace)
    world.seconds = dict.fromkeys(range(1, 20), seconds)
    world.now = world.start = max(start, world.state.clock)
    billing, expected = Billing(), dict[str, Draft]()
    _run(world, billing, world.now)
    for number, (plan, effective, wait) in enumerate(orders, start=1):
        _run(world, billing, world.now + timedelta(seconds=wait))
        wanted = terms(number, currency, plan)
        before, history = world.state, len(world.history)
        world.change_plan(wanted, effective)
        fact = world.history[history]
        assert isinstance(fact, PlanChangeRequested)
        known = Known(world.seconds, (), billing.credit)
        draft = quote(before, fact, known).draft
        own = f"inv_demo_c{number}"
        at = next((change.at for change in world.state.changes if change.id == fact.change), None)
        _run(world, billing, max(world.now, at) if at else world.now)
        _run(world, billing, world.now + grace)
        # One that is accepted at the very boundary has nothing to prorate: the boundary's invoice has its price.
        expected[own if own in billing.drafts else _opening(world)] = draft

    for invoice, draft in expected.items():
        assert billing.drafts[invoice] == draft, invoice
    assert all(line.amount % unit(currency) == 0 for draft in billing.drafts.values() for line in draft.lines)
    assert all(total(draft.lines) >= 0 for draft in billing.drafts.values())
    assert world.state.anchor == start, "the anchor stays"
    assert world.state.period
    assert world.state.period.end == boundary(start, zone, world.state.period.index + 1)


def _opening(world: World) -> str:
    assert world.state.period
    return world.invoice(f"p{world.state.period.number}")


def _run(world: World, billing: Billing, until: datetime) -> None:
    """Run on, and draft every invoice at the instant at which it is issued."""
    world.run(until=until)
    for turn in world.trail:
        if isinstance(turn.what, IssueInvoice):
            before, world.state = world.state, turn.after
            billing.take(world, turn.what.issue)
            world.state = before
