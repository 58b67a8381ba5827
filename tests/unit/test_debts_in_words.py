"""What a client owes as its agency reads it: true of each state that a debt can be in, and with what helps there."""

from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from api.pages.agency import debts
from api.pages.agency.debts import Debt, Owed
from api.pages.formats import Formats, locale_of

NOW: Final = "2026-11-10T00:00:00Z"
LADDER: Final[dict[str, Any]] = {
    "started_at": "2026-11-01T01:00:03Z",
    "gaps_days": [3, 5, 7],
    "final_action": "pause",
    "used": 1,
    "attempts_left": 2,
    "extended": False,
    "next_attempt_at": "2026-11-11T15:00:00Z",
}
USED_UP: Final = {**LADDER, "used": 3, "attempts_left": 0, "next_attempt_at": None}
OWED: Final = {"amount": 4900, "currency": "usd"}
DEBT: Final[dict[str, Any]] = {
    "subscription_id": "sub_1",
    "plan_name": "Voice Pro",
    "status": "active",
    "paused_reason": None,
    "amount_due": OWED,
    "since": "2026-11-01T01:00:02Z",
    "invoices": [{"id": "inv_1", "number": "BRIGHT-0001", "amount_due": OWED}],
    "due_at": None,
    "reason": "Your card has insufficient funds.",
    "checking": False,
    "obstacle": None,
    "frozen": None,
    "ladder": LADDER,
}
CUSTOM: Final = {"subscription_id": None, "plan_name": None, "status": None}
CARD: Final = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}
NEXT: Final = "Retry 2 of 3 is on Nov 11, 2026, 3:00 PM UTC. Another follows 7 days later."


def owed(*changes: dict[str, Any], card: dict[str, Any] | None = CARD) -> Owed:
    """Of a client whose subscription is `sub_1`."""
    client = {"id": "cli_1", "archived_at": None, "payment_method": card, "amount_due": []}
    terms = {"pending_change": None, "current_period": None, "pause_at": None, "cancel_at": None}
    subscription = {"id": "sub_1", "status": "active", "open_invoices": 1, "parked_invoices": [], **terms}
    found = {"as_of": NOW, "data": [{**DEBT, **change} for change in changes]}
    formats = Formats(locale_of("en-US"), ZoneInfo("UTC"))
    told = debts.told(formats, found, client, {**subscription, "ladder": found["data"][-1]["ladder"]})
    assert told
    return told


def the_one(change: dict[str, Any], card: dict[str, Any] | None = CARD) -> Debt:
    (debt,) = owed(change, card=card).debts
    return debt


def test_who_owes_nothing_is_told_nothing() -> None:
    formats = Formats(locale_of("en-US"), ZoneInfo("UTC"))
    assert debts.told(formats, {"as_of": NOW, "data": []}, {}, None) is None


@pytest.mark.parametrize(
    ("change", "why", "following", "acts"),
    [
        ({}, "The last payment failed. The card has insufficient funds.", NEXT, ["retry", "extend"]),
        (
            {"ladder": {**LADDER, "used": 2}},
            "The last payment failed. The card has insufficient funds.",
            "Retry 3 of 3 is on Nov 11, 2026, 3:00 PM UTC. It is the last one.",
            ["retry", "extend"],
        ),
        (
            {"obstacle": "hard_decline", "reason": "Your card was reported lost."},
            "The last payment failed. The card was reported lost.",
            "This card is not tried again: the client is reminded on Nov 11, 2026, 3:00 PM UTC instead of retry 2 of "
            "3. Another follows 7 days later.",
            ["extend", "card-request"],
        ),
        (
            {"obstacle": "no_card", "reason": None, "ladder": {**LADDER, "used": 0}},
            "",
            "There is no card to charge: the client is reminded on Nov 11, 2026, 3:00 PM UTC instead of retry 1 of 3. "
            "More follow 5 and 7 days later.",
            ["extend", "card-request"],
        ),
        (
            {"checking": True},
            "The bank has not answered for certain yet.",
            "What came of it shows here; nothing is charged twice.",
            [],
        ),
        (
            {"frozen": "restricted"},
            "The last payment failed. The card has insufficient funds.",
            "Nothing is tried until Stripe lets your account charge again.",
            [],
        ),
        (
            {"status": "past_due", "ladder": USED_UP},
            "The last payment failed. The card has insufficient funds. The subscription is past due, and service goes "
            "on.",
            "Nothing more is tried by itself.",
            ["retry"],
        ),
        (
            {"status": "paused", "paused_reason": "unpaid", "ladder": USED_UP},
            "The last payment failed. The card has insufficient funds. Service is paused until all of it is paid.",
            "Nothing more is tried by itself.",
            ["retry"],
        ),
        (
            {**CUSTOM, "reason": None, "ladder": None, "due_at": "2026-11-14T00:00:00Z", "obstacle": "no_card"},
            "It was sent to the client, and is due on Nov 14, 2026.",
            "The client pays it on Stripe's page.",
            ["send"],
        ),
        (
            {**CUSTOM, "reason": None, "ladder": None, "due_at": "2026-11-04T00:00:00Z"},
            "It was sent to the client, and was due on Nov 4, 2026.",
            "The client pays it on Stripe's page.",
            ["send"],
        ),
    ],
    ids=["ladder", "last", "hard", "no card", "checking", "frozen", "past due", "paused", "sent", "late"],
)
def test_each_state_of_a_debt_has_its_words(change: dict[str, Any], why: str, following: str, acts: list[str]) -> None:
    debt = the_one(change)
    assert (debt.why, debt.following.replace("\u202f", " "), [act for _, act in debt.acts]) == (why, following, acts)


def test_a_final_act_is_told_only_where_one_comes() -> None:
    assert the_one({}).final_action == "pause"
    for change in ({"status": "cancelled"}, CUSTOM, {"ladder": USED_UP}, {"checking": True}, {"frozen": "tier"}):
        assert the_one(change).final_action is None


def test_a_debt_that_only_waits_is_no_alarm() -> None:
    sent = {**CUSTOM, "reason": None, "ladder": None, "due_at": "2026-11-14T00:00:00Z"}
    assert owed(sent).kind == "warn"
    assert owed({**sent, "due_at": NOW}).kind == "bad"
    assert owed({**DEBT, "reason": None, "obstacle": "no_card"}).kind == "warn"
    assert owed({}).kind == "bad"


def test_all_is_told_together_and_each_by_what_it_is() -> None:
    euros = {"amount_due": {"amount": 1000, "currency": "eur"}}
    assert owed(euros, {}).title == "€10.00 and $49.00 have been owed since Nov 1, 2026"
    earlier = {"subscription_id": "sub_0", "status": "cancelled", "since": "2026-10-01T00:00:00Z"}
    told = owed(CUSTOM, earlier, {})
    assert told.title == "$147.00 has been owed since Oct 1, 2026"
    assert [debt.what for debt in told.debts] == ["Custom invoice", "Earlier plan Voice Pro", "Plan Voice Pro"]
    assert [debt.acts[0][0] for debt in told.debts] == [
        "/agency/invoices/inv_1/retry",
        "/agency/invoices/inv_1/retry",
        "/agency/clients/cli_1/retry",
    ]
