"""Where periods begin and end: billing-rules 3, its table and its promises over ten years."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.periods import START_AHEAD, START_BACK, boundary

ZONES = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Auckland",
]
TEN_YEARS = 120


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("anchor", "zone", "n", "expected"),
    [
        ("2026-01-31 09:30", "America/New_York", 1, "2026-02-28T14:30Z"),
        ("2026-01-31 09:30", "America/New_York", 2, "2026-03-31T13:30Z"),
        ("2026-01-31 09:30", "America/New_York", 3, "2026-04-30T13:30Z"),
        ("2026-01-31 09:30", "America/New_York", 10, "2026-11-30T14:30Z"),
        ("2026-01-31 09:30", "America/New_York", 13, "2027-02-28T14:30Z"),
        ("2028-01-30 00:00", "UTC", 1, "2028-02-29T00:00Z"),
        ("2028-01-30 00:00", "UTC", 2, "2028-03-30T00:00Z"),
        ("2028-01-30 00:00", "UTC", 12, "2029-01-30T00:00Z"),
        ("2026-02-08 02:30", "America/New_York", 1, "2026-03-08T07:30Z"),
        ("2026-10-01 01:30", "America/New_York", 1, "2026-11-01T05:30Z"),
        ("2024-02-29 12:00", "Europe/Berlin", 12, "2025-02-28T11:00Z"),
        ("2024-02-29 12:00", "Europe/Berlin", 48, "2028-02-29T11:00Z"),
        ("2026-01-31 00:00", "Pacific/Auckland", 2, "2026-03-30T11:00Z"),
    ],
)
def test_every_row_of_the_table(anchor: str, zone: str, n: int, expected: str) -> None:
    result = boundary(local(anchor, zone), zone, n)
    assert result == datetime.fromisoformat(expected)
    assert result.tzinfo is UTC


@pytest.mark.parametrize(
    ("anchor", "zone", "n", "expected"),
    [
        # One month after a time that does not exist, the wall time is back: nothing drifts.
        ("2026-02-08 02:30", "America/New_York", 2, "2026-04-08T06:30Z"),
        # Half an hour of summer time: 02:15 on 4 October 2026 does not exist on Lord Howe (+10:30 before).
        ("2026-09-04 02:15", "Australia/Lord_Howe", 1, "2026-10-03T15:45Z"),
        # Midnight does not exist (-03:00 before).
        ("2018-10-04 00:00", "America/Sao_Paulo", 1, "2018-11-04T03:00Z"),
        # A whole day does not exist: Samoa left 30 December 2011 out (-10:00 before).
        ("2011-11-30 12:00", "Pacific/Apia", 1, "2011-12-30T22:00Z"),
    ],
)
def test_odd_clocks(anchor: str, zone: str, n: int, expected: str) -> None:
    assert boundary(local(anchor, zone), zone, n) == datetime.fromisoformat(expected)


def test_boundary_zero_is_the_anchor_even_when_it_is_the_second_of_two_equal_wall_times() -> None:
    second_half_past_one = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert boundary(second_half_past_one, "America/New_York", 0) == second_half_past_one
    assert boundary(second_half_past_one, "America/New_York", 12) == datetime(2027, 11, 1, 5, 30, tzinfo=UTC)


def test_the_anchor_is_an_instant_whatever_zone_it_comes_in() -> None:
    in_utc = datetime(2026, 1, 30, 11, 0, tzinfo=UTC)
    in_auckland = local("2026-01-31 00:00", "Pacific/Auckland")
    assert boundary(in_utc, "Pacific/Auckland", 2) == boundary(in_auckland, "Pacific/Auckland", 2)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", range(1, 32))
def test_ten_years_of_every_anchor_day_fall_on_that_day_or_the_months_last(zone: str, day: int) -> None:
    anchor = datetime(2026, 1, day, 12, tzinfo=ZoneInfo(zone))
    walls = [boundary(anchor, zone, n).astimezone(ZoneInfo(zone)) for n in range(TEN_YEARS + 1)]
    expected = [
        (year, month, min(day, monthrange(year, month)[1]), 12) for year in range(2026, 2036) for month in range(1, 13)
    ]
    assert [(w.year, w.month, w.day, w.hour) for w in walls] == [*expected, (2036, 1, day, 12)]


FROM, SECONDS = datetime(2010, 1, 1, tzinfo=UTC), 20 * 365 * 86_400
anchors = st.integers(0, SECONDS).map(lambda seconds: FROM + timedelta(seconds=seconds))


@given(anchors, st.sampled_from(ZONES))
@settings(max_examples=40, deadline=None)
def test_periods_are_contiguous_and_a_month_long(anchor: datetime, zone: str) -> None:
    boundaries = [boundary(anchor, zone, n) for n in range(TEN_YEARS + 1)]
    assert boundaries[0] == anchor
    for start, end in pairwise(boundaries):
        assert timedelta(days=27, hours=22) < end - start < timedelta(days=31, hours=2)


@given(anchors, st.sampled_from(ZONES), st.integers(1, TEN_YEARS))
@settings(max_examples=300, deadline=None)
def test_the_wall_time_never_drifts(anchor: datetime, zone: str, n: int) -> None:
    tz = ZoneInfo(zone)
    first, then = anchor.astimezone(tz), boundary(anchor, zone, n).astimezone(tz)
    months = first.year * 12 + first.month - 1 + n
    year, month = months // 12, months % 12 + 1
    wall = first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]), fold=0)
    offset, other = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    assert offset is not None
    assert other is not None
    skipped = max(other - offset, timedelta(0))  # what the clocks jumped over, when the wall time lies in the jump
    assert then.replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None) + skipped
    assert then.fold == 0


def test_clocks_set_back_over_a_months_first_midnight() -> None:
    # At 00:01 on 1 November 2009 it was 23:01 of 31 October again: the first midnight counts.
    a_month_earlier = datetime(2009, 10, 1, 2, 30, 30, tzinfo=UTC)
    assert boundary(a_month_earlier, "America/St_Johns", 1) == datetime(2009, 11, 1, 2, 30, 30, tzinfo=UTC)


def test_what_has_no_answer_is_refused() -> None:
    anchor = datetime(2026, 1, 31, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time zone"):
        boundary(anchor.replace(tzinfo=None), "UTC", 1)
    with pytest.raises(ValueError, match="before its anchor"):
        boundary(anchor, "UTC", -1)
    with pytest.raises(KeyError):
        boundary(anchor, "Mars/Olympus", 1)


def test_how_far_a_start_may_lie() -> None:
    assert timedelta(days=31) == START_BACK
    assert timedelta(days=366) == START_AHEAD
