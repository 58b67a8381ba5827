"""What a client reads over the billing page, of its plan and of an invoice: in each state only what is true in it."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from api.pages.formats import Formats, locale_of
from api.pages.inside import Json
from api.pages.portal import plan, sums
from api.pages.portal.notice import Notice, Told, notice

AS_OF: Final = "2026-11-01T06:00:00Z"
FORMATS: Final = Formats(locale_of("en-GB"), ZoneInfo("America/New_York"))
NEW_ZEALAND: Final = "Pacific/Auckland"
AGENCY: Final = "Bright Voice"
CARD: Final = {"brand": "amex", "last4": "0005", "exp_month": 12, "exp_year": 2026}
BOTH, ONLY_A_CARD = ["update_payment_method", "pay_now"], ["update_payment_method"]
DECLINED: Final = "Your card was declined."
SUBSCRIPTION: Final[Json] = {
    "status": "active",
    "starts_at": None,
    "trial_end": None,
    "pending_change": None,
    "pause_at": None,
    "cancel_at": None,
    "paused_reason": None,
    "collection": "automatic",
}


def usd(amount: int) -> Json:
    return {"amount": amount, "currency": "usd"}


def attempt(days: int, left: int, amount: int = 4900) -> Json:
    return {"at": f"2026-11-{1 + days:02d}T06:00:00Z", "amount": usd(amount), "attempts_left": left}


def told(kind: str, card: Json | None = CARD, status: str = "active", paused: str | None = None, **of: Any) -> Notice:
    banner = {
        "kind": kind,
        "reason": DECLINED,
        "invoice_id": "inv_1",
        "amount_due": usd(4900),
        "open_invoices": 1,
        "next_attempts": [],
        "obstacle": None,
        "possible_at": None,
        "sent": False,
        "actions": BOTH,
        **of,
    }
    subscription = {**SUBSCRIPTION, "status": status, "paused_reason": paused, "trial_end": "2026-11-30T11:00:00Z"}
    coming = {"at": "2026-11-30T12:00:00Z", "estimate": usd(4900)}
    billing = {"as_of": AS_OF, "banner": banner, "subscription": subscription, "payment_method": card}
    said = notice(Told(FORMATS, AGENCY, {**billing, "next_invoice": coming}, NEW_ZEALAND))
    assert said
    return said


def test_nothing_is_said_when_all_is_well() -> None:
    assert notice(Told(FORMATS, AGENCY, {"banner": None}, "UTC")) is None


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        (
            [attempt(3, 2)],
            f"{DECLINED} We try again in 3 days, on 4 Nov 2026, 01:00 EST (2 attempts are left). "
            "You can pay before that.",
        ),
        ([attempt(3, 1)], "We try again in 3 days, on 4 Nov 2026, 01:00 EST, for the last time."),
        ([attempt(0, 1)], "We try again any moment now, for the last time."),
        (
            [attempt(2, 1, 900), attempt(3, 3, 4000)],
            "We try again: US$9.00 in 2 days, on 3 Nov 2026, 01:00 EST, for the last time; "
            "US$40.00 in 3 days, on 4 Nov 2026, 01:00 EST (3 attempts are left).",
        ),
        ([attempt(2, 2, 900)], "We try US$9.00 again in 2 days"),
    ],
)
def test_a_failed_payment_names_what_is_tried_and_when(tries: list[Json], said: str) -> None:
    assert said in told("payment_failed", next_attempts=tries).text


def test_a_sum_of_several_invoices_is_no_one_payment() -> None:
    assert told("payment_failed").title == "Your payment of US$49.00 failed"
    assert told("payment_failed", open_invoices=2).title == "2 invoices are unpaid: US$49.00 in all"
    assert told("payment_failed", reason=None, obstacle="disputed").title == "US$49.00 could not be charged"
    assert told("checking", open_invoices=2, actions=[]).title == "Your payment is being checked"


@pytest.mark.parametrize("status", ["awaiting_card", "trialing", "active"])
def test_where_no_card_can_be_entered_nobody_is_asked_for_one(status: str) -> None:
    said = told("no_payment_method", card=None, status=status, open_invoices=0, actions=[])
    assert (said.title, said.card) == ("A card is needed", None)
    assert said.text.endswith("Cards can't be entered just now: please ask Bright Voice.")
    assert told("card_expiring", actions=[]).text.endswith("just now: please ask Bright Voice.")


AT_ONCE: Final = "enter another card, to which the open invoice is charged at once."


@pytest.mark.parametrize(
    ("obstacle", "actions", "said"),
    [
        ("hard_decline", ONLY_A_CARD, f"This card is not tried again. Please {AT_ONCE}"),
        (
            "disputed",
            BOTH,
            f"This card is not charged by itself while a payment with it is disputed. Please pay now, or {AT_ONCE}",
        ),
        (
            "card_limit",
            ONLY_A_CARD,
            "This card was tried as often as is allowed in 30 days; it can be charged again from "
            f"1 Dec 2026, 01:00 EST. Please {AT_ONCE}",
        ),
        (
            "agency_frozen",
            ONLY_A_CARD,
            "Bright Voice can't take payments just now, so nothing is charged. "
            "You need do nothing until that is over: this page shows what comes then.",
        ),
        (None, BOTH, "It is not tried again by itself. Please pay now"),
        (None, [], "It is not tried again by itself. Please ask Bright Voice."),
    ],
)
def test_what_keeps_a_payment_from_being_tried_is_named(obstacle: str, actions: list[str], said: str) -> None:
    text = told("payment_failed", obstacle=obstacle, actions=actions, possible_at="2026-12-01T06:00:00Z").text
    assert text.startswith(f"{DECLINED} {said}")


def test_no_card_is_promised_to_be_charged_for_what_was_sent() -> None:
    assert told("payment_failed", obstacle="hard_decline", actions=ONLY_A_CARD, sent=True).text.endswith(
        "Please enter another card."
    )


@pytest.mark.parametrize(
    ("obstacle", "actions", "says", "says_not"),
    [
        (None, BOTH, "All automatic attempts are used up. Please pay now, or enter", "not tried again"),
        ("hard_decline", ONLY_A_CARD, "This card is not tried again. Please enter another", "pay now"),
        ("customer_must_act", BOTH, "Press “Pay now” and follow what your bank asks, or enter", "Please pay"),
        ("agency_frozen", ONLY_A_CARD, "can't take payments just now", "Please"),
        ("no_card", ONLY_A_CARD, "There is no card on file. Please enter", "used up"),
    ],
)
def test_past_due_asks_for_what_would_be_taken(
    obstacle: str | None, actions: list[str], says: str, says_not: str
) -> None:
    said = told("past_due", status="past_due", obstacle=obstacle, actions=actions)
    assert (said.title, said.tone) == ("US$49.00 is past due", "bad")
    assert says in said.text
    assert says_not not in said.text


def test_a_pause_for_want_of_payment_ends_with_it_and_one_of_the_agencys_does_not() -> None:
    unpaid = told("paused", status="paused", paused="unpaid")
    assert unpaid.title == "Your service is paused: US$49.00 is unpaid"
    assert unpaid.text.startswith("It goes on by itself once the open invoice is paid.")
    agreed = told("paused", status="paused", paused="agency", next_attempts=[attempt(3, 2)])
    assert agreed.title == "Your service is paused, and US$49.00 is unpaid"
    assert "To go on, please ask Bright Voice." in agreed.text
    assert "still to be paid: US$49.00. We try again in 3 days" in agreed.text
    assert "goes on by itself" not in agreed.text
    settled = told("paused", status="paused", paused="agency", open_invoices=0, actions=ONLY_A_CARD)
    assert (settled.tone, settled.urgent) == ("info", False)
    assert "unpaid" not in settled.title


@pytest.mark.parametrize(
    ("status", "open_invoices", "title", "says"),
    [
        ("active", 1, "A card is needed to pay US$49.00", "Please enter a card, to which the open invoice is charged"),
        ("active", 0, "Please enter a card", "Your invoices are charged to a card, and there is none on file."),
        ("awaiting_card", 0, "Please enter a card", "Your plan starts as soon as there is a card."),
        ("trialing", 0, "Please enter a card", "Your trial ends on 1 Dec 2026; from then on"),
    ],
)
def test_a_card_that_is_missing_is_asked_for_with_the_reason(
    status: str, open_invoices: int, title: str, says: str
) -> None:
    how: dict[str, Any] = {"obstacle": "no_card", "open_invoices": open_invoices, "actions": ONLY_A_CARD}
    said = told("no_payment_method", None, status, **how)
    assert (said.title, said.pays, said.card) == (title, None, "Enter a card")
    assert says in said.text


def test_the_day_before_which_a_card_is_wanted_is_a_day_of_billing() -> None:
    text = told("card_expiring").text
    assert text.startswith("The American Express card ending in 0005 is good until 12/2026.")
    assert text.endswith("Please enter the new one before 1 Dec 2026."), "which is November still in New York"


def test_the_buttons_are_what_the_api_takes() -> None:
    said = told("payment_failed")
    assert (said.pays, said.card, said.urgent) == ("inv_1", "Update card", True)
    frozen = told("payment_failed", obstacle="agency_frozen", actions=ONLY_A_CARD)
    assert (frozen.card, frozen.urgent) == ("Update card", False), "nothing has to be done"
    checked = told("checking", actions=[])
    assert (checked.tone, checked.pays, checked.card) == ("info", None, None)


# The plan


def agreed(**of: Any) -> list[str]:
    return list(plan.agreed(FORMATS, AGENCY, NEW_ZEALAND, {**SUBSCRIPTION, **of}))


def test_what_is_agreed_is_told_with_its_day_of_billing() -> None:
    boundary = "2026-11-30T11:00:00Z"
    assert agreed() == []
    assert agreed(pause_at=boundary) == [
        "Bright Voice pauses your service on 1 Dec 2026, until it is resumed by Bright Voice. "
        "Until that day all goes on as usual."
    ]
    assert agreed(cancel_at=boundary)[0].startswith("The plan is cancelled and ends on 1 Dec 2026.")
    assert agreed(starts_at=boundary)[0].startswith("Your plan starts on 1 Dec 2026.")
    assert agreed(starts_at=boundary, status="trialing")[0].startswith("Your trial starts on")
    change = {"at": boundary, "plan": {"name": "Voice Max", "price": usd(9900), "included_minutes": 1500}}
    assert agreed(pending_change=change)[0].startswith("From 1 Dec 2026 your plan is Voice Max: US$99.00 a month")
    assert agreed(status="cancelled") == ["The plan has ended. Your invoices stay here."]


def test_what_is_still_to_begin_is_not_called_active() -> None:
    assert plan.badge(SUBSCRIPTION) == ("Active", "good")
    assert plan.badge({**SUBSCRIPTION, "starts_at": AS_OF}) == ("Not started", "")


def test_only_what_the_agency_collects_itself_is_billed_by_hand() -> None:
    assert [plan.by_hand(one) for one in (None, SUBSCRIPTION, {**SUBSCRIPTION, "collection": "manual"})] == [
        False,
        False,
        True,
    ]


# Invoices


def invoice(**of: Any) -> Json:
    nothing = ("tax", "balance_applied", "credited", "amount_paid", "amount_refunded")
    known = {"due_at": None, "paid_out_of_band": False, "status": "pending", "collectible": True, "payable": True}
    return {"amount": usd(4900), "pay_url": None, **known, **{name: usd(0) for name in nothing}, **of}


def rows(**of: Any) -> list[tuple[str, int]]:
    return [(row.label, row.amount["amount"]) for row in sums.sums(invoice(**of))]


PAID: Final[Json] = {"status": "paid", "collectible": False, "payable": False}


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({}, [("Amount due", 4900)]),
        ({"amount_paid": usd(900)}, [("Amount due", 4900), ("Paid", -900), ("Still to be paid", 4000)]),
        (
            {"tax": usd(931), "balance_applied": usd(-500), "credited": usd(1331), "amount": usd(4000)},
            [
                ("Tax", 931),
                ("Your balance", -500),
                ("Credit notes", -1331),
                ("Amount due", 4000),
            ],
        ),
        (
            {**PAID, "amount_paid": usd(4900), "amount_refunded": usd(1000)},
            [("Amount due", 4900), ("Paid", -4900), ("Still to be paid", 0), ("Given back to you", 1000)],
        ),
        (
            {**PAID, "paid_out_of_band": True},
            [("Amount due", 4900), ("Paid by other means", -4900), ("Still to be paid", 0)],
        ),
        (
            {**PAID, "credited": usd(4900), "amount": usd(0)},
            [("Credit notes", -4900), ("Amount due", 0)],
        ),
        ({"status": "void", "collectible": False}, [("Amount due", 4900)]),
        ({"status": "failed", "collectible": False}, [("Amount due", 4900)]),
    ],
)
def test_the_sums_of_an_invoice_explain_themselves(of: Json, said: list[tuple[str, int]]) -> None:
    assert rows(**of) == said


@pytest.mark.parametrize(
    ("of", "badge", "remark"),
    [
        ({}, "Pending", ""),
        ({"due_at": "2026-11-01T06:00:01Z"}, "Pending", ""),
        ({"due_at": AS_OF}, "Overdue", ""),
        ({"due_at": AS_OF, **PAID}, "Paid", ""),
        ({"status": "failed"}, "Failed", ""),
        ({"status": "failed", "payable": False}, "Failed", "It can't be paid on this page just now."),
        ({"payable": False, "pay_url": "https://billing.example.com/pay/x"}, "Pending", ""),
        ({"status": "failed", "collectible": False}, "Not collected", "This invoice is not collected any more."),
        ({"status": "void", "collectible": False}, "Void", "This invoice is void: nothing is to be paid of it."),
    ],
)
def test_an_invoice_says_how_it_stands(of: Json, badge: str, remark: str) -> None:
    now = datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert (sums.badge(invoice(**of), now)[0], sums.remark(invoice(**of))) == (badge, remark)


def test_what_was_paid_of_an_open_invoice_is_not_asked_for_again() -> None:
    assert sums.remaining(invoice(amount_paid=usd(900))) == usd(4000)
