"""What a period's usage has come to, beside what is included: the levels at which people are told (billing-rules 9).

A level is crossed by whatever moves the one or the other: calls, corrections, a change of the plan. What is crossed
again after it sank is the same fact, and has the same key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billing.notices import Notice, NoticeKind, to_each
from billing.usage import minutes_text


@dataclass(frozen=True)
class Meter:
    """A period with its billed seconds so far, and the seconds that it includes."""

    number: int
    end: datetime
    seconds: int
    included_seconds: int

    def has_reached(self, percent: int) -> bool:
        """Whether so much of what is included is used. Where nothing is included there is no percentage."""
        return self.included_seconds > 0 and 100 * self.seconds >= percent * self.included_seconds


def crossings(before: Meter, after: Meter, levels: Iterable[int], at: datetime) -> tuple[Notice, ...]:
    """What is told of a move from one reading of a period to another: every level that it went over, the lowest first.

    `levels` are the agency's, in percent. Whoever moves a period sees what the one before him left: then each level is
    crossed upwards by one of them, in whatever order and however many at once.
    """
    crossed = [level for level in sorted(levels) if after.has_reached(level) and not before.has_reached(level)]
    return tuple(
        notice
        for level in crossed
        for notice in to_each(NoticeKind.USAGE_ALERT, f"usage:{after.number}:{level}", at, _level_text(after, level))
    )


def _level_text(meter: Meter, level: int) -> str:
    used, included = minutes_text(meter.seconds), meter.included_seconds // 60
    return (
        f"{level} % reached: {used} of {included} included minutes are used in the period that ends on "
        f"{meter.end:%Y-%m-%d}."
    )
