"""Spans, in which a client's calls count alike: as the windows and the clocks of every zone have it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.keys import place_of
from adapters.postgres.rollups import Metered
from adapters.postgres.spans import Spans
from adapters.postgres.windows import Window, trial_of, unbilled_at, window_of
from billing.days import day_span, local_day
from billing.metering import Meter
from billing.usage import Unbilled

ZONES = (
    *("UTC", "Asia/Kathmandu", "America/New_York", "America/Havana", "Asia/Beirut", "Africa/Cairo"),
    *("America/Asuncion", "Pacific/Apia", "Atlantic/Azores", "Australia/Lord_Howe", "Africa/Monrovia"),
)
EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 19 * 365 * 24 * 3600).map(lambda seconds: EARLIEST + timedelta(seconds=seconds))


def window(number: int, start: datetime, end: datetime, *, frozen: bool = False, zone: str = "UTC") -> Window:
    metered = Metered("sub_anna", Meter(number, end, 0, 0, Decimal(0), "usd"), ())
    return Window("sub_anna", number, start, end, frozen, 60, False, True, metered, zone)


@given(st.sampled_from(ZONES), INSTANTS, st.lists(st.integers(0, 86_399), max_size=8))
@settings(max_examples=400)
def test_a_day_span_holds_the_instant_and_is_of_one_day(zone: str, at: datetime, seconds: list[int]) -> None:
    start, end = day_span(zone, at)
    assert start <= at < end
    for inside in (
        start,
        end - timedelta(microseconds=1),
        *(start + timedelta(seconds=one) % (end - start) for one in seconds),
    ):
        assert local_day(zone, inside) == local_day(zone, at)


@pytest.mark.parametrize(
    ("zone", "at", "span"),
    [
        ("UTC", "2026-03-08T12:00Z", ("2026-03-08T00:00Z", "2026-03-09T00:00Z")),
        ("America/New_York", "2026-03-08T12:00Z", ("2026-03-08T05:00Z", "2026-03-09T04:00Z")),
        # The clock goes from 24:00 to 01:00: the day begins with its second hour.
        ("Asia/Beirut", "2026-03-29T12:00Z", ("2026-03-28T22:00Z", "2026-03-29T21:00Z")),
        # It goes back from 01:00 to 00:00: both hours are of the day, and its first is cut into quarters.
        ("America/Havana", "2026-11-01T12:00Z", ("2026-11-01T05:00Z", "2026-11-02T05:00Z")),
        ("America/Havana", "2026-11-01T04:20Z", ("2026-11-01T04:15Z", "2026-11-01T04:30Z")),
    ],
)
def test_days_of_the_clocks_change(zone: str, at: str, span: tuple[str, str]) -> None:
    start, end = map(datetime.fromisoformat, span)
    assert day_span(zone, datetime.fromisoformat(at)) == (start, end)


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 60 * 24 * 90), min_size=2, max_size=6, unique=True),
    st.lists(st.integers(0, 60 * 24 * 90), min_size=1, max_size=20),
    st.booleans(),
)
def test_every_instant_finds_what_it_would_find_alone(
    zone: str, edges: list[int], minutes: list[int], trial: bool
) -> None:
    first = datetime(2026, 2, 15, 7, 30, tzinfo=UTC)
    bounds = sorted(first + timedelta(minutes=edge) for edge in edges)
    windows = [
        window(number, start, end, frozen=number == 1, zone=zone)
        for number, (start, end) in enumerate(zip(bounds[::2], bounds[1::2], strict=False), 0 if trial else 1)
    ]
    spans = Spans("agc_sunrise", {"cli_anna": windows}, frozenset())
    for minute in minutes:
        at = first + timedelta(minutes=minute)
        found = spans.of("cli_anna", at)
        holder = window_of(windows, at)
        assert found.start <= at < found.end
        assert found.window is (holder or trial_of(windows, at))
        assert found.unbilled == (None if holder else unbilled_at(windows, at))
        assert found.late is (holder is not None and holder.frozen)
        assert found.day == at.date()
        if found.window:
            assert {found.window.day(found.start), found.window.day(at)} == {local_day(zone, at)}
        assert spans.of("cli_anna", at) is found


def test_what_is_late_for_a_subscription_that_is_settled_up_is_unbilled() -> None:
    start = datetime(2026, 2, 1, tzinfo=UTC)
    frozen = window(1, start, start + timedelta(days=28), frozen=True)
    found = Spans("agc_sunrise", {"cli_anna": [frozen]}, frozenset({"sub_anna"})).of("cli_anna", start)
    ended = place_of("agc_sunrise", "cli_anna", None, None, Unbilled.ENDED, late=False)
    assert (found.place, found.day) == (ended, date(2026, 2, 1))
