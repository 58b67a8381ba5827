"""How an invoice is shown to its agency: in a list, and with all that is behind it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from adapters.postgres.credit_notes import CreditNoteRow
from adapters.postgres.invoices import Invoice
from adapters.postgres.parkings import Held
from adapters.postgres.particulars import Attempted, BilledPeriod, Skipped
from api.agency.credit_note_out import CREDIT_NOTE, CreditNoteOut, credit_note_out
from api.agency.dispute_out import DISPUTE, DisputeOut, dispute_out
from api.agency.refund_out import REFUND, RefundOut, refunds_out
from api.card import CardOut, card_out
from api.fields import Answer
from api.invoice_out import LINE, LineOut, lines_out
from api.money import Money, Rate, money, rate
from api.openapi import example
from billing.disputes import DisputeRow
from billing.invoices import InvoiceKind
from billing.refunds import RefundRow
from billing.review import TIMES_USUAL, mean
from billing.state import Decision, Review
from billing.usage import minutes_text

PATH: Final = "/v1/agency/invoices"
_ID: Final = "inv_3f5m7kq2n4b6c8d0e2f4_p2"
_MONEY: Final[dict[str, Any]] = {"amount": 6300, "currency": "usd"}
_ZERO: Final[dict[str, Any]] = {"amount": 0, "currency": "usd"}
_INVOICE: Final[dict[str, Any]] = {
    "id": _ID,
    "client_id": "cli_3f5m7kq2n4b6c8d0e2f4",
    "client_name": "Harbor Dental",
    "subscription_id": "sub_3f5m7kq2n4b6c8d0e2f4",
    "kind": "period",
    "number": "BRIGHT-0002",
    "status": "open",
    "portal_status": "failed",
    "created_at": "2026-11-01T01:00:00Z",
    "issued_at": "2026-11-01T01:00:02Z",
    "settled_at": None,
    "due_at": None,
    "total": _MONEY,
    "tax": _ZERO,
    "amount_due": _MONEY,
    "amount_paid": _ZERO,
    "amount_refunded": _ZERO,
    "disputed": False,
    "balance_applied": _ZERO,
    "paid_out_of_band": False,
    "stripe_invoice_id": "in_1Nv0FGQ9RKHgCVdK",
    "pdf_url": f"https://billing.example.com{PATH}/{_ID}/pdf",
}
_ATTEMPT: Final[dict[str, Any]] = {
    "number": 1,
    "at": "2026-11-01T01:00:03Z",
    "origin": "issue",
    "amount": _MONEY,
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
    "result": "declined",
    "settled_at": "2026-11-01T01:00:05Z",
    "reason": "Your card has insufficient funds.",
    "decline": {
        "kind": "soft",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "advice_code": "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None,
    },
    "stripe_charge_id": "ch_1Nv0FGQ9RKHgCVdK",
    "stripe_payment_intent_id": "pi_1Nv0FGQ9RKHgCVdK",
}
_USAGE: Final[dict[str, Any]] = {
    "period": 1,
    "start": "2026-10-01T00:00:00Z",
    "end": "2026-11-01T00:00:00Z",
    "calls": 204,
    "seconds": 36720,
    "minutes": "612.0",
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
    "overage": {"amount": 1400, "currency": "usd"},
    "late_seconds": 0,
}


class InvoiceOut(Answer, json_schema_extra=example(**_INVOICE)):
    """An invoice. `total` is the sum of our lines; `amount_due` what Stripe asks for, with `tax`, unless that is
    included, and its customer balance applied.

    `due_at` is set when it was sent, `subscription_id` unless it is a custom one. `portal_status` is the word that the
    client is shown. `pdf_url` is null until it is issued, and of one of zero. A `statement` is what the agency collects
    by itself: final, with nothing due, and shown to no client, so that it has no `portal_status`.
    """

    id: str
    client_id: str
    client_name: str
    subscription_id: str | None
    kind: Literal["period", "change", "final", "custom"]
    number: str | None
    status: Literal["draft", "open", "paid", "void", "uncollectible", "statement"]
    portal_status: Literal["paid", "pending", "failed", "void"] | None
    created_at: datetime
    issued_at: datetime | None
    settled_at: datetime | None
    due_at: datetime | None
    total: Money
    tax: Money
    amount_due: Money
    amount_paid: Money
    amount_refunded: Money
    balance_applied: Money
    disputed: bool
    paid_out_of_band: bool
    stripe_invoice_id: str | None
    pdf_url: str | None


class DeclineOut(Answer):
    """What Stripe said of a failed attempt, in its words; `kind` is what follows from it (billing-rules 6)."""

    kind: Literal["hard", "customer_must_act", "soft"]
    code: str | None
    decline_code: str | None
    advice_code: str | None
    network_advice_code: str | None
    network_decline_code: str | None


class AttemptOut(Answer):
    """One attempt to collect. No `result`: it is in flight. `reason` is what the client is told."""

    number: int
    at: datetime
    origin: Literal["issue", "ladder", "new_card", "pay_now", "retry"]
    amount: Money
    card: CardOut | None
    result: Literal["paid", "declined", "action_required", "not_made"] | None
    settled_at: datetime | None
    reason: str | None
    decline: DeclineOut | None
    stripe_charge_id: str | None
    stripe_payment_intent_id: str | None


class SkippedOut(Answer):
    """A step that was used up without an attempt."""

    at: datetime
    why: str


class PeriodUsageOut(Answer):
    """The usage of the closed period that the invoice bills. `late_seconds` came later, on later invoices."""

    period: int
    start: datetime
    end: datetime
    calls: int
    seconds: int
    minutes: str
    included_minutes: int
    overage_rate: Rate
    overage: Money
    late_seconds: int


class ReviewOut(Answer):
    """Why the invoice is or was held for review: its `overage` is over `limit` and many times what is usual.

    `usual` are the overages of the closed periods before, the newest first. Without a `decision` it is held still. A
    rejected draft is void, and `replaced_by` the invoice without its overage; both show the review.
    """

    invoice_id: str
    held_at: datetime
    overage: Money
    usual: list[Money]
    mean: Money
    factor: int
    limit: Money
    decision: Decision | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    replaced_by: str | None


class InvoiceDetailOut(
    InvoiceOut,
    json_schema_extra=example(
        **_INVOICE,
        lines=[LINE],
        attempts=[_ATTEMPT],
        skipped_attempts=[{"at": "2026-11-04T01:00:05Z", "why": "card_limit"}],
        refunds=[REFUND],
        credit_notes=[CREDIT_NOTE],
        disputes=[DISPUTE],
        usage=_USAGE,
        review=None,
    ),
):
    """An invoice with its lines, every attempt, refund, credit note and dispute, and the usage behind it."""

    lines: list[LineOut]
    attempts: list[AttemptOut]
    skipped_attempts: list[SkippedOut]
    refunds: list[RefundOut]
    credit_notes: list[CreditNoteOut]
    disputes: list[DisputeOut]
    usage: PeriodUsageOut | None
    review: ReviewOut | None


def invoice_out(invoice: Invoice, client: str, pdf_url: str | None) -> InvoiceOut:
    """`client` is the client's name."""
    return InvoiceOut(**_shown(invoice, client, pdf_url))


def invoice_detail_out(
    invoice: Invoice,
    client: str,
    pdf_url: str | None,
    attempts: Sequence[Attempted],
    skipped: Sequence[Skipped],
    refunds: Sequence[RefundRow],
    credit_notes: Sequence[CreditNoteRow],
    disputes: Sequence[DisputeRow],
    period: BilledPeriod | None,
    review: Held | None,
) -> InvoiceDetailOut:
    return InvoiceDetailOut(
        **_shown(invoice, client, pdf_url),
        lines=lines_out(invoice.lines, invoice.currency),
        attempts=[_attempt_out(attempt, invoice.currency) for attempt in attempts],
        skipped_attempts=[SkippedOut(at=step.at, why=step.why) for step in skipped],
        refunds=refunds_out(refunds),
        credit_notes=[credit_note_out(note) for note in credit_notes],
        disputes=[dispute_out(dispute) for dispute in disputes],
        usage=_usage_out(period) if period else None,
        review=_review_out(review) if review else None,
    )


def _shown(invoice: Invoice, client: str, pdf_url: str | None) -> dict[str, Any]:
    currency = invoice.currency
    return {
        "id": invoice.id,
        "client_id": invoice.client_id,
        "client_name": client,
        "subscription_id": None if invoice.kind is InvoiceKind.CUSTOM else invoice.subscription_id,
        "kind": invoice.kind.value,
        "number": invoice.number,
        "status": invoice.status.value,
        "portal_status": invoice.portal_status,
        "created_at": invoice.created_at,
        "issued_at": invoice.issued_at,
        "settled_at": invoice.settled_at,
        "due_at": invoice.due_at,
        "total": money(invoice.total, currency),
        "tax": money(invoice.tax, currency),
        "amount_due": money(invoice.amount_due, currency),
        "amount_paid": money(invoice.amount_paid, currency),
        "amount_refunded": money(invoice.amount_refunded, currency),
        "balance_applied": money(invoice.balance_applied, currency),
        "disputed": invoice.disputed,
        "paid_out_of_band": invoice.paid_out_of_band,
        "stripe_invoice_id": invoice.provider_id,
        "pdf_url": pdf_url,
    }


def _attempt_out(attempt: Attempted, currency: str) -> AttemptOut:
    return AttemptOut(
        number=attempt.number,
        at=attempt.attempted_at,
        origin=attempt.origin.value,
        amount=money(attempt.amount, currency),
        card=card_out(attempt.card),
        result=attempt.result,
        settled_at=attempt.settled_at,
        reason=attempt.reason,
        decline=_decline_out(attempt),
        stripe_charge_id=attempt.charge_id,
        stripe_payment_intent_id=attempt.payment_intent_id,
    )


def _decline_out(attempt: Attempted) -> DeclineOut | None:
    said, kind = attempt.decline, attempt.decline_class
    if kind is None:
        return None
    return DeclineOut(
        kind=kind.value,
        code=said.code if said else None,
        decline_code=said.decline_code if said else None,
        advice_code=said.advice_code if said else None,
        network_advice_code=said.network_advice_code if said else None,
        network_decline_code=said.network_decline_code if said else None,
    )


def _usage_out(period: BilledPeriod) -> PeriodUsageOut:
    return PeriodUsageOut(
        period=period.number,
        start=period.starts_at,
        end=period.ends_at,
        calls=period.calls,
        seconds=period.seconds,
        minutes=minutes_text(period.seconds),
        included_minutes=period.included_seconds // 60,
        overage_rate=rate(period.rate, period.currency),
        overage=money(period.overage, period.currency),
        late_seconds=period.late_seconds,
    )


def _review_out(held: Held) -> ReviewOut:
    figures = Review(held.overage, held.usual, held.over)
    return ReviewOut(
        invoice_id=held.invoice_id,
        held_at=held.held_at,
        overage=money(held.overage, held.currency),
        usual=[money(amount, held.currency) for amount in held.usual],
        mean=money(mean(figures, held.currency), held.currency),
        factor=TIMES_USUAL,
        limit=money(held.over, held.currency),
        decision=held.decision,
        decided_at=held.decided_at,
        decided_by=held.decided_by,
        reason=held.reason,
        replaced_by=held.replaced_by,
    )
