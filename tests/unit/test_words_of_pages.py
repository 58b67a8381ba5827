"""The words of the API that the dashboard shows have words for people."""

from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from api.pages.agency.settings.history import FINDINGS
from api.pages.agency.settings.requirements import in_words
from api.pages.agency.trail import WORDS, Line, line
from api.pages.formats import Formats, locale_of
from billing.disputes import DisputeStatus
from billing.facts import Fact, NewsArrived, NewsRead, StepFailed
from billing.reconciling import FindingKind

UNSAID = {NewsArrived.kind, NewsRead.kind, StepFailed.kind}
"""Facts that stand in no trail."""


def said(what: str, detail: dict[str, Any] | None = None, who: str = "system", why: str | None = None) -> Line:
    entry = {"at": "2026-11-23T15:00:00Z", "what": what, "who": who, "why": why, "client_id": None}
    return line(Formats(locale_of("en-US"), ZoneInfo("UTC")), {**entry, "detail": detail or {}})


def test_every_fact_and_every_finding_has_words() -> None:
    assert {fact.kind for fact in get_args(Fact)} - UNSAID <= WORDS.keys()
    assert {f"dispute_{status}" for status in DisputeStatus} <= WORDS.keys()
    assert set(FINDINGS) == set(FindingKind)


def test_what_has_no_words_yet_is_still_readable() -> None:
    assert (said("CardEaten").title, said("plan_eaten").title) == ("Card eaten", "Plan eaten")


@pytest.mark.parametrize(
    ("what", "detail", "title", "says"),
    [
        ("Requested", {"asked": {"what": "pay_now"}}, "Payment asked for", ""),
        (
            "PaymentDeclined",
            {"reason": "Your card has insufficient funds."},
            "Payment declined",
            "The card has insufficient funds.",
        ),
        ("LadderExtended", {"days": 1}, "Next attempt moved", "by 1 day"),
        ("CancelRequested", {"now": False}, "Cancellation agreed", "at the end of the period"),
        ("PlanChangeRequested", {"now": True, "terms": {"name": "Max"}}, "Change of plan agreed", "to Max, at once"),
        ("FinalActionTaken", {"action": "past_due"}, "Retries used up", "past due"),
        ("CardSaved", {"card": {"brand": "visa", "last4": "4242"}}, "Card saved", "Visa ending in 4242"),
        ("dunning_applied", {"moved": 3}, "Retry policy applied to running debts", "3 moved"),
        ("client_changed", {"fields": ["billing_details", "name"]}, "Client changed", "billing details, name"),
        ("refunded", {"amount": 4900, "currency": "usd"}, "Refunded", "$49.00"),
        (
            "settings_changed",
            {
                "timezone": {"from": "UTC", "to": "America/New_York"},
                "usage_alert_percents": {"from": [80, 100], "to": []},
                "support_phone": {"from": None, "to": "555"},
                "final_action": {"from": "past_due", "to": "cancel"},
                "review_over": {"from": None, "to": 100},
                "review_over_currency": {"from": None, "to": "usd"},
            },
            "Settings changed",
            "Time zone: UTC → America/New_York; Usage alerts: 80, 100 → none; Support phone: none → 555; "
            "After the last attempt: past due → cancel; Review threshold",
        ),
    ],
)
def test_a_line_says_what_happened(what: str, detail: dict[str, Any], title: str, says: str) -> None:
    told = said(what, detail)
    assert (told.title, told.detail) == (title, says)


def test_a_line_says_who_why_and_about_what() -> None:
    told = said("WrittenOff", {"invoice": "inv_1", "plan": "pln_1"}, "agency:ada", "requested_by_customer")
    assert (told.who, told.why) == ("ada", "requested by customer")
    assert told.links == (("/agency/invoices/inv_1", "Invoice"), ("/agency/plans/pln_1", "Plan"))
    whose = {
        "system": "Retainer",
        "stripe": "Stripe",
        "client:kim": "the client, kim",
        "platform:ops": "the platform, ops",
    }
    assert {who: said("refunded", who=who).who for who in whose} == whose


def test_what_stripe_needs_is_said_once_each() -> None:
    needed = ["individual.first_name", "individual.last_name", "individual.dob.day", "individual.dob.month"]
    assert in_words(needed) == ["Your name", "Your date of birth"]
    assert in_words(["tos_acceptance.date", "tos_acceptance.ip", "external_account", "business_profile.url"]) == [
        "Your agreement to Stripe's terms",
        "A bank account for payouts",
        "The business's web site",
    ]
    assert in_words(["person_1Nv0FG.verification.document", "company.registration_number"]) == [
        "A person's proof of identity",
        "The company's registration number",
    ]
    assert in_words(["interv_1.new_thing"]) == ["Interv 1, new thing"]
