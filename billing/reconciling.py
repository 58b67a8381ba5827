"""What Stripe has and what our books say of it, side by side (billing-rules 10, I9). Nothing is decided here.

Only what is at rest is compared: an invoice with an attempt in flight, or with news that nobody has read yet, is about
to change on one side, and looked at again later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from billing.invoices import InvoiceStatus
from billing.money import show
from billing.payments import AccountReading, InvoiceReading


class Subject(StrEnum):
    """What is compared. Each has an id at Stripe."""

    ACCOUNT = "account"
    INVOICE = "invoice"
    REFUND = "refund"
    DISPUTE = "dispute"


class FindingKind(StrEnum):
    """What can differ. `object` of each is the id at Stripe of what it is about: see `subject_of`."""

    INVOICE_UNKNOWN = "invoice_unknown"
    """Stripe has an invoice that carries our mark, and our books do not have it."""
    INVOICE_MISSING = "invoice_missing"
    INVOICE_STATUS_DIFFERS = "invoice_status_differs"
    INVOICE_AMOUNT_DIFFERS = "invoice_amount_differs"
    PAYMENT_UNEXPLAINED = "payment_unexplained"
    """Money was taken that no attempt of ours explains, beside what paid the invoice."""
    PAYMENT_MISSING = "payment_missing"
    """Our books have a payment that Stripe does not."""
    ACCOUNT_DIFFERS = "account_differs"
    REFUND_UNKNOWN = "refund_unknown"
    """Money of an invoice of ours went back at Stripe, and our books do not have it."""
    REFUND_MISSING = "refund_missing"
    REFUND_STATUS_DIFFERS = "refund_status_differs"
    REFUND_AMOUNT_DIFFERS = "refund_amount_differs"
    DISPUTE_UNKNOWN = "dispute_unknown"
    """A payment of an invoice of ours is disputed at Stripe, and our books do not have it."""
    DISPUTE_MISSING = "dispute_missing"
    DISPUTE_STATUS_DIFFERS = "dispute_status_differs"
    DISPUTE_AMOUNT_DIFFERS = "dispute_amount_differs"


_SUBJECTS: Final = {
    FindingKind.ACCOUNT_DIFFERS: Subject.ACCOUNT,
    FindingKind.REFUND_UNKNOWN: Subject.REFUND,
    FindingKind.REFUND_MISSING: Subject.REFUND,
    FindingKind.REFUND_STATUS_DIFFERS: Subject.REFUND,
    FindingKind.REFUND_AMOUNT_DIFFERS: Subject.REFUND,
    FindingKind.DISPUTE_UNKNOWN: Subject.DISPUTE,
    FindingKind.DISPUTE_MISSING: Subject.DISPUTE,
    FindingKind.DISPUTE_STATUS_DIFFERS: Subject.DISPUTE,
    FindingKind.DISPUTE_AMOUNT_DIFFERS: Subject.DISPUTE,
}


def subject_of(kind: FindingKind) -> Subject:
    """What the `object` of such a finding is."""
    return _SUBJECTS.get(kind, Subject.INVOICE)


@dataclass(frozen=True)
class Booked:
    """An invoice as our books have it. Amounts are minor units, none before it is issued.

    `charges` are those that our attempts paid with; `moving`: it is not at rest.
    """

    invoice: str
    client: str
    provider_id: str | None
    status: InvoiceStatus
    currency: str
    amount_due: int | None
    amount_paid: int | None
    charges: frozenset[str]
    moving: bool


@dataclass(frozen=True)
class Difference:
    """One thing that differs: both sides' words for it, for people. `invoice` and `client` are ours, where known."""

    kind: FindingKind
    object: str
    ours: str
    theirs: str
    invoice: str | None = None
    client: str | None = None

    @property
    def key(self) -> tuple[FindingKind, str]:
        """What it is about: the same difference at another time has the same."""
        return self.kind, self.object


@dataclass(frozen=True)
class BookedAccount:
    """A connected account's health as our books have it."""

    account: str
    charges_enabled: bool
    payouts_enabled: bool
    card_payments: str
    connected: bool


def invoice_differences(ours: Booked | None, theirs: InvoiceReading | None) -> tuple[Difference, ...]:
    """What differs about one invoice. `theirs` needs its charges.

    An invoice without our mark is the agency's own business; a draft is nobody's claim yet, and a void one no more.
    """
    if ours is None:
        claims = theirs is not None and theirs.status not in (InvoiceStatus.DRAFT, InvoiceStatus.VOID)
        return (_unknown(theirs),) if theirs and theirs.invoice and claims else ()
    if ours.moving or ours.provider_id is None:
        return ()
    if theirs is None:
        return (_found(FindingKind.INVOICE_MISSING, ours, _ours(ours), "is not there"),)
    found: list[Difference] = []
    if ours.status is not theirs.status:
        found.append(_found(FindingKind.INVOICE_STATUS_DIFFERS, ours, _ours(ours), _theirs(theirs)))
    elif _amounts_differ(ours, theirs):
        found.append(_found(FindingKind.INVOICE_AMOUNT_DIFFERS, ours, _ours(ours), _theirs(theirs)))
    return (*found, *_payment_differences(ours, theirs))


def account_differences(ours: BookedAccount, theirs: AccountReading) -> tuple[Difference, ...]:
    """Whether the account's health is another than the one by which attempts are guarded."""
    seen = BookedAccount(
        theirs.account,
        theirs.charges_enabled,
        theirs.payouts_enabled,
        theirs.card_payments,
        theirs.connected,
    )
    if seen == ours:
        return ()
    return (Difference(FindingKind.ACCOUNT_DIFFERS, ours.account, _health(ours), _health(seen)),)


def _amounts_differ(ours: Booked, theirs: InvoiceReading) -> bool:
    if ours.currency != theirs.currency:
        return True
    # What is due of a void invoice is nothing to anybody, whatever figure stands there.
    if ours.status is InvoiceStatus.VOID or ours.amount_due is None:
        return False
    return (ours.amount_due, ours.amount_paid or 0) != (theirs.amount_due, theirs.amount_paid)


def _payment_differences(ours: Booked, theirs: InvoiceReading) -> Sequence[Difference]:
    """One charge pays an invoice: ours, or one that was made on Stripe's page. Any other has taken money twice."""
    made = {charge.id: charge.amount for charge in theirs.charges if charge.status == "succeeded"}
    missing, strange = ours.charges - made.keys(), sorted(made.keys() - ours.charges)
    found: list[Difference] = []
    if missing:
        booked = ", ".join(sorted(ours.charges))
        found.append(_found(FindingKind.PAYMENT_MISSING, ours, booked, ", ".join(sorted(made)) or "no payment"))
    if strange and (ours.charges or len(strange) > 1):
        told = ", ".join(f"{charge} of {show(made[charge], theirs.currency)}" for charge in strange)
        booked = ", ".join(sorted(ours.charges)) or "one payment elsewhere"
        found.append(_found(FindingKind.PAYMENT_UNEXPLAINED, ours, booked, told))
    return found


def _unknown(theirs: InvoiceReading) -> Difference:
    return Difference(
        FindingKind.INVOICE_UNKNOWN, theirs.provider_id, f"{theirs.invoice} is no such invoice", _theirs(theirs)
    )


def _found(kind: FindingKind, booked: Booked, ours: str, theirs: str) -> Difference:
    return Difference(kind, booked.provider_id or "", ours, theirs, booked.invoice, booked.client)


def _ours(booked: Booked) -> str:
    return _told(booked.status, booked.amount_due or 0, booked.amount_paid or 0, booked.currency)


def _theirs(reading: InvoiceReading) -> str:
    return _told(reading.status, reading.amount_due, reading.amount_paid, reading.currency)


def _told(status: InvoiceStatus, due: int, paid: int, currency: str) -> str:
    return f"{status}, {show(due, currency)} due, {show(paid, currency)} paid"


def _health(account: BookedAccount) -> str:
    if not account.connected:
        return "disconnected"
    charges = "charges enabled" if account.charges_enabled else "charges disabled"
    payouts = "payouts enabled" if account.payouts_enabled else "payouts disabled"
    return f"{charges}, {payouts}, card payments {account.card_payments}"
