"""What calls cost: billed seconds, overage, late entries (billing-rules 4 and 5).

Durations are whole seconds, rates `Decimal` minor units per minute, amounts minor units. Everything between is exact.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from billing.money import round_to_unit

INCREMENTS: Final = (1, 6, 60)
"""The call increments that a plan may have, in seconds (billing-rules 2)."""

LATEST_AHEAD: Final = timedelta(minutes=5)
"""How far ahead of the clock a call may start: the clocks of senders differ."""
OLDEST: Final = timedelta(days=34)
"""How long ago a reported call may have started."""
# A projection from the first minutes would turn one call into a year of calls: it is made as if a day had passed.
_FIRST_VIEW: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)


class Outcome(StrEnum):
    """How a call ended; a failed call is free (billing-rules 4)."""

    COMPLETED = "completed"
    FAILED = "failed"


_FAILED: Final = Outcome.FAILED
"""By its own name: asking the class for it costs more than all else about a call's billed seconds."""


class StartRefused(StrEnum):
    """Why a call's start is refused (billing-rules 4)."""

    TOO_FAR_AHEAD = "too_far_ahead"
    TOO_OLD = "too_old"


class Unbilled(StrEnum):
    """Why an accepted call belongs to no period and is never charged (billing-rules 4)."""

    NO_SUBSCRIPTION = "no_subscription"
    TRIAL = "trial"
    PAUSED = "paused"
    ENDED = "ended"


def billed_seconds(duration_seconds: int, outcome: Outcome, increment: int) -> int:
    """A call's billed seconds: a completed call rounded up to the increment, a failed one 0 (billing-rules 4).

    Raises ValueError for a negative duration and for an increment that is not 1, 6 or 60 seconds.
    """
    if duration_seconds < 0:
        raise ValueError(f"a call of {duration_seconds} seconds")
    if increment not in INCREMENTS:
        raise ValueError(f"a call increment of {increment} seconds: it is one of {INCREMENTS}")
    if outcome == _FAILED:
        return 0
    return -(-duration_seconds // increment) * increment


def overage(seconds: int, included_seconds: int, rate: Decimal, currency: str) -> int:
    """The amount for the seconds beyond the included ones, in minor units, rounded once (billing-rules 5).

    `rate` is in minor units per minute, `included_seconds` the included minutes times 60.
    """
    over = max(0, seconds - included_seconds)
    return round_to_unit(over * Fraction(rate) / 60, currency)


def late_amount(
    closed_seconds: int,
    settled_seconds: int,
    entry_seconds: int,
    included_seconds: int,
    rate: Decimal,
    currency: str,
) -> int:
    """What a late call or a correction adds to a closed period, in minor units; negative is a credit (billing-rules 4).

    The difference between two overages at the closed period's own terms. `settled_seconds` is the net of the late
    entries settled before this one, those included that moved no money because allowance was left. Counted from there,
    entries settled one by one sum exactly to what all of them cost at once, whatever each was rounded to.
    """
    before = closed_seconds + settled_seconds
    return overage(before + entry_seconds, included_seconds, rate, currency) - overage(
        before, included_seconds, rate, currency
    )


def starts_taken(now: datetime) -> tuple[datetime, datetime]:
    """The oldest and the latest start of a call that is taken now (billing-rules 4)."""
    return now - OLDEST, now + LATEST_AHEAD


def check_start(started_at: datetime, taken: tuple[datetime, datetime]) -> StartRefused | None:
    """Refuse a call that starts more than 5 minutes ahead or more than 34 days ago; `taken` is between what."""
    oldest, latest = taken
    if started_at > latest:
        return StartRefused.TOO_FAR_AHEAD
    if started_at < oldest:
        return StartRefused.TOO_OLD
    return None


def minutes_text(seconds: int) -> str:
    """Seconds as minutes with one decimal, "612.0", rounded half away from zero as all our figures are.

    For showing only: what is billed is computed from the seconds.
    """
    tenths = (abs(seconds) + 3) // 6
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{tenths // 10}.{tenths % 10}"


def projected_seconds(seconds_used: int, start: datetime, end: datetime, now: datetime) -> int:
    """The period's usage at its end if it goes on as so far, in whole seconds, rounded down; never less than used.

    A straight line through the part of [start, end) that has passed, of which at least one day is assumed.
    """
    passed = max(now - start, _FIRST_VIEW)
    straight = seconds_used * ((end - start) // _MICROSECOND) // (passed // _MICROSECOND)
    return max(seconds_used, straight)
