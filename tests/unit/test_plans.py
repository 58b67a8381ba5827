"""What a client is sold (billing-rules 2), and how service begins (3)."""

from decimal import Decimal
from itertools import product

import pytest
from support.world import DAY, HOUR, OVER, T0, TERMS, a_world

from billing.plans import Dunning, FinalAction, Terms
from billing.usage import INCREMENTS


def terms(price: int, included: int, rate: str) -> Terms:
    return Terms("pln_any", 1, "Any", "pro", "usd", price, included, rate)


def test_terms_in_the_units_that_are_counted_in() -> None:
    assert TERMS.included_seconds == 500 * 60
    assert TERMS.rate == Decimal("12")
    assert terms(4900, 500, "12.5").rate == Decimal("12.5")


def test_call_increments() -> None:
    assert INCREMENTS == (1, 6, 60)
    assert TERMS.call_increment_seconds == 60


@pytest.mark.parametrize(("price", "included", "rate"), list(product([0, 4900], [0, 500], ["0", "12"])))
def test_zero_price_minutes_and_rate_are_legal_alone_and_together(price: int, included: int, rate: str) -> None:
    world = a_world(terms=terms(price, included, rate))
    world.seconds = {1: OVER}
    world.run(days=32)

    due = [price, price + (612 - included) * int(rate)]
    assert [*world.amounts().values()] == due
    assert len(world.charges()) == len([amount for amount in due if amount]), "nothing is charged where nothing is due"
    assert world.state.debt == ()


def test_the_smallest_amount_is_owed_like_any_other() -> None:
    world = a_world("soft", terms=terms(0, 0, "1"))
    world.seconds = {1: 60}
    world.run(days=32)

    assert world.amounts() == {"p1": 0, "p2": 1}
    assert world.open() == ["p2"]


def test_included_minutes_do_not_roll_over() -> None:
    world = a_world()
    world.seconds = {1: 0, 2: OVER}
    world.run(days=62)

    assert [*world.amounts().values()] == [4900, 4900, 4900 + 1344]


def test_the_ladder_where_an_agency_sets_none() -> None:
    assert Dunning() == Dunning((3, 5, 7), FinalAction.PAST_DUE)
    assert [Dunning().gap(step) for step in range(3)] == [3 * DAY, 5 * DAY, 7 * DAY]


# The start


def test_a_start_31_days_back_bills_what_has_passed_since() -> None:
    world = a_world(starts_at=T0 - 31 * DAY).run()

    # 29 January: the first boundary is 28 February, and its grace is over.
    assert [(e.step, e.key) for e in world.log] == [
        ("IssueInvoice", "issue:inv_demo_p1"),
        ("ChargeInvoice", "charge:inv_demo_p1:1"),
        ("ClosePeriod", "close:1"),
        ("IssueInvoice", "issue:inv_demo_p2"),
        ("ChargeInvoice", "charge:inv_demo_p2:1"),
    ]
    assert world.state.anchor == T0 - 31 * DAY
    assert world.closed[0].end == T0 - DAY


def test_a_start_366_days_ahead_is_waited_for() -> None:
    world = a_world(starts_at=T0 + 366 * DAY).run(days=365)
    assert world.log == []

    world.run(days=1)
    assert world.charges() == [(366 * DAY, "p1#1")]


def test_a_free_first_period_that_starts_with_the_card() -> None:
    world = a_world(starts_at=None, with_card=False, first_free=True).run(days=4)
    world.save_card().run(days=32)

    assert [*world.amounts().values()] == [0, 4900]
    assert world.charges() == [(35 * DAY + HOUR, "p2#1")]
