"""What a period's usage has come to, beside what is included and what may be spent (billing-rules 9).

A level of the included minutes, or the spend cap, is crossed by whatever moves the one or the other: calls,
corrections, a change of the plan or of the cap. What is crossed again after it sank is the same fact, and has the same
key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from billing import usage
from billing.money import show
from billing.notices import Notice, NoticeKind, to_each
from billing.plans import CapAction, SpendCap


class Blocked(StrEnum):
    """Why no further call is to be served."""

    PAUSED = "paused"
    ENDED = "ended"
    CAP_REACHED = "cap_reached"


@dataclass(frozen=True)
class Meter:
    """A period with its billed seconds so far, the terms by which they are priced, and the cap on what they cost."""

    number: int
    end: datetime
    seconds: int
    included_seconds: int
    rate: Decimal
    currency: str
    cap: SpendCap | None = None

    @property
    def overage(self) -> int:
        """In minor units."""
        return usage.overage(self.seconds, self.included_seconds, self.rate, self.currency)

    @property
    def cap_reached(self) -> bool:
        """Whether the overage has come to the cap; a cap of zero is reached when all that is included is used."""
        if self.cap is None or self.seconds < max(1, self.included_seconds):
            return False
        return self.overage >= self.cap.amount

    @property
    def blocks(self) -> bool:
        """Whether the cap is reached and interrupts service."""
        return self.cap is not None and self.cap.action is CapAction.BLOCK and self.cap_reached

    def has_reached(self, percent: int) -> bool:
        """Whether so much of what is included is used. Where nothing is included there is no percentage."""
        return self.included_seconds > 0 and 100 * self.seconds >= percent * self.included_seconds


def crossings(before: Meter, after: Meter, levels: Iterable[int], at: datetime) -> tuple[Notice, ...]:
    """What is told of a move from one reading of a period to another: every level that it went over, the lowest first,
    then the cap.

    `levels` are the agency's, in percent. Whoever moves a period sees what the one before him left: then each is
    crossed upwards by one of them, in whatever order and however many at once.
    """
    crossed = [level for level in sorted(levels) if after.has_reached(level) and not before.has_reached(level)]
    told = [
        notice
        for level in crossed
        for notice in to_each(NoticeKind.USAGE_ALERT, f"usage:{after.number}:{level}", at, _level_text(after, level))
    ]
    if after.cap and after.cap_reached and not _stood_at(before, after.cap):
        key = f"cap:{after.number}:{after.cap.amount}"
        told += to_each(NoticeKind.CAP_REACHED, key, at, _cap_text(after, after.cap, at))
    return tuple(told)


def _stood_at(before: Meter, cap: SpendCap) -> bool:
    """Whether the reading before had reached this very cap: another amount is another fact."""
    return before.cap_reached and before.cap is not None and before.cap.amount == cap.amount


def _level_text(meter: Meter, level: int) -> str:
    used, included = usage.minutes_text(meter.seconds), meter.included_seconds // 60
    return (
        f"{level} % reached: {used} of {included} included minutes are used in the period that ends on "
        f"{meter.end:%Y-%m-%d}."
    )


def _cap_text(meter: Meter, cap: SpendCap, at: datetime) -> str:
    overage, amount = show(meter.overage, meter.currency), show(cap.amount, meter.currency)
    reached = f"Minutes beyond the included ones come to {overage}, of a cap of {amount}"
    # Calls that come in after the period's end can reach its cap: there is nothing left of it to interrupt.
    if cap.action is CapAction.NOTIFY or at >= meter.end:
        return f"{reached}, in the period that ends on {meter.end:%Y-%m-%d}."
    return f"{reached}: no further calls are served until the period ends on {meter.end:%Y-%m-%d} or the cap is raised."
