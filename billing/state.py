"""Where a subscription is in its life: the one immutable value that its workflow carries.

Every class here is a wire format: it crosses continue-as-new and stands in histories. Later fields get a default,
unknown fields are ignored, datetimes are aware, sequences are tuples.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from billing.credit_notes import CreditOrder
from billing.invoices import InvoiceKind, Proration
from billing.plans import Dunning, SpendCap, Terms
from billing.switches import Switch
from billing.trialing import Trial

RULES = 2
"""The newest rules that this code knows. Whoever starts or continues a run writes the number into its input."""


class Status(StrEnum):
    """The subscription's status as people see it."""

    AWAITING_CARD = "awaiting_card"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """Why an attempt is made."""

    ISSUE = "issue"
    LADDER = "ladder"
    NEW_CARD = "new_card"
    PAY_NOW = "pay_now"
    RETRY = "retry"


class Forgive(StrEnum):
    """What the agency lets go when it cancels: nothing, the open invoices, or those and the usage to date."""

    NONE = "none"
    OPEN = "open"
    ALL = "all"


class Obstacle(StrEnum):
    """Why no attempt can be made on what is on file (billing-rules 6)."""

    NO_CARD = "no_card"
    HARD_DECLINE = "hard_decline"
    CUSTOMER_MUST_ACT = "customer_must_act"
    CARD_LIMIT = "card_limit"
    DISPUTED = "disputed"


def card_identity(fingerprint: str, exp_year: int, exp_month: int) -> str:
    return f"{fingerprint}:{exp_year}-{exp_month:02d}"


@dataclass(frozen=True)
class Card:
    """The card on file. Who it is, is (fingerprint, expiry): saved again unchanged it is the same card."""

    id: str
    fingerprint: str
    exp_month: int
    exp_year: int
    brand: str
    last4: str

    @property
    def identity(self) -> str:
        return card_identity(self.fingerprint, self.exp_year, self.exp_month)


@dataclass(frozen=True)
class Period:
    """A billing period [start, end). `number` counts through the subscription's whole life; `index` from the anchor."""

    number: int
    index: int
    start: datetime
    end: datetime


class Decision(StrEnum):
    """What the agency says of an invoice that is held for review (billing-rules 9)."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True)
class Closed:
    """A closed period as the next invoice needs it: its frozen usage and what it came to."""

    number: int
    start: datetime
    end: datetime
    seconds: int
    overage: int
    included_minutes: int | None = None
    overage_rate: str | None = None
    price: int | None = None
    """The period's own terms; none in what was closed before they were kept: the subscription's."""


@dataclass(frozen=True)
class Segment:
    """A part of the open period that is behind us: what its terms included, and the period's whole seconds that were
    left when `change` ended it."""

    change: str
    included_minutes: int
    left: int


@dataclass(frozen=True)
class PlanChange:
    """A change of the plan that is accepted and has not taken effect. It holds from `at` on: its acceptance (`now`),
    or a boundary."""

    id: str
    terms: Terms
    at: datetime
    now: bool
    accepted_at: datetime
    by: str


@dataclass(frozen=True)
class Corrected:
    """What is wrong with one line of an invoice, counted from 1; none of a field: it is right."""

    line: int
    amount: int | None = None
    description: str | None = None


@dataclass(frozen=True)
class Reissue:
    """The corrections of an invoice of `source`, and what its lines then come to, before credit."""

    source: str
    total: int
    lines: tuple[Corrected, ...]


@dataclass(frozen=True)
class Issue:
    """An invoice that is due to be issued: arrears of `closed`, in advance `opens`."""

    invoice: str
    kind: InvoiceKind
    source: str
    due_at: datetime
    closed: Closed | None = None
    opens: Period | None = None
    price: int = 0
    attempt: bool = True
    """False for what a final action or the unpaid rule leaves behind: issued and left open, without attempts."""
    begun: bool = False
    """Once begun, lines and total stand: a later command belongs to the next invoice."""
    name: str | None = None
    """The plan whose price is billed; none in what was due before plans could change: the subscription's."""
    change: Proration | None = None

    decision: Decision | None = None
    """What was decided when it was held for review: it is not held again."""
    replaces: str | None = None
    """Rejected: the draft that goes void, of which this is the next revision, without its overage."""
    revises: str | None = None
    """The voided invoice of which this one is the corrected revision; `price` is its total then."""
    corrected: tuple[Corrected, ...] = ()
    statement: bool = False
    """Kept in the books alone: under manual collection, as it was at the boundary."""

    @property
    def amount(self) -> int:
        """What it comes to before late entries and credits, in minor units; below zero it is carried as a credit."""
        rejected = self.decision is Decision.REJECT
        return max(0, self.price + (self.closed.overage if self.closed and not rejected else 0))


@dataclass(frozen=True)
class OpenInvoice:
    """One invoice of the debt. `attempts` is the highest number used; `due` that it awaits its first attempt."""

    id: str
    kind: InvoiceKind
    amount: int
    issued_at: datetime
    attempts: int = 0
    failed: bool = False
    due: bool = False
    reason: str | None = None
    """Why its last attempt failed, in words for the client."""
    credited_at: datetime | None = None
    """When credit notes last changed `amount`."""


@dataclass(frozen=True)
class Attempt:
    """The attempt in flight: begun, its outcome not yet known."""

    invoice: str
    number: int
    card: Card
    on_session: bool
    attempted_at: datetime
    processing: bool = False
    held: timedelta = timedelta()
    """How long the account was frozen meanwhile: what is counted from this attempt moves by it (billing-rules 8)."""


@dataclass(frozen=True)
class Sweep:
    """A step over the debt: one attempt after the other until the debt is paid or one fails."""

    origin: Origin
    started_at: datetime
    named: str | None = None


@dataclass(frozen=True)
class Ladder:
    """The failed-payment chain of the debt. `used` steps of the gaps are behind us; no `next_at`: it is exhausted."""

    started_at: datetime
    dunning: Dunning
    used: int = 0
    next_at: datetime | None = None
    extended: bool = False
    """Its one promise to pay has been given."""

    @property
    def attempts_left(self) -> int:
        return len(self.dunning.gaps_days) - self.used if self.next_at else 0


@dataclass(frozen=True)
class Try:
    """One charge of one card, by us or elsewhere: what the card cap counts."""

    card: str
    at: datetime


@dataclass(frozen=True)
class Disputed:
    """A dispute of a payment of `card` (its identity). Once `lifted` it stops nothing any more."""

    dispute: str
    card: str
    lifted: bool = False


@dataclass(frozen=True)
class Asked:
    """A request of a person that needs a step: it stays until it is answered."""

    id: str
    what: Literal["pay_now", "retry", "void", "send", "resume", "write_off", "mark_paid", "reissue", "credit"]
    at: datetime
    invoice: str | None = None
    by: str = ""
    reason: str = ""
    reissue: Reissue | None = None
    credit: CreditOrder | None = None


FreezeCause = Literal["restricted", "disconnected", "tier"]

AnswerResult = Literal["done", "paid", "failed", "action_required", "processing", "refused"]


@dataclass(frozen=True)
class Answer:
    """What came of a request. `code` is the API's stable word when it was refused or failed."""

    id: str
    result: AnswerResult
    code: str | None = None
    detail: str | None = None
    invoice: str | None = None
    """Of an answer `processing`: the invoice whose payment settles it."""


PausedReason = Literal["unpaid", "agency"]


@dataclass(frozen=True)
class Ending:
    """The end of service that is agreed: a cancellation or a pause at `at`, or what a final action or the unpaid rule
    does."""

    at: datetime
    into: Literal[Status.CANCELLED, Status.PAUSED]
    accepted_at: datetime
    by: str
    now: bool = False
    """Ends the period that is open at `at`; otherwise `at` is a boundary, and what is agreed can be undone."""
    forgive: Forgive = Forgive.NONE
    attempt: bool = True
    """Whether the last invoice is tried: not after a final action."""
    reason: PausedReason = "unpaid"
    """Of a pause: whose word ends it, the client's money or the agency's."""


@dataclass(frozen=True)
class Backoff:
    """A step whose infrastructure failed: tried again at `until` (1, 2, 4 … 30 minutes)."""

    key: str
    failures: int
    until: datetime
    why: str = ""


class Trouble(StrEnum):
    """Why invoices are parked, as far as many of them can have one cause (billing-rules 9)."""

    IMPLAUSIBLE = "implausible"
    TOO_LARGE = "too_large"
    KEY_MISUSED = "key_misused"
    LINES_DIFFER = "lines_differ"
    REFUSED = "refused"
    ATTEMPT_IMPOSSIBLE = "attempt_impossible"
    OTHER = "other"


@dataclass(frozen=True)
class Review:
    """The figures by which an overage is implausible, in minor units (billing-rules 9).

    `usual` are the overages of the closed periods before, the newest first; `limit` is what it is over besides.
    """

    overage: int
    usual: tuple[int, ...]
    limit: int


@dataclass(frozen=True)
class Parked:
    """Nothing is done with this invoice until a person has looked: something impossible happened, or, with a `review`,
    its overage is implausible. `repeated` counts how often the agency was told again."""

    invoice: str
    cause: str
    at: datetime
    review: Review | None = None
    repeated: int = 0


@dataclass(frozen=True)
class Freeze:
    """Why nothing is issued or tried, and since when (billing-rules 8). After a fallen tier `since` may lie ahead."""

    id: int
    cause: FreezeCause
    since: datetime


@dataclass(frozen=True)
class Custom:
    """What a custom invoice is instead of a subscription (billing.custom). With `days_until_due` it is sent, else
    charged."""

    total: int
    """What its lines come to, in minor units, before credits."""
    days_until_due: int | None = None
    due_at: datetime | None = None
    reminded: int = 0
    """How many reminders of it are behind us."""

    @property
    def sent(self) -> bool:
        return self.days_until_due is not None


@dataclass(frozen=True)
class State:
    """The whole subscription. See `billing.subscription.apply` for how it moves and `billing.agenda` for what comes."""

    id: str
    agency: str
    client: str
    account: str
    customer: str
    zone: str
    terms: Terms
    rules: int
    status: Status
    clock: datetime
    anchor: datetime | None = None
    """The instant from which boundaries are computed; none while awaiting a card."""
    first_free: bool = False
    trial_days: int = 0
    """How long the trial is that was agreed, in days of the zone."""
    trial: Trial | None = None
    """None before service begins, and where no trial was agreed."""
    period: Period | None = None
    """The oldest period that is not closed; with a start ahead, the one that will open then."""
    periods: int = 0
    """How many periods have been numbered so far."""
    paused_reason: PausedReason | None = None
    ended_at: datetime | None = None
    """When service stopped: the instant of cancellation or pause."""
    to_issue: tuple[Issue, ...] = ()
    debt: tuple[OpenInvoice, ...] = ()
    ladder: Ladder | None = None
    card: Card | None = None
    fresh_card: bool = False
    """A new card was saved and has not been tried on the debt."""
    condemned: tuple[str, ...] = ()
    """Identities of cards that were declined hard: never tried again."""
    must_act: tuple[str, ...] = ()
    """Identities of cards whose holder must authenticate: not tried off-session for this debt."""
    tries: tuple[Try, ...] = ()
    disputed: tuple[Disputed, ...] = ()
    """Every dispute of a payment of the client's in this account, in the order in which it was learned."""
    attempt: Attempt | None = None
    sweep: Sweep | None = None
    ending: Ending | None = None
    asked: tuple[Asked, ...] = ()
    answers: tuple[Answer, ...] = ()
    backoff: tuple[Backoff, ...] = ()
    parked: tuple[Parked, ...] = ()
    let_go: int = 0
    """How often a retry let go of what was parked: what is parked after one is another parking."""
    grace: timedelta = timedelta(hours=1)
    """The usage grace of the period that is not closed, as set at its boundary."""
    grace_next: timedelta | None = None
    """A grace set after that boundary: it holds from the next one on."""
    segments: tuple[Segment, ...] = ()
    """What `period` was under before its plan was changed, in order."""
    changes: tuple[PlanChange, ...] = ()
    """Changes of the plan that are accepted and not in effect, in the order in which they will be."""
    expiry_told: str | None = None
    """The card and the period of whose charge it was last told that the card expires before."""
    spend_cap: SpendCap | None = None
    """Of the open period and those to come."""
    manual: bool = False
    """Whether the agency collects by itself (billing.collection)."""
    switches: tuple[Switch, ...] = ()
    """Of collection, in the order of the boundaries from which they hold."""
    news: bool = False
    acked: tuple[int, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    """What holds everything up: the account that can't charge, the tier that fell, or both."""
    lifted: tuple[int, ...] = ()
    """The last freezes that are over, by their ids: none of them begins again."""
    resumes_at: datetime | None = None
    """After a thaw: when what waited is begun."""
    custom: Custom | None = None
    """Set when this is a custom invoice and no subscription: nothing is served, and one invoice collected."""
    version: int = 0
    """Counts every change: a projection is only ever replaced by a newer one."""
    kind: Literal["State"] = "State"
