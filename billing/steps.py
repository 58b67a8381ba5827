"""What a subscription does next: one step at a time, each one activity. Wire formats, like facts.

`key` names the work, not the try: a step that failed keeps its key, its backoff and its Stripe keys.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.credit_notes import CreditOrder
from billing.plans import FinalAction
from billing.state import Attempt, Issue, Obstacle, Origin


@dataclass(frozen=True)
class ReadNews:
    """Read the inbox: acknowledge what the last reading brought, and turn the rest into facts."""

    kind: Literal["ReadNews"] = "ReadNews"

    @property
    def key(self) -> str:
        return "news"


@dataclass(frozen=True)
class ClosePeriod:
    """Freeze the usage of [start, end) and price its overage."""

    number: int
    start: datetime
    end: datetime
    last: bool = False
    kind: Literal["ClosePeriod"] = "ClosePeriod"

    @property
    def key(self) -> str:
        return f"close:{self.number}"


@dataclass(frozen=True)
class IssueInvoice:
    issue: Issue
    kind: Literal["IssueInvoice"] = "IssueInvoice"

    @property
    def key(self) -> str:
        return f"issue:{self.issue.invoice}"


@dataclass(frozen=True)
class ChargeInvoice:
    """Make the attempt, or find out what became of it: the same number is never another charge."""

    attempt: Attempt
    origin: Origin
    kind: Literal["ChargeInvoice"] = "ChargeInvoice"

    @property
    def key(self) -> str:
        return f"charge:{self.attempt.invoice}:{self.attempt.number}"


@dataclass(frozen=True)
class VoidInvoice:
    invoice: str
    request: str | None = None
    kind: Literal["VoidInvoice"] = "VoidInvoice"

    @property
    def key(self) -> str:
        return f"void:{self.invoice}"


@dataclass(frozen=True)
class SendInvoice:
    """Mail an invoice once more that was sent."""

    invoice: str
    request: str
    kind: Literal["SendInvoice"] = "SendInvoice"

    @property
    def key(self) -> str:
        return f"send:{self.invoice}:{self.request}"


@dataclass(frozen=True)
class MarkInvoice:
    """Give an invoice up, or believe the agency that it was paid elsewhere."""

    invoice: str
    mark: Literal["uncollectible", "paid"]
    request: str
    kind: Literal["MarkInvoice"] = "MarkInvoice"

    @property
    def key(self) -> str:
        return f"mark_{self.mark}:{self.invoice}"


@dataclass(frozen=True)
class CreditInvoice:
    """Lower what is owed of an open invoice by a credit note. `asked_at` is not after its first send."""

    invoice: str
    order: CreditOrder
    request: str
    asked_at: datetime
    kind: Literal["CreditInvoice"] = "CreditInvoice"

    @property
    def key(self) -> str:
        return f"credit:{self.invoice}:{self.order.note}"


@dataclass(frozen=True)
class Remind:
    """An attempt that falls due but cannot be made: the client is told what is needed instead."""

    invoice: str
    obstacle: Obstacle
    origin: Origin
    step: int
    at: datetime
    kind: Literal["Remind"] = "Remind"

    @property
    def key(self) -> str:
        return f"remind:{self.invoice}:{self.origin}:{self.step}"


@dataclass(frozen=True)
class RemindDue:
    """The client is reminded of a sent invoice that is soon due, due, or overdue."""

    invoice: str
    number: int
    at: datetime
    kind: Literal["RemindDue"] = "RemindDue"

    @property
    def key(self) -> str:
        return f"remind-due:{self.invoice}:{self.number}"


@dataclass(frozen=True)
class TellExpiry:
    """The client is told that the card (its identity) expires before the charge at the period's end."""

    card: str
    period: int
    at: datetime
    kind: Literal["TellExpiry"] = "TellExpiry"

    @property
    def key(self) -> str:
        return f"tell-expiry:{self.period}:{self.card}"


@dataclass(frozen=True)
class TakeFinalAction:
    action: FinalAction
    invoice: str
    at: datetime
    kind: Literal["TakeFinalAction"] = "TakeFinalAction"

    @property
    def key(self) -> str:
        return f"final:{self.invoice}"


@dataclass(frozen=True)
class RepeatParking:
    """Tell the agency again that an invoice waits for its word, `since` it was parked."""

    invoice: str
    since: datetime
    number: int
    at: datetime
    kind: Literal["RepeatParking"] = "RepeatParking"

    @property
    def key(self) -> str:
        return f"parked:{self.invoice}:{self.number}"


@dataclass(frozen=True)
class MarkTrial:
    """The trial's end is announced, or has come."""

    what: Literal["ending", "ended"]
    at: datetime
    kind: Literal["MarkTrial"] = "MarkTrial"

    @property
    def key(self) -> str:
        return f"trial:{self.what}"


Step = (
    ReadNews
    | ClosePeriod
    | IssueInvoice
    | ChargeInvoice
    | VoidInvoice
    | MarkInvoice
    | CreditInvoice
    | SendInvoice
    | Remind
    | RemindDue
    | TellExpiry
    | TakeFinalAction
    | RepeatParking
    | MarkTrial
)


@dataclass(frozen=True)
class Wait:
    """Nothing to do until `until` (no end: until a fact arrives)."""

    until: datetime | None
    why: str


@dataclass(frozen=True)
class Finish:
    """Nothing will ever happen again."""
