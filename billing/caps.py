"""The spend cap of a subscription: what the overage of a period may come to before people are told, or service is
interrupted (billing-rules 9). What it has come to is billing.metering's."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.plans import SpendCap
from billing.state import State, Status


@dataclass(frozen=True)
class SpendCapSet:
    """The agency sets the cap of the open period and of those to come, or takes it away."""

    at: datetime
    cap: SpendCap | None
    by: str
    request: str = ""
    kind: Literal["SpendCapSet"] = "SpendCapSet"


def cap_refusal(s: State, at: datetime) -> str | None:
    """The API's word for why no cap can be set at `at`: service has ended for good."""
    ended = s.ending is not None and s.ending.into is Status.CANCELLED and s.ending.at <= at
    return "already_cancelled" if s.status is Status.CANCELLED or ended else None


def cap_set(s: State, fact: SpendCapSet) -> State:
    return s if cap_refusal(s, max(s.clock, fact.at)) else replace(s, spend_cap=fact.cap)
