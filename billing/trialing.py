"""A trial as the subscription knows it, and what it learns of it. Apart from the rules of trials, so that billing.state
and billing.facts can name them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Trial:
    """Service before the first period, which begins at its `end`. `told`: its end was announced."""

    start: datetime
    end: datetime
    told: bool = False


@dataclass(frozen=True)
class TrialEnding:
    """The trial's end is near: client and agency are told."""

    at: datetime
    kind: Literal["TrialEnding"] = "TrialEnding"


@dataclass(frozen=True)
class TrialEnded:
    """The trial is over: the first period begins, or nothing does, when that was agreed."""

    at: datetime
    kind: Literal["TrialEnded"] = "TrialEnded"
