"""What the page says of an assignment before it is made: money and dates, true of each kind."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from api.pages.agency.acts.assigning import Assignment
from api.pages.formats import Formats

FORMATS = Formats(Locale("en", "US"), ZoneInfo("UTC"))
NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)
PLAN: dict[str, Any] = {
    "name": "Voice Pro",
    "price": {"amount": 4900, "currency": "usd"},
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
    "trial_days": 0,
}
ASKED = {"start": "now", "first_period": "bill", "collection": "automatic"}
CARD = {"brand": "visa", "last4": "4242"}
AT_ONCE = "Nov 4, 2026 to Dec 4, 2026"
AFTER_IT = "Nov 18, 2026 to Dec 18, 2026"
REMINDED = "none on file yet: what is due is charged as soon as there is one, and the client is reminded until then"


def assignment(card: dict[str, str] | None = None, plan: dict[str, Any] | None = None, **asked: Any) -> Assignment:
    client = {"payment_method": card}
    return Assignment(FORMATS, "UTC", client, PLAN | (plan or {}), ASKED | asked, NOW)


@pytest.mark.parametrize(
    ("card", "asked", "period", "charge", "needs"),
    [
        (CARD, {}, AT_ONCE, "$49.00, at once", "Visa •••• 4242 is charged"),
        (None, {}, AT_ONCE, "$49.00 due at once, and charged when there is a card", REMINDED),
        (CARD, {"start": "first_card"}, AT_ONCE, "$49.00, at once", "Visa •••• 4242 is charged"),
        (
            None,
            {"start": "first_card"},
            "a month from the first card on",
            "$49.00, with the first card",
            "needed for the start: ask the client for one",
        ),
        (CARD, {"trial_days": 14}, AFTER_IT, "$49.00, on Nov 18, 2026", "Visa •••• 4242 is charged"),
        (
            None,
            {"trial_days": 14, "start": "first_card"},
            "a month from the trial’s end on",
            "$49.00, 14 days after the first card",
            "needed for the start: ask the client for one",
        ),
        (
            CARD,
            {"first_period": "free"},
            AT_ONCE,
            "nothing for the first period; the first invoice comes after it",
            "Visa •••• 4242 is charged",
        ),
        (
            CARD,
            {"collection": "manual"},
            AT_ONCE,
            "none: a statement over $49.00 for you, at once",
            "none is needed: you collect this by yourself",
        ),
        (
            None,
            {"collection": "manual", "trial_days": 14},
            AFTER_IT,
            "none: a statement over $49.00 for you, on Nov 18, 2026",
            "none is needed: you collect this by yourself",
        ),
    ],
)
def test_first_period_first_charge_and_card(
    card: dict[str, str] | None, asked: dict[str, Any], period: str, charge: str, needs: str
) -> None:
    told = dict(assignment(card, **asked).told())
    assert (told["First period"], told["First charge"], told["Card"]) == (period, charge, needs)


def test_a_trial_says_when_it_ends_and_that_overage_costs_nothing_in_it() -> None:
    told = dict(assignment(CARD, {"trial_days": 1}).told())
    assert told["Trial"] == "1 day free of charge, until Nov 5, 2026"
    assert told["Each minute over"] == "$0.125, billed after each period; nothing in the trial"
    told = dict(assignment(CARD, {"trial_days": 14}, trial_days=0).told())
    assert "Trial" not in told
    assert told["Each minute over"] == "$0.125, billed after each period"


@pytest.mark.parametrize(
    ("action", "then"), [("block", "then calls are not served"), ("notify", "then you and the client are told")]
)
def test_a_limit_of_the_overage_says_what_it_does(action: str, then: str) -> None:
    cap = {"amount": {"amount": 2050, "currency": "usd"}, "action": action}
    assert dict(assignment(CARD, spend_cap=cap).told())["Limit of overage"] == f"$20.50 a period; {then}"
    assert "Limit of overage" not in dict(assignment(CARD).told())


def test_a_plan_without_a_price_charges_nothing_in_advance() -> None:
    told = dict(assignment(CARD, {"price": {"amount": 0, "currency": "usd"}}).told())
    assert told["First charge"] == (
        "nothing in advance; minutes over the plan are on the first invoice, after the first period"
    )


@pytest.mark.parametrize(
    ("asked", "made", "said"),
    [
        ({}, {}, "The first invoice follows in a moment."),
        ({"collection": "manual"}, {}, "The first statement follows in a moment."),
        ({"first_period": "free"}, {}, "service has begun."),
        ({}, {"status": "awaiting_card"}, "It starts as soon as the client has entered a card: ask for one."),
        ({}, {"trial_end": "2026-11-18T09:00:00Z"}, "Its trial ends on Nov 18, 2026, 9:00\u202fAM UTC."),
    ],
)
def test_what_is_told_afterwards_is_true_of_each_kind(asked: dict[str, str], made: dict[str, Any], said: str) -> None:
    whole = {"plan": PLAN, "status": "active", "trial_end": None, **made}
    assert assignment(CARD, **asked).done(whole).endswith(said)
