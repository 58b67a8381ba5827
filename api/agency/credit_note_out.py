"""How a credit note is shown to its agency."""

from datetime import datetime
from typing import Any, Final, Literal

from adapters.postgres.credit_notes import CreditNoteRow
from api.fields import Answer
from api.money import Money, money
from api.openapi import example

CREDIT_NOTE: Final[dict[str, Any]] = {
    "id": "cnt_3f5m7kq2n4b6c8d0e2f4",
    "number": "BRIGHT-0002-CN-01",
    "amount": {"amount": 1200, "currency": "usd"},
    "status": "issued",
    "reason": "order_change",
    "note": "Two days without service",
    "created_at": "2026-11-03T10:15:00Z",
    "made_in_stripe": False,
    "stripe_credit_note_id": "cn_1MxvRqLkdIwHu7ixY0xbUcxk",
}


class CreditNoteOut(Answer, json_schema_extra=example(**CREDIT_NOTE)):
    """What is credited on an issued invoice. `made_in_stripe`: by the agency in Stripe's dashboard, mirrored here."""

    id: str
    number: str
    amount: Money
    status: Literal["issued", "void"]
    reason: str | None
    note: str | None
    created_at: datetime
    made_in_stripe: bool
    stripe_credit_note_id: str


def credit_note_out(note: CreditNoteRow) -> CreditNoteOut:
    return CreditNoteOut(
        id=note.id,
        number=note.number,
        amount=money(note.amount, note.currency),
        status=note.status,
        reason=note.reason,
        note=note.memo,
        created_at=note.created_at,
        made_in_stripe=note.order_id is None,
        stripe_credit_note_id=note.provider_id,
    )
