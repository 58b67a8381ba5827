"""Disputes: a bank asks about a charge or takes its money back, and decides in the end."""

from sandbox.stripe.errors import InvalidState
from sandbox.stripe.shapes import DISPUTE, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work

ANSWER_WITHIN_SECONDS = 9 * 86400
_OPEN = {"needs_response", "under_review", "warning_needs_response", "warning_under_review"}


def open_dispute(work: Work, charge: Record, *, reason: str = "fraudulent", inquiry: bool = False) -> Record:
    """Dispute what is left of a charge. An inquiry takes no money yet."""
    body = charge.body
    if body["status"] != "succeeded" or body["refunded"]:
        raise InvalidState("Only a successful charge that is not refunded can be disputed.", param="charge")
    if body["disputed"]:
        raise InvalidState(f"Charge {charge.id} is disputed already.", param="charge")
    dispute = work.create("dispute", _shape(work, charge, reason, inquiry), {"parent": charge.id})
    body["disputed"] = True
    work.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(work, dispute)
    return dispute


def escalate_dispute(work: Work, dispute: Record) -> None:
    """The inquiry becomes a dispute: now the money is taken."""
    if not dispute.body["status"].startswith("warning_") or dispute.body["status"] not in _OPEN:
        raise InvalidState(f"This dispute is {dispute.body['status']}: only an open inquiry can be escalated.")
    dispute.body.update(status="needs_response", is_charge_refundable=False)
    work.emit_updated("charge.dispute.updated", dispute)
    _withdraw(work, dispute)


def close_dispute(work: Work, dispute: Record, *, won: bool) -> None:
    """The bank decides. Of an inquiry nothing was taken, so that nothing comes back."""
    status = dispute.body["status"]
    if status not in _OPEN:
        raise InvalidState(f"This dispute is already {status}.")
    inquiry = status.startswith("warning_")
    if inquiry and not won:
        raise InvalidState("An inquiry is not lost: it is escalated first.")
    dispute.body["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    if won and not inquiry:
        _move(work, dispute, dispute.body["amount"])
        work.emit("charge.dispute.funds_reinstated", dispute)
    work.emit("charge.dispute.closed", dispute)


def _withdraw(work: Work, dispute: Record) -> None:
    _move(work, dispute, -dispute.body["amount"])
    work.emit("charge.dispute.funds_withdrawn", dispute)


def _move(work: Work, dispute: Record, amount: int) -> None:
    """The movement on the merchant's balance; the emulator charges no dispute fee."""
    entry = work.create(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": work.now,
            "balance_type": "payments",
            "currency": dispute.body["currency"],
            "description": None,
            "exchange_rate": None,
            "fee": 0,
            "fee_details": [],
            "net": amount,
            "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
            "source": dispute.id,
            "status": "available",
            "type": "adjustment",
        },
        {"parent": dispute.id},
    )
    dispute.body["balance_transactions"] = [*dispute.body["balance_transactions"], dict(entry.body)]


def _shape(work: Work, charge: Record, reason: str, inquiry: bool) -> Json:
    body = charge.body
    card = body["payment_method_details"]["card"]
    return new(
        DISPUTE,
        amount=body["amount"] - body["amount_refunded"],
        charge=charge.id,
        currency=body["currency"],
        evidence_details={
            "due_by": work.now + ANSWER_WITHIN_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        payment_intent=body["payment_intent"],
        payment_method_details={
            "card": {"brand": card["brand"], "case_type": "inquiry" if inquiry else "chargeback",
                     "network": card["brand"],
                "network_reason_code": None},
            "type": "card",
        },
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )  # fmt: skip
