"""Only what the state of things allows is offered on the pages of invoices and clients."""

from typing import Any

import pytest

from api.pages.agency.possible import archivable, change_times, on_client, on_invoice, reasons, refundable

USD = {"amount": 4900, "currency": "usd"}
NOTHING = {"amount": 0, "currency": "usd"}
CARD = {"payment_method": {"brand": "visa"}, "archived_at": None}
NO_CARD = {"payment_method": None, "archived_at": None}
SUBSCRIPTION: dict[str, Any] = {
    "status": "active",
    "current_period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "pending_change": None,
    "pause_at": None,
    "paused_reason": None,
    "cancel_at": None,
    "open_invoices": 0,
    "ladder": None,
    "parked_invoices": [],
}
INVOICE: dict[str, Any] = {
    "id": "inv_1",
    "kind": "period",
    "status": "open",
    "due_at": None,
    "attempts": [{"result": "declined"}],
    "paid_out_of_band": False,
    "amount_paid": NOTHING,
    "amount_refunded": NOTHING,
}
CORRECTING = ["mark-paid", "credit", "reissue", "mark-uncollectible", "void"]


@pytest.mark.parametrize(
    ("changes", "client", "expected"),
    [
        ({}, CARD, ["retry", *CORRECTING]),
        ({}, NO_CARD, CORRECTING),
        ({"due_at": "2026-12-01T00:00:00Z"}, CARD, ["send", *CORRECTING]),
        ({"attempts": [{"result": "declined"}, {"result": None}]}, CARD, []),
        ({"status": "uncollectible"}, CARD, ["mark-paid", "void"]),
        ({"status": "paid", "amount_paid": USD}, CARD, ["refund"]),
        ({"status": "paid", "amount_paid": USD, "amount_refunded": USD}, CARD, []),
        ({"status": "paid", "amount_paid": USD, "paid_out_of_band": True}, CARD, []),
        ({"status": "void"}, CARD, []),
        ({"status": "statement"}, CARD, []),
        ({"status": "draft"}, CARD, []),
        ({"status": "draft", "kind": "custom"}, CARD, ["void"]),
    ],
)
def test_an_invoice_offers_what_its_status_allows(
    changes: dict[str, Any], client: dict[str, Any], expected: list[str]
) -> None:
    assert on_invoice(INVOICE | changes, client, SUBSCRIPTION) == expected


def test_a_parked_draft_waits_for_a_decision() -> None:
    parked = SUBSCRIPTION | {"parked_invoices": ["inv_1"]}
    assert on_invoice(INVOICE | {"status": "draft"}, CARD, parked) == ["review", "void"]
    assert on_invoice(INVOICE | {"status": "draft"}, CARD, None) == []


def test_what_was_given_back_can_not_be_given_back_again() -> None:
    paid = INVOICE | {"status": "paid", "amount_paid": USD, "amount_refunded": {"amount": 900, "currency": "usd"}}
    assert refundable(paid) == 4000


TERMS = ["spend-cap", "collection"]
LADDER = {"next_attempt_at": "2026-12-01T00:00:00Z", "extended": False}
EXHAUSTED = {"next_attempt_at": None, "extended": False, "final_action": "pause"}
IN_VAIN = {"status": "paused", "open_invoices": 1, "ladder": EXHAUSTED}
ALWAYS = ["invoice", "card-request"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["change", "pause", *TERMS, "cancel"]),
        ({"status": "awaiting_card", "current_period": None}, ["change", *TERMS, "cancel"]),
        ({"status": "trialing"}, ["change", *TERMS, "cancel"]),
        ({"pending_change": {"id": "chg_1"}}, ["undo-change", "pause", *TERMS, "cancel"]),
        ({"pause_at": "2026-12-01T00:00:00Z"}, ["change", "undo-pause", *TERMS, "cancel"]),
        ({"cancel_at": "2026-12-01T00:00:00Z"}, ["change", *TERMS, "undo-cancel", "cancel"]),
        ({"status": "paused", "paused_reason": "agency"}, ["resume", *TERMS, "cancel"]),
        ({"status": "paused", "paused_reason": "unpaid", "open_invoices": 1}, ["retry", *TERMS, "cancel"]),
        ({**IN_VAIN, "paused_reason": "agency"}, ["retry", *TERMS, "cancel"]),
        ({**IN_VAIN, "paused_reason": "agency", "open_invoices": 0}, ["resume", *TERMS, "cancel"]),
        ({"cancel_at": "2026-12-01T00:00:00Z", "open_invoices": 1}, ["retry", *TERMS, "undo-cancel", "cancel"]),
        ({"status": "past_due", "open_invoices": 1}, ["retry", "change", "pause", *TERMS, "cancel"]),
        ({"open_invoices": 1, "ladder": LADDER}, ["retry", "extend", "change", "pause", *TERMS, "cancel"]),
        ({"open_invoices": 1, "ladder": LADDER | {"extended": True}}, ["retry", "change", "pause", *TERMS, "cancel"]),
        ({"parked_invoices": ["inv_1"]}, ["review", "change", "pause", *TERMS, "cancel"]),
        ({"status": "cancelled"}, ["assign"]),
        ({"status": "cancelled", "open_invoices": 1}, ["retry", "assign"]),
    ],
)
def test_a_client_offers_what_its_subscription_allows(changes: dict[str, Any], expected: list[str]) -> None:
    assert on_client(CARD, SUBSCRIPTION | changes, charges=True) == [*expected, *ALWAYS]


def test_without_a_subscription_a_plan_is_assigned_and_an_archived_client_is_left_alone() -> None:
    assert on_client(NO_CARD, None, charges=True) == ["assign", *ALWAYS]
    assert on_client(CARD | {"archived_at": "2026-11-01T00:00:00Z"}, SUBSCRIPTION, charges=True) == []


def test_without_an_account_that_can_charge_nothing_is_offered_that_charges() -> None:
    assert on_client(NO_CARD, None, charges=False) == ["assign"]
    owing = SUBSCRIPTION | {"status": "cancelled", "open_invoices": 1}
    assert on_client(CARD, owing, charges=False) == ["assign"]


@pytest.mark.parametrize(
    ("changes", "times"),
    [
        ({}, ["", "now", "period_end"]),
        ({"open_invoices": 1}, ["period_end"]),
        ({"cancel_at": "2026-12-01T00:00:00Z"}, ["now"]),
        ({"cancel_at": "2026-12-01T00:00:00Z", "open_invoices": 1}, []),
        ({"status": "trialing"}, ["replace"]),
        ({"status": "awaiting_card"}, ["replace"]),
        ({"status": "paused"}, []),
    ],
)
def test_a_plan_changes_only_when_the_api_lets_it(changes: dict[str, Any], times: list[str]) -> None:
    assert change_times(SUBSCRIPTION | changes) == times


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, {}),
        ({"open_invoices": 1}, {}),
        ({"status": "cancelled"}, {}),
        ({"status": "paused", "paused_reason": "agency"}, {"change": "service is paused"}),
        (
            {"cancel_at": "2026-12-01T00:00:00Z", "open_invoices": 1},
            {"change": "the plan ends with this period, and there is a debt"},
        ),
        (
            {"status": "paused", "paused_reason": "unpaid", "open_invoices": 1},
            {"change": "service is paused", "resume": "the debt has to be paid first"},
        ),
    ],
)
def test_what_is_looked_for_and_not_offered_has_its_reason(changes: dict[str, Any], why: dict[str, str]) -> None:
    assert reasons(SUBSCRIPTION | changes) == why


@pytest.mark.parametrize(
    ("status", "due", "expected"),
    [(None, [], True), ("cancelled", [], True), ("cancelled", [USD], False), ("active", [], False)],
)
def test_a_client_without_service_and_debt_can_be_archived(status: str | None, due: list[Any], expected: bool) -> None:
    assert archivable({"subscription_status": status, "amount_due": due}) is expected
