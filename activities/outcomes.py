"""What an invoice at the provider tells the rules: of itself, and of an attempt of ours on it."""

from datetime import datetime, timedelta
from typing import Final, assert_never

from billing import debt
from billing.credit_notes import InvoiceCredited
from billing.declines import Decline, DeclineClass, classify, reason_text
from billing.facts import (
    Fact,
    FailedElsewhere,
    InvoiceVoided,
    PaidElsewhere,
    PaymentDeclined,
    PaymentProcessing,
    PaymentSucceeded,
    WrittenOff,
)
from billing.invoices import InvoiceStatus
from billing.payments import ChargeReading, InvoiceReading, PayAnswer
from billing.plans import Dunning
from billing.state import Attempt, State

_CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far the provider's clock may be behind ours when it stamps a charge that we asked for."""
_MUST_ACT: Final = Decline(code="authentication_required")


def settled(invoice: str, status: InvoiceStatus, at: datetime) -> Fact | None:
    """What a status says that no attempt of ours brought about; none while the invoice can still be collected."""
    match status:
        case InvoiceStatus.PAID:
            return PaidElsewhere(at, invoice)
        case InvoiceStatus.VOID:
            return InvoiceVoided(at, invoice)
        case InvoiceStatus.UNCOLLECTIBLE:
            return WrittenOff(at, invoice)
        case InvoiceStatus.DRAFT | InvoiceStatus.OPEN | InvoiceStatus.STATEMENT:
            return None
    assert_never(status)


def ended(invoice: str, reading: InvoiceReading, at: datetime) -> Fact | None:
    """What a reading says that no attempt of ours brought about; none while the invoice can still be collected."""
    if reading.credited_in_full:
        return noted(invoice, reading, at)
    return settled(invoice, reading.status, paid_at(reading) or at)


def still_owed(state: State, invoice: str, reading: InvoiceReading, at: datetime) -> InvoiceCredited | None:
    """That credit notes have left more or less to pay than the debt knows; none when it is right."""
    owed = debt.owed(state, invoice)
    if owed is None or reading.status is not InvoiceStatus.OPEN or owed.amount == reading.amount_due:
        return None
    return noted(invoice, reading, at)


def noted(invoice: str, reading: InvoiceReading, at: datetime) -> InvoiceCredited:
    """What credit notes have left of the invoice."""
    notes = tuple(note.note or note.provider_id for note in reading.credit_notes)
    return InvoiceCredited(at, invoice, reading.amount_due, notes)


def attempted(attempt: Attempt, answer: PayAnswer, dunning: Dunning, at: datetime) -> Fact:
    """The fact that an attempt's answer is. `at`, when it is learned, counts where the provider names no time."""
    if answer.result == "processing":
        # Learned anew with each reading, from which the next one is counted: its beginning says nothing.
        return PaymentProcessing(at, attempt.invoice, attempt.number)
    at = answer.at or at
    match answer.result:
        case "paid":
            return PaymentSucceeded(at, attempt.invoice, attempt.number)
        case "declined" | "action_required":
            decline = answer.decline or Decline()
            must_act = answer.result == "action_required"
            return PaymentDeclined(
                at,
                attempt.invoice,
                attempt.number,
                DeclineClass.CUSTOMER_MUST_ACT if must_act else classify(decline),
                reason_text(decline),
                dunning,
                decline.decline_code or decline.code,
            )
    assert_never(answer.result)


def answer_in(
    reading: InvoiceReading, attempt: Attempt, first_sent_at: datetime, known: frozenset[str]
) -> PayAnswer | None:
    """What became of an attempt whose answer was lost; none when nothing of it shows (stripe.md, "Answers").

    A charge does not say which attempt made it: it is ours when it is of our card, not older than our first send, and
    not one that our books already `known` from another attempt.
    """
    for charge in reversed(reading.charges):
        if charge.id not in known and _may_be_of(attempt, first_sent_at, charge):
            return _answer_of(charge)
    if reading.status is InvoiceStatus.OPEN and reading.intent == "processing":
        return PayAnswer("processing")
    if reading.status is InvoiceStatus.OPEN and reading.intent == "requires_action":
        return PayAnswer("action_required", decline=_MUST_ACT)
    return None


def paid_at(reading: InvoiceReading) -> datetime | None:
    """When the invoice's successful charge was made; none when it was paid without one, or not at all."""
    return max((charge.created_at for charge in reading.charges if charge.status == "succeeded"), default=None)


def paid_by_charge_of(reading: InvoiceReading, charges: frozenset[str]) -> bool:
    return any(charge.status == "succeeded" and charge.id in charges for charge in reading.charges)


def failures_elsewhere(invoice: str, reading: InvoiceReading, ours: frozenset[str]) -> tuple[Fact, ...]:
    """Failed tries that nobody here made: on the provider's page, or in the agency's dashboard (billing-rules 6)."""
    return tuple(
        FailedElsewhere(charge.created_at, invoice, charge.card)
        for charge in reading.charges
        if charge.status == "failed" and charge.card and charge.id not in ours
    )


def _may_be_of(attempt: Attempt, first_sent_at: datetime, charge: ChargeReading) -> bool:
    ours = charge.card is None or charge.card == attempt.card.identity
    return ours and charge.created_at >= first_sent_at - _CLOCK_SKEW


def _answer_of(charge: ChargeReading) -> PayAnswer:
    match charge.status:
        case "succeeded":
            return PayAnswer("paid", charge.id, charge.payment_intent, charge.amount, charge.created_at)
        case "pending":
            return PayAnswer("processing", charge.id, charge.payment_intent, charge.amount, charge.created_at)
        case "failed":
            decline = charge.decline or Decline()
            must_act = classify(decline) is DeclineClass.CUSTOMER_MUST_ACT
            return PayAnswer(
                "action_required" if must_act else "declined",
                charge.id,
                charge.payment_intent,
                charge.amount,
                charge.created_at,
                decline,
            )
    assert_never(charge.status)
