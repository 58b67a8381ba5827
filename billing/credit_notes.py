"""Credit notes: how an issued invoice is corrected without being changed (billing-rules 5).

On an open invoice they lower what is still owed of it; on a paid one they say how money went back, and open no debt.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

CreditNoteStatus = Literal["issued", "void"]
CreditReason = Literal["duplicate", "fraudulent", "order_change", "product_unsatisfactory"]


@dataclass(frozen=True)
class CreditOrder:
    """A credit note to be made on an open invoice: `note` is our id of it, `amount` in minor units."""

    note: str
    amount: int
    reason: CreditReason | None = None
    memo: str = ""


@dataclass(frozen=True)
class CreditNoteReading:
    """A credit note as the provider has it. `note` is our id of it, from the metadata, when it is one of ours.

    `before_payment` is the part of `amount`, in minor units, that lowered what was due.
    """

    provider_id: str
    note: str | None
    number: str
    amount: int
    before_payment: int
    currency: str
    status: CreditNoteStatus
    reason: str | None
    memo: str | None
    created_at: datetime


@dataclass(frozen=True)
class InvoiceCredited:
    """Credit notes changed what is still owed of an open invoice: `amount_due` by the reading at `at`; zero: nothing.

    `notes` are all of the invoice's, by our ids where they are ours. One that is voided raises the amount again.
    """

    at: datetime
    invoice: str
    amount_due: int
    notes: tuple[str, ...] = ()
    kind: Literal["InvoiceCredited"] = "InvoiceCredited"
