"""Which prices of an agency's own can become a plan, and why others can't."""

from dataclasses import replace
from typing import Any

import pytest

from billing.imports import PriceReading, import_obstacle

GOOD = PriceReading(
    id="price_1",
    product="prod_1",
    name="Voice Pro",
    nickname=None,
    active=True,
    product_active=True,
    currency="usd",
    amount=4900,
    interval=("month", 1),
    usage="licensed",
    per_unit=True,
    plan=None,
)


@pytest.mark.parametrize("changes", [{}, {"amount": 0}, {"currency": "kwd", "amount": 12340}, {"nickname": "2025"}])
def test_an_active_monthly_licensed_whole_amount_per_unit_can_be_a_plan(changes: dict[str, Any]) -> None:
    assert import_obstacle(replace(GOOD, **changes)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": False}, "is archived at Stripe"),
        ({"product_active": False}, "product that is archived"),
        ({"plan": "pln_1"}, "the plan pln_1"),
        ({"interval": None, "usage": None}, "charged once"),
        ({"interval": ("year", 1)}, "not charged each month"),
        ({"interval": ("month", 3)}, "not charged each month"),
        ({"usage": "metered"}, "metered"),
        ({"per_unit": False, "amount": None}, "tiers"),
        ({"amount": None}, "fraction"),
        ({"currency": "kwd", "amount": 12345}, "not a multiple of 10"),
        ({"amount": 100_000_000}, "the most that Stripe charges"),
        ({"currency": "xyz"}, "not a currency"),
    ],
)
def test_of_any_other_price_the_first_reason_is_said(changes: dict[str, Any], said: str) -> None:
    assert said in (import_obstacle(replace(GOOD, **changes)) or "")
