"""What people order of a subscription: facts that a person brings about, each with the request that it answers.

Wire formats, as all facts are (billing.facts).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.caps import SpendCapSet
from billing.collection import CollectionSet
from billing.plans import Terms
from billing.state import Decision, Forgive


@dataclass(frozen=True)
class ReviewDecided:
    """The agency's word on an invoice that is held for review."""

    at: datetime
    invoice: str
    decision: Decision
    by: str
    reason: str = ""
    request: str = ""
    kind: Literal["ReviewDecided"] = "ReviewDecided"


@dataclass(frozen=True)
class CancelRequested:
    """The agency cancels: at the end of the period that holds `at`, or `now`."""

    at: datetime
    now: bool
    forgive: Forgive
    by: str
    request: str = ""
    kind: Literal["CancelRequested"] = "CancelRequested"


@dataclass(frozen=True)
class CancelUndone:
    at: datetime
    by: str
    request: str = ""
    kind: Literal["CancelUndone"] = "CancelUndone"


@dataclass(frozen=True)
class PlanChangeRequested:
    """The agency changes the plan to `terms`, `now` or at the end of the period that holds `at`. `change` is its id."""

    at: datetime
    change: str
    terms: Terms
    now: bool
    by: str
    request: str = ""
    kind: Literal["PlanChangeRequested"] = "PlanChangeRequested"


@dataclass(frozen=True)
class PlanChangeUndone:
    """The agency takes back the change that is agreed for a period's end."""

    at: datetime
    by: str
    request: str = ""
    kind: Literal["PlanChangeUndone"] = "PlanChangeUndone"


@dataclass(frozen=True)
class PauseRequested:
    """The agency pauses at the end of the period that holds `at`."""

    at: datetime
    by: str
    request: str = ""
    kind: Literal["PauseRequested"] = "PauseRequested"


@dataclass(frozen=True)
class PauseUndone:
    at: datetime
    by: str
    request: str = ""
    kind: Literal["PauseUndone"] = "PauseUndone"


@dataclass(frozen=True)
class LadderExtended:
    """A promise to pay: the ladder's next date moves by so many days."""

    at: datetime
    days: int
    by: str
    request: str = ""
    kind: Literal["LadderExtended"] = "LadderExtended"


Order = (
    ReviewDecided
    | CancelRequested
    | CancelUndone
    | PauseRequested
    | PauseUndone
    | LadderExtended
    | PlanChangeRequested
    | PlanChangeUndone
    | SpendCapSet
    | CollectionSet
)
"""What a person ordered."""
