"""A dispute of an invoice's payment, as the agency reads it."""

from datetime import datetime
from typing import Any, Final, Literal

from api.fields import Answer
from api.money import Money, money
from billing.disputes import DisputeRow

DISPUTE: Final[dict[str, Any]] = {
    "id": "dsp_5k2m7q3n4b6c8d2e2f4g",
    "status": "open",
    "amount": {"amount": 4900, "currency": "usd"},
    "reason": "fraudulent",
    "evidence_due_at": "2026-11-13T01:00:00Z",
    "created_at": "2026-11-04T01:00:00Z",
    "closed_at": None,
    "stripe_dispute_id": "du_1QxYzAbCdEfGhIjKlMnOpQrS",
}


class DisputeOut(Answer):
    """`warning`: the client's bank asks, and takes nothing yet. What is `lost` opens no debt."""

    id: str
    status: Literal["warning", "open", "warning_closed", "won", "lost"]
    amount: Money
    reason: str
    evidence_due_at: datetime | None
    created_at: datetime
    closed_at: datetime | None
    stripe_dispute_id: str


def dispute_out(dispute: DisputeRow) -> DisputeOut:
    return DisputeOut(
        id=dispute.id,
        status=dispute.status.value,
        amount=money(dispute.amount, dispute.currency),
        reason=dispute.reason,
        evidence_due_at=dispute.evidence_due_at,
        created_at=dispute.created_at,
        closed_at=dispute.closed_at,
        stripe_dispute_id=dispute.provider_id,
    )
