"""What a subscription learns. Facts are the only thing that moves its state (billing.subscription.apply).

Wire formats: each has `kind`, so that two facts with equal fields never decode as one another, and `at`, the instant
that counts for the rules: Stripe's for what is read from Stripe, else the time at which it was learned.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from billing.caps import SpendCapSet
from billing.collection import CollectionSet
from billing.credit_notes import InvoiceCredited
from billing.declines import DeclineClass
from billing.disputed import CardDisputed
from billing.orders import (
    CancelRequested,
    CancelUndone,
    LadderExtended,
    PauseRequested,
    PauseUndone,
    PlanChangeRequested,
    PlanChangeUndone,
    ReviewDecided,
)
from billing.plans import Dunning, FinalAction
from billing.state import Asked, Card, FreezeCause, Obstacle, Review, Trouble
from billing.trialing import TrialEnded, TrialEnding


@dataclass(frozen=True)
class PeriodClosed:
    """Usage of period `number` is frozen at `seconds`, which came to `overage` minor units."""

    at: datetime
    number: int
    end: datetime
    seconds: int
    overage: int
    kind: Literal["PeriodClosed"] = "PeriodClosed"


@dataclass(frozen=True)
class InvoiceIssued:
    """The invoice is final. `amount_due` is Stripe's figure; nothing due (zero, or moved to the balance) is settled."""

    at: datetime
    invoice: str
    amount_due: int
    due_at: datetime | None = None
    """When an invoice that was sent is due."""
    not_mailed: str | None = None
    """Why the provider refuses to mail it: then we do."""
    kind: Literal["InvoiceIssued"] = "InvoiceIssued"


@dataclass(frozen=True)
class InvoiceParked:
    """A person has to look: something impossible happened (architecture, "Exactly once" 7), or, with a `review`, the
    overage is implausible (billing-rules 9)."""

    at: datetime
    invoice: str
    cause: str
    kind: Literal["InvoiceParked"] = "InvoiceParked"
    trouble: Trouble = Trouble.OTHER
    review: Review | None = None


@dataclass(frozen=True)
class ParkingRepeated:
    """The agency is told again, for the `number`th time, that the invoice waits for its word `since` then."""

    at: datetime
    invoice: str
    since: datetime
    number: int
    kind: Literal["ParkingRepeated"] = "ParkingRepeated"


@dataclass(frozen=True)
class PaymentSucceeded:
    """Our attempt `number` paid the invoice."""

    at: datetime
    invoice: str
    number: int
    kind: Literal["PaymentSucceeded"] = "PaymentSucceeded"


@dataclass(frozen=True)
class PaymentDeclined:
    """Our attempt `number` was declined. `dunning` is the agency's policy now: a ladder that starts copies it."""

    at: datetime
    invoice: str
    number: int
    decline: DeclineClass
    reason: str
    dunning: Dunning
    code: str | None = None
    kind: Literal["PaymentDeclined"] = "PaymentDeclined"


@dataclass(frozen=True)
class PaymentProcessing:
    """Our attempt is still being processed at Stripe: it stays in flight."""

    at: datetime
    invoice: str
    number: int
    kind: Literal["PaymentProcessing"] = "PaymentProcessing"


@dataclass(frozen=True)
class AttemptNotMade:
    """Reading showed that Stripe never made our attempt: the same step goes on under the next number."""

    at: datetime
    invoice: str
    number: int
    kind: Literal["AttemptNotMade"] = "AttemptNotMade"


@dataclass(frozen=True)
class PaidElsewhere:
    """The invoice was paid on Stripe's page or in the agency's dashboard."""

    at: datetime
    invoice: str
    kind: Literal["PaidElsewhere"] = "PaidElsewhere"


@dataclass(frozen=True)
class FailedElsewhere:
    """A try with `card` (its identity) on Stripe's page failed: counts for the card cap only."""

    at: datetime
    invoice: str
    card: str
    kind: Literal["FailedElsewhere"] = "FailedElsewhere"


@dataclass(frozen=True)
class CardUsed:
    """What all subscriptions of the client did with `card` (its identity): when it was tried of late, and whether it
    was declined hard (billing-rules 6)."""

    at: datetime
    card: str
    tried: tuple[datetime, ...]
    condemned: bool
    kind: Literal["CardUsed"] = "CardUsed"


@dataclass(frozen=True)
class InvoiceVoided:
    at: datetime
    invoice: str
    kind: Literal["InvoiceVoided"] = "InvoiceVoided"


@dataclass(frozen=True)
class WrittenOff:
    """The invoice was marked uncollectible: it no longer belongs to the debt."""

    at: datetime
    invoice: str
    kind: Literal["WrittenOff"] = "WrittenOff"


@dataclass(frozen=True)
class CardSaved:
    """`card` is the card on file. Only another (fingerprint, expiry) than before is a new card."""

    at: datetime
    card: Card
    kind: Literal["CardSaved"] = "CardSaved"


@dataclass(frozen=True)
class CardRemoved:
    """No card is on file any more: detached or deleted."""

    at: datetime
    kind: Literal["CardRemoved"] = "CardRemoved"


@dataclass(frozen=True)
class GraceSet:
    """The agency's usage grace; it holds for the boundaries that come after `at` (billing-rules 4)."""

    at: datetime
    grace: timedelta
    kind: Literal["GraceSet"] = "GraceSet"


@dataclass(frozen=True)
class DunningApplied:
    """The agency's retry policy holds since `at` for ladders that run, too (billing-rules 6)."""

    at: datetime
    dunning: Dunning
    kind: Literal["DunningApplied"] = "DunningApplied"


@dataclass(frozen=True)
class Reminded:
    """A step of the ladder, or the attempt at issue, could not be made: `obstacle` says why; it is used up.

    `step` is the Remind's: the ladder's step, or 0 at issue. So a repeat never uses up the step after it.
    """

    at: datetime
    invoice: str
    obstacle: Obstacle
    dunning: Dunning
    step: int
    kind: Literal["Reminded"] = "Reminded"


@dataclass(frozen=True)
class InvoiceSent:
    """The provider mailed the invoice once more, as `request` asked for."""

    at: datetime
    invoice: str
    request: str
    kind: Literal["InvoiceSent"] = "InvoiceSent"


@dataclass(frozen=True)
class DueReminded:
    """The client was reminded of a sent invoice, for the `number`th time."""

    at: datetime
    invoice: str
    number: int
    kind: Literal["DueReminded"] = "DueReminded"


@dataclass(frozen=True)
class CardExpiryTold:
    """The client was told that `card` (its identity) expires before the charge at the end of `period`."""

    at: datetime
    card: str
    period: int
    kind: Literal["CardExpiryTold"] = "CardExpiryTold"


@dataclass(frozen=True)
class FinalActionTaken:
    at: datetime
    action: FinalAction
    kind: Literal["FinalActionTaken"] = "FinalActionTaken"


@dataclass(frozen=True)
class AccountFrozen:
    """The agency's account can't charge since `at`, or its tier fell then (billing-rules 8). Told again with another
    cause, the freeze is the same."""

    at: datetime
    freeze: int
    cause: FreezeCause
    kind: Literal["AccountFrozen"] = "AccountFrozen"


@dataclass(frozen=True)
class AccountThawed:
    """The freeze ended at `at`."""

    at: datetime
    freeze: int
    kind: Literal["AccountThawed"] = "AccountThawed"


@dataclass(frozen=True)
class AccountReplaced:
    """The agency connected another account at `at`: nothing of the one that this subscription bills through is
    collected any more (billing-rules 8)."""

    at: datetime
    kind: Literal["AccountReplaced"] = "AccountReplaced"


@dataclass(frozen=True)
class NewsArrived:
    """The inbox has rows for this subscription."""

    at: datetime
    kind: Literal["NewsArrived"] = "NewsArrived"


@dataclass(frozen=True)
class NewsRead:
    """The inbox rows that were read: the next reading acknowledges them."""

    at: datetime
    rows: tuple[int, ...]
    kind: Literal["NewsRead"] = "NewsRead"


@dataclass(frozen=True)
class Requested:
    """A person asks for something that needs a step."""

    at: datetime
    asked: Asked
    kind: Literal["Requested"] = "Requested"


@dataclass(frozen=True)
class RequestRefused:
    """The request ends without effect; `code` is the API's word for why."""

    at: datetime
    request: str
    code: str
    kind: Literal["RequestRefused"] = "RequestRefused"


@dataclass(frozen=True)
class StepFailed:
    """The step's infrastructure failed: it is tried again later. `retry_after` is what Stripe asked for."""

    at: datetime
    key: str
    why: str
    retry_after: timedelta | None = None
    kind: Literal["StepFailed"] = "StepFailed"


Fact = (
    PeriodClosed
    | InvoiceIssued
    | InvoiceParked
    | ParkingRepeated
    | ReviewDecided
    | PaymentSucceeded
    | PaymentDeclined
    | PaymentProcessing
    | AttemptNotMade
    | PaidElsewhere
    | FailedElsewhere
    | CardUsed
    | InvoiceVoided
    | InvoiceCredited
    | WrittenOff
    | CardSaved
    | CardRemoved
    | GraceSet
    | AccountFrozen
    | AccountThawed
    | DunningApplied
    | AccountReplaced
    | Reminded
    | InvoiceSent
    | DueReminded
    | CardExpiryTold
    | FinalActionTaken
    | NewsArrived
    | NewsRead
    | Requested
    | RequestRefused
    | CancelRequested
    | CancelUndone
    | PauseRequested
    | PauseUndone
    | LadderExtended
    | PlanChangeRequested
    | PlanChangeUndone
    | SpendCapSet
    | CollectionSet
    | CardDisputed
    | TrialEnding
    | TrialEnded
    | StepFailed
)
