"""What the books hold and what is asked of them: values shared by the activities and the store that keeps them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from billing.invoices import InvoiceKind, InvoiceStatus, Levies, Line
from billing.payments import PayAnswer
from billing.plans import Dunning
from billing.state import Period

CARD_SESSION: Final = "checkout.session."
ABOUT_CARDS: Final = ("payment_method.", "setup_intent.", CARD_SESSION, "customer.")
"""How the types of Stripe's events begin that may change a card on file."""
OURS: Final = "retainer."
"""How the types of our own news begin."""
SETTINGS_CHANGED: Final = "retainer.settings"
"""Our own kind of news: the agency changed a setting that its running subscriptions follow."""
ACCOUNT_CHANGED: Final = "retainer.account"
"""Our own kind of news: the agency's account was frozen or thawed."""

CARD_DISPUTED: Final = "retainer.dispute"
"""Our own kind of news: a payment of the client's is disputed."""
DUNNING_APPLIED: Final = "retainer.dunning"
"""Our own kind of news: the agency applied its retry policy to ladders that run."""

AttemptResult = Literal["paid", "declined", "action_required", "not_made"]


Hindrance = Literal["invoice_not_open", "account_unusable", "card_declined_hard", "card_limit"]


class AttemptRefused(Exception):
    """The books allow no attempt. `why` is what stands in its way (architecture, "Exactly once")."""

    def __init__(self, invoice: str, why: Hindrance) -> None:
        super().__init__(f"{invoice}: {why}")
        self.invoice = invoice
        self.why = why


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice as our books have it."""

    id: str
    subscription: str
    kind: InvoiceKind
    source: str
    status: InvoiceStatus
    currency: str
    lines: tuple[Line, ...]
    total: int
    created_at: datetime
    issued_at: datetime | None
    provider_id: str | None
    levies: Levies


@dataclass(frozen=True)
class NewInvoice:
    """What an invoice is drafted from: our lines before credit. The credit line is added where credits are locked."""

    id: str
    kind: InvoiceKind
    source: str
    lines: tuple[Line, ...]
    late: tuple[int, ...]
    """Ids of the late entries and corrections that these lines settle."""
    at: datetime
    opens: Period | None = None
    revises: str | None = None
    """The voided invoice whose periods are this one's."""


@dataclass(frozen=True)
class LateEntries:
    """Unsettled late calls or corrections of one closed period, with what is needed to price them at its own terms.

    `settled_seconds` is the net of the entries of this period that were settled before these, on earlier invoices or by
    an earlier group of the same one: the amounts of all groups add up to what their seconds cost at once.
    """

    ids: tuple[int, ...]
    correction: bool
    period: int
    start: datetime
    end: datetime
    closed_seconds: int
    settled_seconds: int
    entry_seconds: int
    included_seconds: int
    rate: Decimal


@dataclass(frozen=True)
class AttemptRow:
    """A payment attempt as our books have it; `result` is none while it is in flight.

    `answer` is the answer that settled it, with its decline codes; none while in flight, or when Stripe never made it.
    """

    invoice: str
    number: int
    attempted_at: datetime
    first_sent_at: datetime
    result: AttemptResult | None
    answer: PayAnswer | None = None


@dataclass(frozen=True)
class News:
    """An inbox row that concerns a subscription: which object changed, at what time by Stripe's clock.

    `invoice` is the provider's id of the invoice that it is about, `setup_intent` that of a completed card session,
    `dunning` the policy that was applied.
    """

    row: int
    type: str
    object: str
    at: datetime
    invoice: str | None = None
    setup_intent: str | None = None
    dunning: Dunning | None = None
