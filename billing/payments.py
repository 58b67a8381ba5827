"""What a payment provider answers, in the rules' words: shared by the adapter that asks and the activity that decides.

PaymentTrouble               something other than a result: a declined card is never an exception
├── OutcomeUnknown           time-out, reset, 5xx: it may have happened
├── TryLater                 409 or 429: the same key again, after `retry_after`
├── KeyMisused               one key with two contents: our bug, parked, never retried
├── PlatformRefused          our own key is refused: infrastructure, no subscription changes state
├── LinesDiffer              what stands at the provider is not exactly our lines: parked
└── Refused                  any other 4xx: read the invoice, the account and the card before judging
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from billing.credit_notes import CreditNoteReading
from billing.declines import Decline
from billing.invoices import NO_LEVIES, InvoiceStatus, Levies, Line


class PaymentTrouble(Exception):
    """Base of everything that is not a result. `request` is the provider's request id, for support."""

    def __init__(self, message: str, *, request: str | None = None) -> None:
        super().__init__(message)
        self.request = request


class OutcomeUnknown(PaymentTrouble):
    """`stored`: the provider keeps this answer under the key, so that asking again under it cannot bring another."""

    def __init__(self, message: str, *, stored: bool = False, request: str | None = None) -> None:
        super().__init__(message, request=request)
        self.stored = stored


class TryLater(PaymentTrouble):
    def __init__(self, message: str, *, retry_after: timedelta | None = None, request: str | None = None) -> None:
        super().__init__(message, request=request)
        self.retry_after = retry_after


class KeyMisused(PaymentTrouble):
    pass


class PlatformRefused(PaymentTrouble):
    pass


class LinesDiffer(PaymentTrouble):
    pass


class Refused(PaymentTrouble):
    def __init__(self, message: str, *, status: int, code: str | None = None, request: str | None = None) -> None:
        super().__init__(message, request=request)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Taxed:
    """What the provider makes of lines: the tax, and the total with it, in minor units. Inclusive tax is a part of the
    lines, and adds nothing to them."""

    tax: int
    total: int


@dataclass(frozen=True)
class InvoiceOrder:
    """An invoice to be made at the provider: our lines, already rounded; `created_at` is when it was first drafted."""

    invoice: str
    customer: str
    currency: str
    lines: tuple[Line, ...]
    description: str
    metadata: tuple[tuple[str, str], ...]
    created_at: datetime
    """Time of the first send: older than 20 hours, writes are looked up instead of sent (stripe.md, "Keys")."""
    provider_id: str | None = None
    levies: Levies = NO_LEVIES
    days_until_due: int | None = None
    """Set: the provider mails it to the client, who pays on its page."""


@dataclass(frozen=True)
class ChargeReading:
    """One charge on an invoice. `card` is the identity (fingerprint:expiry) when the provider tells it."""

    id: str
    payment_intent: str
    status: Literal["succeeded", "failed", "pending"]
    amount: int
    created_at: datetime
    card: str | None = None
    decline: Decline | None = None
    fee: bool = False
    """Whether the platform took an application fee of it."""


@dataclass(frozen=True)
class InvoiceReading:
    """An invoice as the provider has it now. Balance figures are minor units; tax is part of `total`."""

    provider_id: str
    invoice: str | None
    """Our id, from the metadata."""
    status: InvoiceStatus
    number: str | None
    currency: str
    subtotal: int
    total: int
    amount_due: int
    amount_paid: int
    starting_balance: int
    ending_balance: int
    paid_out_of_band: bool
    hosted_url: str | None
    pdf_url: str | None
    intent: Literal["none", "processing", "requires_action", "requires_payment_method", "succeeded", "canceled"]
    charges: tuple[ChargeReading, ...] = ()
    due_at: datetime | None = None
    """Of an invoice that was sent."""
    not_mailed: str | None = None
    """Why the provider, asked to mail the final invoice, refused to."""
    credit_notes: tuple[CreditNoteReading, ...] = ()
    """The oldest first. None: there is none, or each is void."""

    @property
    def credited_in_full(self) -> bool:
        """Whether it counts as paid because credit notes left nothing to pay."""
        lowered = any(note.before_payment for note in self.credit_notes if note.status == "issued")
        return self.status is InvoiceStatus.PAID and self.amount_due == 0 and lowered


@dataclass(frozen=True)
class PayAnswer:
    """What came of one attempt. `charge` and `at` are the provider's where it made a charge."""

    result: Literal["paid", "declined", "action_required", "processing"]
    charge: str | None = None
    payment_intent: str | None = None
    amount: int = 0
    at: datetime | None = None
    decline: Decline | None = None


@dataclass(frozen=True)
class AccountReading:
    """A connected account's health. It can charge when `charges_enabled` and `card_payments` is active.

    Not `connected`: the agency took our access away, and nothing of the account can be read any more.
    """

    account: str
    charges_enabled: bool
    payouts_enabled: bool
    details_submitted: bool
    card_payments: Literal["active", "inactive", "pending"]
    requirements: tuple[str, ...] = ()
    connected: bool = True

    @property
    def healthy(self) -> bool:
        return self.charges_enabled and self.card_payments == "active"


@dataclass(frozen=True)
class HostedPage:
    """A page of the provider's for a person to open."""

    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class EventReading:
    """Something that the provider says has happened. `payload` is its JSON text, as a webhook would bring it."""

    id: str
    type: str
    created_at: datetime
    object_id: str
    customer: str | None
    payload: str
