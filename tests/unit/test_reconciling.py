"""What differs between an invoice of our books and Stripe's: each kind is seen, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoices import InvoiceStatus
from billing.payments import AccountReading, ChargeReading, InvoiceReading
from billing.reconciling import (
    Booked,
    BookedAccount,
    FindingKind,
    account_differences,
    invoice_differences,
)

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)


def charge(id: str, status: Any = "succeeded") -> ChargeReading:
    return ChargeReading(id, "pi_1", status, 4900, AT)


OURS = Booked("inv_1", "cli_1", "in_1", InvoiceStatus.PAID, "usd", 4900, 4900, frozenset({"ch_1"}), moving=False)
THEIRS = InvoiceReading(
    provider_id="in_1",
    invoice="inv_1",
    status=InvoiceStatus.PAID,
    number="A-1",
    currency="usd",
    subtotal=4900,
    total=4900,
    amount_due=4900,
    amount_paid=4900,
    starting_balance=0,
    ending_balance=0,
    paid_out_of_band=False,
    hosted_url=None,
    pdf_url=None,
    intent="succeeded",
    charges=(charge("ch_0", "failed"), charge("ch_1")),
)
OPEN = InvoiceStatus.OPEN
NO_CHARGE: frozenset[str] = frozenset()


def kinds(ours: Booked | None, theirs: InvoiceReading | None) -> list[FindingKind]:
    return [difference.kind for difference in invoice_differences(ours, theirs)]


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ({}, {"status": OPEN, "amount_paid": 0, "charges": ()}, ["invoice_status_differs", "payment_missing"]),
        (
            {"status": OPEN, "amount_paid": 0, "charges": NO_CHARGE},
            {"charges": (charge("ch_9"),)},
            ["invoice_status_differs"],
        ),
        ({"amount_due": 4800}, {}, ["invoice_amount_differs"]),
        ({"amount_paid": None}, {}, ["invoice_amount_differs"]),
        ({"currency": "eur"}, {}, ["invoice_amount_differs"]),
        ({}, {"charges": (charge("ch_1"), charge("ch_2"))}, ["payment_unexplained"]),
        ({"charges": NO_CHARGE}, {"charges": (charge("ch_1"), charge("ch_2"))}, ["payment_unexplained"]),
        ({}, {"charges": (charge("ch_2"),)}, ["payment_missing", "payment_unexplained"]),
    ],
)
def test_each_difference_is_found_as_what_it_is(ours: dict[str, Any], theirs: dict[str, Any], found: list[str]) -> None:
    assert kinds(replace(OURS, **ours), replace(THEIRS, **theirs)) == found


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        # Paid on Stripe's page, or by the customer's balance: no attempt of ours, and one charge at most.
        ({"charges": NO_CHARGE}, {}),
        ({"charges": NO_CHARGE}, {"charges": ()}),
        ({}, {"charges": (charge("ch_1"), charge("ch_2", "failed"))}),
        ({"status": InvoiceStatus.VOID, "charges": NO_CHARGE}, {"status": InvoiceStatus.VOID, "amount_due": 0}),
        # Not issued yet, and not at rest.
        ({"provider_id": None}, {"status": OPEN}),
        ({"moving": True}, {"status": OPEN, "charges": ()}),
    ],
)
def test_what_agrees_and_what_moves_is_no_finding(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert kinds(replace(OURS, **ours), replace(THEIRS, **theirs)) == []


def test_an_invoice_that_only_one_side_has() -> None:
    (missing,) = invoice_differences(OURS, None)
    assert (missing.kind, missing.object, missing.invoice, missing.client) == (
        FindingKind.INVOICE_MISSING,
        "in_1",
        "inv_1",
        "cli_1",
    )
    (unknown,) = invoice_differences(None, THEIRS)
    assert (unknown.kind, unknown.object, unknown.invoice) == (FindingKind.INVOICE_UNKNOWN, "in_1", None)
    assert unknown.theirs == "paid, 49.00 USD due, 49.00 USD paid"


@pytest.mark.parametrize("theirs", [{"invoice": None}, {"status": InvoiceStatus.DRAFT}, {"status": InvoiceStatus.VOID}])
def test_what_claims_nothing_of_ours_is_no_finding(theirs: dict[str, Any]) -> None:
    assert kinds(None, replace(THEIRS, **theirs)) == []
    assert kinds(None, None) == []


amounts = st.integers(0, 99_999_999)


@given(
    status=st.sampled_from([status for status in InvoiceStatus if status is not InvoiceStatus.DRAFT]),
    currency=st.sampled_from(["usd", "jpy", "kwd"]),
    due=amounts,
    paid=amounts,
    ours=st.booleans(),
    charged=st.booleans(),
    failures=st.integers(0, 3),
)
def test_two_sides_that_say_the_same_never_differ(
    status: InvoiceStatus, currency: str, due: int, paid: int, ours: bool, charged: bool, failures: int
) -> None:
    charges = [charge(f"ch_f{number}", "failed") for number in range(failures)] + [charge("ch_1")] * charged
    theirs = replace(THEIRS, status=status, currency=currency, amount_due=due, amount_paid=paid, charges=tuple(charges))
    booked = replace(OURS, status=status, currency=currency, amount_due=due, amount_paid=paid)
    by_us = frozenset({"ch_1"}) if ours and charged else NO_CHARGE
    assert invoice_differences(replace(booked, charges=by_us), theirs) == ()


HEALTH = AccountReading("acct_1", True, True, True, "active")
BOOKED = BookedAccount("acct_1", True, True, "active", connected=True)


@pytest.mark.parametrize(
    "changes",
    [{"charges_enabled": False}, {"payouts_enabled": False}, {"card_payments": "inactive"}, {"connected": False}],
)
def test_an_accounts_other_health_is_a_finding(changes: dict[str, Any]) -> None:
    (found,) = account_differences(BOOKED, replace(HEALTH, **changes))
    assert (found.kind, found.object) == (FindingKind.ACCOUNT_DIFFERS, "acct_1")
    assert found.ours != found.theirs
    assert account_differences(BOOKED, replace(HEALTH, requirements=("external_account",))) == ()
