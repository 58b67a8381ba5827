"""The wire between API, delivery and workflow: names, ids and messages, importable without the workflow."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from activities.messages import Tally
from billing.credit_notes import CreditOrder
from billing.custom import ordered
from billing.plans import SpendCap, Terms
from billing.state import Answer, Card, Custom, Decision, Disputed, Forgive, Reissue, State, Try
from billing.subscription import opened

SUBSCRIPTION = "Subscription"
CUSTOM_INVOICE = "CustomInvoice"
REFUND = "Refund"
RECONCILIATION = "Reconciliation"
RETENTION = "Retention"
FACTS_ARRIVED = "facts_arrived"

AGENCY_ATTRIBUTE = "RetainerAgency"
STATUS_ATTRIBUTE = "RetainerStatus"
PERIOD_END_ATTRIBUTE = "RetainerPeriodEnd"
SEARCH_ATTRIBUTES = {AGENCY_ATTRIBUTE: "Keyword", STATUS_ATTRIBUTE: "Keyword", PERIOD_END_ATTRIBUTE: "Datetime"}
"""What has to be registered in the namespace, by Temporal's words for the types."""


def subscription_workflow_id(subscription: str) -> str:
    """The one workflow of a subscription, or of a custom invoice, for its whole life."""
    return f"subscription-{subscription}"


def refund_workflow_id(refund: str) -> str:
    """The workflow that carries a refund out."""
    return f"refund-{refund}"


RECONCILIATION_SCHEDULE = "reconciliation"
"""The one schedule of an installation; the workflows that it starts have ids that begin so."""
RETENTION_SCHEDULE = "retention"
"""Likewise."""
LAST = 5
"""The lowest priority, of what nobody waits for."""
RECONCILED_DAYS = 35
"""Over the invoices of so many days two sides are compared, and over all open ones: a month, and its retries."""


def reconciliation_workflow_id(account: str | None) -> str:
    """Of a run by hand, over one account or all: one at a time."""
    return f"reconciliation-by-hand-{account or 'all'}"


@dataclass(frozen=True)
class Reconcile:
    """A reconciliation's input. `account`: this one alone. The rest is carried from run to run."""

    account: str | None = None
    days: int = RECONCILED_DAYS
    after: str = ""
    so_far: Tally | None = None
    kind: Literal["Reconcile"] = "Reconcile"


@dataclass(frozen=True)
class Start:
    """A run's input. `rules` is written by whoever starts or continues the run, never read from a constant inside."""

    subscription: str
    agency: str
    client: str
    account: str
    customer: str
    zone: str
    terms: Terms
    rules: int
    requested_at: datetime
    starts_at: datetime | None
    """None: the anchor is the instant at which the first card is saved."""
    first_free: bool = False
    card: Card | None = None
    grace: timedelta = timedelta(hours=1)
    carried: State | None = None
    condemned: tuple[str, ...] = ()
    tries: tuple[Try, ...] = ()
    """What the client's earlier subscriptions learned about its cards: as in `State`."""
    disputed: tuple[Disputed, ...] = ()
    custom: Custom | None = None
    """Set when a custom invoice is to be collected: the workflow is CUSTOM_INVOICE, and nothing is served."""
    spend_cap: SpendCap | None = None
    manual: bool = False
    """Collected by the agency: then it may have no account."""
    trial_days: int = 0
    kind: Literal["Start"] = "Start"


def opened_by(start: Start) -> State:
    """The state that the first run begins with: by the same rules wherever it is asked for."""
    if start.custom:
        return ordered(
            id=start.subscription,
            agency=start.agency,
            client=start.client,
            account=start.account,
            customer=start.customer,
            zone=start.zone,
            terms=start.terms,
            rules=start.rules,
            at=start.requested_at,
            custom=start.custom,
            card=start.card,
            condemned=start.condemned,
            tries=start.tries,
            disputed=start.disputed,
        )
    return opened(
        id=start.subscription,
        agency=start.agency,
        client=start.client,
        account=start.account,
        customer=start.customer,
        zone=start.zone,
        terms=start.terms,
        rules=start.rules,
        at=start.requested_at,
        starts_at=start.starts_at,
        first_free=start.first_free,
        card=start.card,
        condemned=start.condemned,
        tries=start.tries,
        disputed=start.disputed,
        grace=start.grace,
        spend_cap=start.spend_cap,
        manual=start.manual,
        trial_days=start.trial_days,
    )


@dataclass(frozen=True)
class Ended:
    subscription: str
    kind: Literal["Ended"] = "Ended"


@dataclass(frozen=True)
class Cancel:
    at: Literal["period_end", "now"]
    forgive: Forgive
    by: str
    kind: Literal["Cancel"] = "Cancel"


@dataclass(frozen=True)
class UndoCancel:
    by: str
    kind: Literal["UndoCancel"] = "UndoCancel"


@dataclass(frozen=True)
class Pause:
    """At the end of the period."""

    by: str
    kind: Literal["Pause"] = "Pause"


@dataclass(frozen=True)
class UndoPause:
    by: str
    kind: Literal["UndoPause"] = "UndoPause"


@dataclass(frozen=True)
class Resume:
    by: str
    kind: Literal["Resume"] = "Resume"


@dataclass(frozen=True)
class Extend:
    """A promise to pay: the ladder's next date moves by so many days."""

    days: int
    by: str
    kind: Literal["Extend"] = "Extend"


@dataclass(frozen=True)
class ChangePlan:
    """`change` is the id of the change; without `effective` it holds from when the rules say (billing-rules 7)."""

    change: str
    terms: Terms
    effective: Literal["now", "period_end"] | None
    by: str
    kind: Literal["ChangePlan"] = "ChangePlan"


@dataclass(frozen=True)
class UndoPlanChange:
    by: str
    kind: Literal["UndoPlanChange"] = "UndoPlanChange"


@dataclass(frozen=True)
class SetCollection:
    """From the next boundary on. With the account in which to charge what began without one."""

    manual: bool
    by: str
    account: str = ""
    customer: str = ""
    card: Card | None = None
    kind: Literal["SetCollection"] = "SetCollection"


@dataclass(frozen=True)
class SetSpendCap:
    """From now on; without a cap it is taken away."""

    cap: SpendCap | None
    by: str
    kind: Literal["SetSpendCap"] = "SetSpendCap"


@dataclass(frozen=True)
class PayNow:
    invoice: str
    by: str
    kind: Literal["PayNow"] = "PayNow"


@dataclass(frozen=True)
class Retry:
    by: str
    kind: Literal["Retry"] = "Retry"


@dataclass(frozen=True)
class Void:
    invoice: str
    by: str
    reason: str = ""
    kind: Literal["Void"] = "Void"


@dataclass(frozen=True)
class Send:
    invoice: str
    by: str
    kind: Literal["Send"] = "Send"


@dataclass(frozen=True)
class Review:
    decision: Decision
    by: str
    reason: str = ""
    kind: Literal["Review"] = "Review"


@dataclass(frozen=True)
class Mark:
    """Write an invoice off, or take it as paid elsewhere; `reason` is why, or the payment's reference."""

    invoice: str
    mark: Literal["uncollectible", "paid"]
    by: str
    reason: str = ""
    kind: Literal["Mark"] = "Mark"


@dataclass(frozen=True)
class Credit:
    """Lower what is owed of an open invoice by a credit note."""

    invoice: str
    order: CreditOrder
    by: str
    kind: Literal["Credit"] = "Credit"


@dataclass(frozen=True)
class OrderReissue:
    """Void an invoice and issue its corrected lines as the next revision."""

    invoice: str
    reissue: Reissue
    by: str
    reason: str = ""
    kind: Literal["OrderReissue"] = "OrderReissue"


Command = (
    Cancel
    | UndoCancel
    | Pause
    | UndoPause
    | Resume
    | Extend
    | ChangePlan
    | UndoPlanChange
    | PayNow
    | Retry
    | Void
    | Mark
    | Credit
    | OrderReissue
    | Send
    | Review
    | SetSpendCap
    | SetCollection
)
"""What people order of a running subscription: each is an update of its workflow."""


@dataclass(frozen=True)
class Reply:
    """An update's answer, with the state after it, so that the API need not read its own write."""

    answer: Answer
    state: State
    kind: Literal["Reply"] = "Reply"


@dataclass(frozen=True)
class StatusView:
    """Answer of the query `status`: the state, and when the workflow will next do something (none: on a fact)."""

    state: State
    now: datetime
    next_at: datetime | None
    why: str
    kind: Literal["StatusView"] = "StatusView"


@dataclass(frozen=True)
class ScheduleItem:
    at: datetime
    action: str
    rule: str
    detail: str
    amount: int | None = None


@dataclass(frozen=True)
class Schedule:
    items: tuple[ScheduleItem, ...]
    kind: Literal["Schedule"] = "Schedule"


@dataclass(frozen=True)
class Waiting:
    """Answer of the query `status` of a small workflow: when it will next do something."""

    next_at: datetime | None
    why: str
    kind: Literal["Waiting"] = "Waiting"
