"""The schedule in words: every action that the agenda knows is told to people, and why it is done."""

import re
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

import billing.agenda
from api.pages.agency.coming import standstill, told
from api.pages.formats import Formats, locale_of
from api.pages.inside import Json

AT: Final = "2027-01-04T03:49:37Z"
FORMATS: Final = Formats(locale_of("en-US"), ZoneInfo("UTC"))
CARD: Final = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}
CLIENT: Final[Json] = {"payment_method": CARD, "next_invoice": None}
LADDER: Final[Json] = {"gaps_days": [3, 1, 7], "used": 0, "extended": False}
SUBSCRIPTION: Final[Json] = {"ladder": LADDER, "collection": "automatic"}


def item(action: str, detail: str, amount: int | None = None, section: int = 6) -> Json:
    money = None if amount is None else {"amount": amount, "currency": "usd"}
    return {"at": AT, "action": action, "amount": money, "rule": f"billing-rules {section}", "detail": detail}


def words(one: Json, client: Json = CLIENT, subscription: Json = SUBSCRIPTION) -> tuple[str, str]:
    (said,) = told(FORMATS, [one], client, subscription)
    return said.title, said.why


@pytest.mark.parametrize(
    ("one", "title", "why"),
    [
        (
            item("retry", "retry 2 of 3", 4900),
            "Retry 2 of 3: $49.00 is charged again",
            "1 day after the attempt before, if nothing is paid until then.",
        ),
        (item("final_action", "all retries failed: paused"), "Service is paused", "If it is not paid by then."),
        (item("final_action", "all retries failed: cancelled"), "The subscription is cancelled", "If it is not paid"),
        (item("issue_invoice", "invoice period 1", 4900), "Invoice of $49.00", "It is decided, and issued then."),
        (item("issue_invoice", "overage of period 3"), "The last invoice", "For the minutes over the plan"),
        (item("issue_invoice", "price of period 2 and overage of period 1", 4900), "Invoice of $49.00 and overage", ""),
        (item("change_plan", "the plan becomes Voice Max", 9900), "The plan becomes Voice Max", "As agreed: $99.00"),
        (item("cancel", "the subscription ends with its trial", None, 7), "The subscription ends", "with its trial."),
        (item("pause", "the subscription pauses with its period", None, 7), "Service pauses", "with its period."),
        (item("pause", "too many unpaid periods: no new one opens"), "Service pauses", "Too many periods are unpaid"),
        (
            item("frozen", "frozen since 2027-01-01 00:00 UTC: waits for the agency's tier"),
            "Billing stands still since then",
            "It waits for your tier.",
        ),
        (item("charge", "attempt 1 on inv_1_p2, tried in vain 3 times"), "The card is charged", "3 times in vain"),
        (
            item("charge", "attempt 1 on inv_1_p2, the bank is asked again, frozen"),
            "The card is charged",
            "is under way. The bank is asked again then. It waits until billing goes on.",
        ),
        (item("close_period", "period 2 closes, frozen"), "The period closes", "It waits until billing goes on."),
        (
            item("remind", "instead of retry 2 of 3: the card was refused for good", 4900),
            "The client is reminded to pay",
            "Instead of retry 2 of 3: the card was refused for good.",
        ),
        (item("unheard_of", "something new happens"), "Something new happens", ""),
    ],
)
def test_what_comes_is_told_with_its_reason(one: Json, title: str, why: str) -> None:
    said = words(one)
    assert said[0] == title
    assert why in said[1]


def test_a_retry_says_what_it_follows_from() -> None:
    retry = item("retry", "retry 1 of 3", 4900)
    promised = {**SUBSCRIPTION, "ladder": {**LADDER, "extended": True}}
    assert words(retry, subscription=promised)[1] == "The date was moved by your promise of more time."


def test_the_close_of_a_period_is_told_with_its_invoice() -> None:
    items = [item("close_period", "period 1 closes"), item("issue_invoice", "price of period 2 and overage", 4900)]
    expected = {"at": AT, "estimate": {"amount": 5900, "currency": "usd"}}
    (said,) = told(FORMATS, items, {**CLIENT, "next_invoice": expected}, {**SUBSCRIPTION, "collection": "manual"})
    assert said.title == "Invoice of $49.00 and overage"
    assert said.why.endswith("By now it comes to $59.00. You collect it by yourself.")


@pytest.mark.parametrize(
    ("detail", "amount", "title"),
    [
        ("overage of period 1", None, "The last invoice"),
        ("price of period 2 and overage of period 1", 0, "Invoice of overage"),
    ],
)
def test_no_invoice_of_nothing_is_announced(detail: str, amount: int | None, title: str) -> None:
    expected = {"at": AT, "estimate": {"amount": 0, "currency": "usd"}}
    said = words(item("issue_invoice", detail, amount), {**CLIENT, "next_invoice": expected})
    assert said[0] == title
    assert said[1].endswith("By now nothing would be due, and then no invoice is sent.")
    assert "$0" not in " ".join(said)


def test_what_is_decided_and_comes_to_nothing_is_no_invoice() -> None:
    assert words(item("issue_invoice", "invoice period 1", 0))[0] == "Nothing is due"


def test_a_standstill_is_told_with_what_it_waits_for() -> None:
    frozen = item("frozen", "frozen since 2027-01-04 03:49 UTC: waits for the account to be restored", section=8)
    assert standstill(FORMATS, [item("retry", "retry 1 of 3", 4900)]) is None
    assert standstill(FORMATS, [frozen]) == (
        "Billing stands still from Jan 4, 2027, 3:49 AM UTC on: it waits for your Stripe account to be restored. "
        "What waits for that is not foreseen here."
    )


def test_nothing_comes_without_a_subscription() -> None:
    assert told(FORMATS, [], CLIENT, None) == []


def test_every_action_of_the_agenda_has_words() -> None:
    """As its source has them; what is done at once is named by the key of its step."""
    source = Path(billing.agenda.__file__).read_text()
    steps = Path(billing.agenda.__file__).with_name("steps.py").read_text()
    actions = set(re.findall(r'Item\([^"]*"(\w+)", "(?:billing-rules|architecture)', source))
    actions |= {"cancel", "pause", "trial_ending", "trial_ended"}
    actions |= {"charge", "retry", "void", "mark_paid", "mark_uncollectible", "credit", "remind"}
    assert {f'return f"{word}:' in steps for word in ("charge", "void", "credit", "remind")} == {True}
    details: dict[str, Any] = {"retry": "retry 1 of 3", "final_action": "all retries failed: past due"}
    for action in actions - {"change_plan"}:
        said = words(item(action, details.get(action, "untold"), 4900))
        assert said[0] != "Untold", action
