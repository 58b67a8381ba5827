"""Days in a time zone, as calls are counted by them."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)
"""Every offset from UTC is a multiple of it, so no midnight lies within one."""


def local_day(zone: str, at: datetime) -> date:
    """The day in the time zone that holds the instant: a call that starts then counts on it."""
    return at.astimezone(ZoneInfo(zone)).date()


def day_span(zone: str, at: datetime) -> tuple[datetime, datetime]:
    """A span of time, start inclusive and end exclusive, that holds the instant and lies within one local day.

    It is the whole day, except where the clock changes at midnight: there a midnight occurs twice or not at all, and
    the span may be as short as the quarter of an hour that no change divides.
    """
    day = local_day(zone, at)
    start = max(_midnights(zone, day))
    end = min(_midnights(zone, day + _DAY))
    if start <= at < end:
        return start, end
    start = _EPOCH + (at - _EPOCH) // _QUARTER * _QUARTER
    return start, start + _QUARTER


@lru_cache(1024)
def _midnights(zone: str, day: date) -> tuple[datetime, datetime]:
    """When the day begins in UTC, by the clock before a change and by the clock after it: the same on most days."""
    midnight = datetime.combine(day, time.min, ZoneInfo(zone))
    return midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
