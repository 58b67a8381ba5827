"""What a client is sold: a plan's terms, copied into the subscription when they are assigned (billing-rules 2)."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal


class FinalAction(StrEnum):
    """What happens when the last automatic attempt fails too (billing-rules 6)."""

    PAST_DUE = "past_due"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Terms:
    """One plan version as it was when assigned: a later edit of the plan never moves a running subscription.

    `price` is in minor units per month, `overage_rate` an exact decimal in minor units per minute ("12.5").
    """

    plan: str
    version: int
    name: str
    tier: str
    currency: str
    price: int
    included_minutes: int
    overage_rate: str
    call_increment_seconds: Literal[1, 6, 60] = 60

    @property
    def included_seconds(self) -> int:
        return self.included_minutes * 60

    @property
    def rate(self) -> Decimal:
        return Decimal(self.overage_rate)


class CapAction(StrEnum):
    """What follows when a spend cap is reached: people are told, or no further calls are served either."""

    NOTIFY = "notify"
    BLOCK = "block"


@dataclass(frozen=True)
class SpendCap:
    """What a period's overage may come to, in minor units of the plan's currency (billing-rules 9)."""

    amount: int
    action: CapAction


@dataclass(frozen=True)
class Dunning:
    """An agency's retry policy: the gaps between automatic attempts and what follows the last (billing-rules 6)."""

    gaps_days: tuple[int, ...] = (3, 5, 7)
    final_action: FinalAction = FinalAction.PAST_DUE

    def gap(self, step: int) -> timedelta:
        return timedelta(days=self.gaps_days[step])
