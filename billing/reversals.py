"""Reversed payments: refunds and disputes as Stripe has them, and as our books do, side by side (billing-rules 10, I9).

Nothing is decided here. What the agency does with payments of its own is none of our business.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from billing.money import show
from billing.reconciling import Booked, Difference, FindingKind, Subject

Reversing = Literal[Subject.REFUND, Subject.DISPUTE]


@dataclass(frozen=True)
class ReversalReading:
    """A refund or dispute as the provider has it, with the payment and the customer whose money it was.

    `status` is our word for its own. `amount` is minor units of its own currency.
    """

    subject: Reversing
    provider_id: str
    payment_intent: str | None
    customer: str | None
    status: str
    amount: int
    currency: str


@dataclass(frozen=True)
class BookedReversal:
    """A refund or dispute as our books have it. One that is not known to be made at the provider is none yet."""

    subject: Reversing
    provider_id: str
    invoice: str
    client: str
    status: str
    amount: int
    currency: str


class _Kinds(NamedTuple):
    unknown: FindingKind
    missing: FindingKind
    status: FindingKind
    amount: FindingKind


_KINDS: Final[dict[Reversing, _Kinds]] = {
    Subject.REFUND: _Kinds(
        FindingKind.REFUND_UNKNOWN,
        FindingKind.REFUND_MISSING,
        FindingKind.REFUND_STATUS_DIFFERS,
        FindingKind.REFUND_AMOUNT_DIFFERS,
    ),
    Subject.DISPUTE: _Kinds(
        FindingKind.DISPUTE_UNKNOWN,
        FindingKind.DISPUTE_MISSING,
        FindingKind.DISPUTE_STATUS_DIFFERS,
        FindingKind.DISPUTE_AMOUNT_DIFFERS,
    ),
}


def reversal_differences(
    ours: BookedReversal | None, theirs: ReversalReading | None, paid: Booked | None
) -> tuple[Difference, ...]:
    """What differs about one reversal. `paid` is our invoice that the reversed payment paid, where ours is not there.

    Without one it is of a payment that was none of ours.
    """
    if ours is None:
        if theirs is None or paid is None:
            return ()
        unknown = _KINDS[theirs.subject].unknown
        return (Difference(unknown, theirs.provider_id, "is not there", _told(theirs), paid.invoice, paid.client),)
    kinds = _KINDS[ours.subject]
    if theirs is None:
        return (_found(kinds.missing, ours, "is not there"),)
    if ours.status != theirs.status:
        return (_found(kinds.status, ours, _told(theirs)),)
    if (ours.amount, ours.currency) != (theirs.amount, theirs.currency):
        return (_found(kinds.amount, ours, _told(theirs)),)
    return ()


def _found(kind: FindingKind, ours: BookedReversal, theirs: str) -> Difference:
    return Difference(kind, ours.provider_id, _told(ours), theirs, ours.invoice, ours.client)


def _told(one: BookedReversal | ReversalReading) -> str:
    return f"{one.status}, {show(one.amount, one.currency)}"
