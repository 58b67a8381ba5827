"""What the page says of a cancellation before it is made: true of each kind of subscription."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from api.pages.agency.acts.cancelling import Cancelling
from api.pages.formats import Formats

FORMATS = Formats(Locale("en", "US"), ZoneInfo("UTC"))
OVER = {"usage": {"overage_so_far": {"amount": 1400, "currency": "usd"}}}
DEBT = {"open_invoices": 2, "amount_due": {"amount": 9800, "currency": "usd"}}
SUBSCRIPTION: dict[str, Any] = {
    "status": "active",
    "plan": {"name": "Voice Pro", "price": {"amount": 4900, "currency": "usd"}},
    "current_period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "cancel_at": None,
    "open_invoices": 0,
    "amount_due": {"amount": 0, "currency": "usd"},
    "collection": "automatic",
}
UNDONE = " Until then it can be undone."
FOR_GOOD = " It can't be undone."


def cancelling(client: dict[str, Any] | None = None, **changes: Any) -> Cancelling:
    return Cancelling(FORMATS, "UTC", {"name": "Harbor", "usage": None, **(client or {})}, SUBSCRIPTION | changes)


@pytest.mark.parametrize(
    ("client", "changes", "at_the_end", "now"),
    [
        (
            None,
            {},
            "Service goes on until this period ends; then its minutes over the plan are billed.",
            "Service ends at once. Nothing more is billed, and what was paid is not refunded.",
        ),
        (
            OVER,
            {},
            "Service goes on until this period ends; then its minutes over the plan are billed, $14.00 so far.",
            "Service ends at once. $14.00 for minutes over the plan to date is billed; what was paid is not refunded.",
        ),
        (
            OVER,
            {"collection": "manual"},
            "Service goes on until this period ends; then its minutes over the plan are on a last statement, "
            "$14.00 so far.",
            "Service ends at once. $14.00 for minutes over the plan to date is noted on a last statement; "
            "what was paid is not refunded.",
        ),
        (
            OVER,
            {"status": "trialing"},
            "Service goes on until the trial ends. Nothing is ever billed.",
            "Service ends at once. Nothing is ever billed.",
        ),
    ],
)
def test_both_ends_say_what_is_billed(
    client: dict[str, Any] | None, changes: dict[str, Any], at_the_end: str, now: str
) -> None:
    asked = cancelling(client, **changes)
    assert asked.times == [
        ("period_end", "On Dec 1, 2026", at_the_end + UNDONE),
        ("now", "Now", now + FOR_GOOD),
    ]


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        (
            {"cancel_at": "2026-12-01T00:00:00Z"},
            "Service ends at once. Nothing more is billed, and what was paid is not refunded.",
        ),
        (
            {"status": "awaiting_card", "current_period": None},
            "The plan is taken back before service begins. Nothing is ever billed.",
        ),
        ({"status": "paused", "current_period": None}, "The plan ends at once. Nothing more is billed."),
    ],
)
def test_what_has_no_end_ahead_ends_now(changes: dict[str, Any], now: str) -> None:
    assert cancelling(**changes).times == [("now", "Now", now + FOR_GOOD)]


@pytest.mark.parametrize(
    ("changes", "choices"),
    [
        ({}, ["none", "all"]),
        (DEBT, ["none", "open", "all"]),
        ({"status": "trialing"}, []),
        ({"status": "awaiting_card", "current_period": None}, []),
        ({"status": "paused", "current_period": None}, []),
        ({"status": "paused", "current_period": None, **DEBT}, ["none", "open"]),
    ],
)
def test_only_what_there_is_can_be_forgiven(changes: dict[str, Any], choices: list[str]) -> None:
    assert [value for value, _, _ in cancelling(**changes).forgiving] == choices


def test_how_things_stand() -> None:
    assert cancelling(cancel_at="2026-12-01T00:00:00Z", **DEBT).standing == [
        "Harbor has Voice Pro for $49.00 a month; this period runs until Dec 1, 2026.",
        "It is cancelled already and ends on Dec 1, 2026; here you can end it at once.",
        "$98.00 is open on 2 invoices, and is still collected unless you forgive it.",
    ]
    assert cancelling(status="awaiting_card", current_period=None).standing == [
        "Harbor has Voice Pro for $49.00 a month."
    ]
