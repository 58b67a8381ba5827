"""Money that goes back to a card: what may be refunded, and how a refund ends (billing-rules 7).

A refund never moves a subscription: what was paid stays paid, and no debt is opened again. It can fail long after it
succeeded, when the client's bank returns the money.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from billing.invoices import InvoiceStatus
from billing.money import show
from billing.notices import Notice, NoticeKind

RefundReason = Literal["duplicate", "requested_by_customer"]


class RefundStatus(StrEnum):
    """Where a refund stands. `pending`: not known to be made yet, or still being processed at Stripe."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


_LATER: Final[dict[RefundStatus, frozenset[RefundStatus]]] = {
    RefundStatus.PENDING: frozenset(RefundStatus) - {RefundStatus.PENDING},
    RefundStatus.SUCCEEDED: frozenset({RefundStatus.FAILED, RefundStatus.CANCELED}),
    RefundStatus.FAILED: frozenset(),
    RefundStatus.CANCELED: frozenset(),
}


@dataclass(frozen=True)
class RefundRow:
    """A refund as our books have it. Once `first_sent_at` stands, what is sent under its key never changes.

    `provider_id` is none until Stripe is known to have it. `requested_by`: none of one made in Stripe's dashboard.
    """

    id: str
    agency_id: str
    invoice_id: str
    account_id: str
    amount: int
    currency: str
    reason: str | None
    note: str | None
    requested_by: str | None
    status: RefundStatus
    payment_intent_id: str | None
    with_fee: bool | None
    provider_id: str | None
    failure: str | None
    created_at: datetime
    first_sent_at: datetime | None
    settled_at: datetime | None

    @property
    def made(self) -> bool:
        """Whether nothing is left to be asked of Stripe: it has the refund, or will never have it."""
        return self.provider_id is not None or self.status is not RefundStatus.PENDING


@dataclass(frozen=True)
class RefundOrder:
    """A refund to be made at the provider; older than 20 hours it is looked up instead of sent."""

    refund: str
    invoice: str
    payment_intent: str
    amount: int
    reason: str | None
    with_fee: bool
    """Whether the platform's fee on the charge goes back in proportion; there has to be one."""
    first_sent_at: datetime


@dataclass(frozen=True)
class RefundReading:
    """A refund as the provider has it. `refund` is our id, from the metadata, when it is one of ours."""

    provider_id: str
    refund: str | None
    payment_intent: str | None
    amount: int
    currency: str
    status: RefundStatus
    reason: str | None
    failure: str | None
    created_at: datetime


def may_become(old: RefundStatus, new: RefundStatus) -> bool:
    """Whether the status moves forward; staying is not a move."""
    return new in _LATER[old]


def refusal(status: InvoiceStatus, *, out_of_band: bool, paid: int, refunded: int, asked: int | None) -> str | None:
    """The API's word for why nothing, or not `asked` minor units, can go back; none when it can.

    `refunded` counts what is on its way too. Without `asked` it is everything that is left.
    """
    if status is not InvoiceStatus.PAID or out_of_band or paid <= 0:
        return "not_paid_on_stripe"
    if refunded >= paid:
        return "already_refunded"
    return "refund_too_large" if asked is not None and asked > paid - refunded else None


def told(row: RefundRow, at: datetime) -> tuple[Notice, ...]:
    """What the agency is told of where the refund stands now: once of each (billing-rules 9)."""
    amount = show(row.amount, row.currency)
    if row.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        detail = f"{amount} did not reach the client. {row.failure or 'Stripe names no reason.'}"
        return (Notice(NoticeKind.REFUND_FAILED, "agency", f"refund-failed:{row.id}", at, detail, row.invoice_id),)
    if row.provider_id is None:
        return ()
    return (Notice(NoticeKind.REFUNDED, "agency", f"refunded:{row.id}", at, f"{amount} given back", row.invoice_id),)


def waiting(row: RefundRow, at: datetime) -> Notice:
    """What the agency is told, once, of a refund of which nobody can know whether it was made."""
    detail = (
        f"{show(row.amount, row.currency)} may have been given back when the Stripe account was disconnected. "
        "Connect it again: only the account can show it."
    )
    return Notice(NoticeKind.REFUND_WAITS, "agency", f"refund-waits:{row.id}", at, detail, row.invoice_id)
