"""Where a billing period begins and ends (billing-rules 3).

Period n of an anchor is [boundary(n), boundary(n + 1)): half open and contiguous. Each boundary is computed from the
anchor and n alone, so a clamp to a short month or a change of the clocks never carries over into the next period.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

START_BACK: Final = timedelta(days=31)
"""How far back a subscription's start may lie (billing-rules 3)."""

START_AHEAD: Final = timedelta(days=366)
"""How far ahead a subscription's start may lie (billing-rules 3)."""


def boundary(anchor: datetime, zone: str, n: int) -> datetime:
    """The UTC instant at which period n of the anchor begins (billing-rules 3).

    The anchor's wall time in the IANA zone n months later, clamped to the month's last day. A wall time that does not
    exist is read with the offset before the change; one that happens twice is the first. boundary(0) is the anchor.

    Raises ValueError for a naive anchor or a negative n, KeyError (ZoneInfoNotFoundError) for an unknown zone.
    """
    _refuse_naive(anchor)
    if n < 0:
        raise ValueError(f"period {n}: no period begins before its anchor")
    if n == 0:
        # The anchor is an instant: when it is the second of two equal wall times, "the first" would precede it.
        return anchor.astimezone(UTC)
    local = anchor.astimezone(ZoneInfo(zone))
    years, month0 = divmod(local.month - 1 + n, 12)
    year, month = local.year + years, month0 + 1
    day = min(local.day, monthrange(year, month)[1])
    # fold=0 is both rules at once: the first of two, and in a gap the offset before the change (PEP 495).
    return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)


def days_later(start: datetime, zone: str, days: int) -> datetime:
    """The instant at which so many calendar days of the zone are over: at the same wall time, as a boundary has it."""
    _refuse_naive(start)
    local = start.astimezone(ZoneInfo(zone)) + timedelta(days=days)
    return local.replace(fold=0).astimezone(UTC)


def _refuse_naive(moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
