"""What differs between a refund or dispute of our books and Stripe's: each kind is seen, and nothing else is."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.disputes import DisputeStatus
from billing.invoices import InvoiceStatus
from billing.reconciling import Booked, FindingKind, Subject, subject_of
from billing.refunds import RefundStatus
from billing.reversals import BookedReversal, ReversalReading, Reversing, reversal_differences

PAID = Booked("inv_1", "cli_1", "in_1", InvoiceStatus.PAID, "usd", 4900, 4900, frozenset({"ch_1"}), moving=False)
OURS = BookedReversal(Subject.REFUND, "re_1", "inv_1", "cli_1", "succeeded", 900, "usd")
THEIRS = ReversalReading(Subject.REFUND, "re_1", "pi_1", "cus_1", "succeeded", 900, "usd")
both = pytest.mark.parametrize("subject", [Subject.REFUND, Subject.DISPUTE])


@both
@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        (None, "missing"),
        ({"status": "failed"}, "status_differs"),
        ({"status": "failed", "amount": 1}, "status_differs"),
        ({"amount": 901}, "amount_differs"),
        ({"currency": "eur"}, "amount_differs"),
    ],
)
def test_each_difference_is_found_as_what_it_is(subject: Reversing, theirs: dict[str, Any] | None, found: str) -> None:
    seen = None if theirs is None else replace(THEIRS, subject=subject, **theirs)
    (difference,) = reversal_differences(replace(OURS, subject=subject), seen, None)
    assert difference.kind == f"{subject}_{found}"
    assert (difference.object, difference.invoice, difference.client) == ("re_1", "inv_1", "cli_1")
    assert difference.ours == "succeeded, 9.00 USD"
    assert difference.ours != difference.theirs


@both
def test_only_the_reversal_of_an_invoice_of_ours_is_missed(subject: Reversing) -> None:
    seen = replace(THEIRS, subject=subject)
    (unknown,) = reversal_differences(None, seen, PAID)
    assert (unknown.kind, unknown.object) == (f"{subject}_unknown", "re_1")
    assert (unknown.theirs, unknown.invoice, unknown.client) == ("succeeded, 9.00 USD", "inv_1", "cli_1")
    assert reversal_differences(None, seen, None) == reversal_differences(None, None, PAID) == ()


@given(
    subject=st.sampled_from([Subject.REFUND, Subject.DISPUTE]),
    status=st.sampled_from([*RefundStatus, *DisputeStatus]),
    currency=st.sampled_from(["usd", "jpy", "kwd"]),
    amount=st.integers(1, 99_999_999),
)
def test_two_sides_that_say_the_same_never_differ(subject: Any, status: str, currency: str, amount: int) -> None:
    said = {"subject": subject, "status": status, "currency": currency, "amount": amount}
    assert reversal_differences(replace(OURS, **said), replace(THEIRS, **said), PAID) == ()


def test_a_finding_says_what_its_object_is() -> None:
    subjects = {kind: subject_of(kind) for kind in FindingKind}
    assert {kind for kind, subject in subjects.items() if kind.startswith(subject)} | {
        FindingKind.PAYMENT_MISSING,
        FindingKind.PAYMENT_UNEXPLAINED,
    } == set(FindingKind)
    assert subjects[FindingKind.PAYMENT_MISSING] is Subject.INVOICE
