"""The wire between workflow and activities: task queues, activity names, and what goes in and comes back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.facts import Fact
from billing.state import State
from billing.steps import Step

BILLING_QUEUE = "billing"
"""Workflows, and activities that touch Postgres only."""
STRIPE_QUEUE = "stripe"
"""Activities that call Stripe: the queue on which its rate limits are set."""

READ_NEWS = "read_news"
CLOSE_PERIOD = "close_period"
ISSUE_INVOICE = "issue_invoice"
CHARGE_INVOICE = "charge_invoice"
VOID_INVOICE = "void_invoice"
MARK_INVOICE = "mark_invoice"
CREDIT_INVOICE = "credit_invoice"
REMIND = "remind"
SEND_INVOICE = "send_invoice"
REMIND_DUE = "remind_due"
TELL_EXPIRY = "tell_expiry"
MARK_TRIAL = "mark_trial"
TAKE_FINAL_ACTION = "take_final_action"
REPEAT_PARKING = "repeat_parking"
RECORD = "record"
MAKE_REFUND = "make_refund"
LIST_ACCOUNTS = "list_accounts"
RECONCILE_ACCOUNT = "reconcile_account"
FINISH_RECONCILIATION = "finish_reconciliation"
RETIRE_CALLS = "retire_calls"


@dataclass(frozen=True)
class Work:
    """An activity's input: the state as the step found it, and the step."""

    state: State
    step: Step
    kind: Literal["Work"] = "Work"


@dataclass(frozen=True)
class Outcome:
    """An activity's result: what became true, already in the books at `version`."""

    facts: tuple[Fact, ...]
    version: int
    kind: Literal["Outcome"] = "Outcome"


@dataclass(frozen=True)
class Record:
    """Facts of an accepted command, to be written to the books beside a step in flight. `state` is before them."""

    state: State
    facts: tuple[Fact, ...]
    by: str
    kind: Literal["Record"] = "Record"


@dataclass(frozen=True)
class RefundStart:
    """A refund to be carried out: input of its workflow, and of the activity that asks Stripe."""

    refund: str
    agency: str
    account: str
    kind: Literal["RefundStart"] = "RefundStart"


@dataclass(frozen=True)
class Accounts:
    """Which connected accounts are asked for, and, coming back, which there are. `after` is the last one known."""

    after: str = ""
    limit: int = 100
    found: tuple[str, ...] = ()
    kind: Literal["Accounts"] = "Accounts"


@dataclass(frozen=True)
class Account:
    """The connected account to be compared, over the invoices of so many days."""

    account: str
    days: int
    kind: Literal["Account"] = "Account"


@dataclass(frozen=True)
class Retired:
    """What retention came to: calls and whole months that are gone, and months that wait for a period to be closed."""

    calls: int
    months: int
    waiting: int
    kind: Literal["Retired"] = "Retired"


@dataclass(frozen=True)
class Tally:
    """What reconciliation came to: of one account, or of all so far.

    `events` were missing from the inbox, `failed` accounts could not be compared, `differing` counts what is found now.
    """

    started_at: datetime
    accounts: int = 0
    failed: int = 0
    events: int = 0
    differing: int = 0
    opened: int = 0
    resolved: int = 0
    kind: Literal["Tally"] = "Tally"

    def plus(self, other: "Tally") -> "Tally":
        return Tally(
            self.started_at,
            self.accounts + other.accounts,
            self.failed + other.failed,
            self.events + other.events,
            self.differing + other.differing,
            self.opened + other.opened,
            self.resolved + other.resolved,
        )
