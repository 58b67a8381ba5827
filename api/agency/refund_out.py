"""How a refund is shown to its agency."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from api.fields import Answer
from api.money import Money, money
from api.openapi import example
from billing.refunds import RefundRow

REFUND: Final[dict[str, Any]] = {
    "id": "rfd_3f5m7kq2n4b6c8d0e2f4",
    "amount": {"amount": 1200, "currency": "usd"},
    "status": "succeeded",
    "reason": "requested_by_customer",
    "note": "Two days without service",
    "failure": None,
    "created_at": "2026-11-03T10:15:00Z",
    "settled_at": "2026-11-03T10:15:01Z",
    "made_in_stripe": False,
    "stripe_refund_id": "re_3Nv0FGQ9RKHgCVdK",
}


class RefundOut(Answer, json_schema_extra=example(**REFUND)):
    """Money that went back to the card. `made_in_stripe`: by the agency in Stripe's dashboard, mirrored here.

    `pending` is not known to be made yet, or still processed at Stripe. One that has succeeded can fail later.
    """

    id: str
    amount: Money
    status: Literal["pending", "succeeded", "failed", "canceled"]
    reason: str | None
    note: str | None
    failure: str | None
    created_at: datetime
    settled_at: datetime | None
    made_in_stripe: bool
    stripe_refund_id: str | None


def refund_out(refund: RefundRow) -> RefundOut:
    return RefundOut(
        id=refund.id,
        amount=money(refund.amount, refund.currency),
        status=refund.status.value,
        reason=refund.reason,
        note=refund.note,
        failure=refund.failure,
        created_at=refund.created_at,
        settled_at=refund.settled_at,
        made_in_stripe=refund.requested_by is None,
        stripe_refund_id=refund.provider_id,
    )


def refunds_out(refunds: Sequence[RefundRow]) -> list[RefundOut]:
    return [refund_out(refund) for refund in refunds]
