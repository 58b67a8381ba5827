"""What calls cost: billing-rules 4, and the overage figures of 5."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.usage import (
    Outcome,
    StartRefused,
    billed_seconds,
    check_start,
    late_amount,
    minutes_text,
    overage,
    projected_seconds,
    starts_taken,
)

NOW = datetime(2026, 3, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("increment", "each", "together"),
    [
        (60, [120, 60, 60, 0, 3600], 64 * 60),
        (6, [66, 60, 6, 0, 3600], 3732),  # 62.2 min
        (1, [61, 60, 1, 0, 3599], 62 * 60 + 1),
    ],
)
def test_a_completed_call_is_rounded_up_to_the_increment(increment: int, each: list[int], together: int) -> None:
    billed = [billed_seconds(duration, Outcome.COMPLETED, increment) for duration in (61, 60, 1, 0, 3599)]
    assert billed == each
    assert sum(billed) == together


@pytest.mark.parametrize("increment", [1, 6, 60])
def test_a_failed_call_is_free(increment: int) -> None:
    assert billed_seconds(3599, Outcome.FAILED, increment) == 0


@pytest.mark.parametrize(("duration", "increment"), [(-1, 60), (60, 0), (60, 30), (60, 59)])
def test_a_call_that_can_not_be_is_refused(duration: int, increment: int) -> None:
    with pytest.raises(ValueError, match="seconds"):
        billed_seconds(duration, Outcome.COMPLETED, increment)


@pytest.mark.parametrize(
    ("seconds", "included_minutes", "rate", "currency", "amount"),
    [
        (612 * 60, 500, "12", "usd", 1344),
        (501 * 60, 500, "12.5", "usd", 13),
        (503 * 60, 500, "12.5", "usd", 38),
        (1733 * 60, 1500, "0.75", "usd", 175),
        (500 * 60, 500, "12.5", "usd", 0),
        (499 * 60, 500, "12.5", "usd", 0),
        (500 * 60 + 1, 500, "30", "usd", 1),  # half a cent
        (500 * 60 + 1, 500, "29.9", "usd", 0),
        (60, 0, "12", "usd", 12),
        (10_000 * 60, 0, "0", "usd", 0),
        (503 * 60, 500, "12.5", "jpy", 38),
        (503 * 60, 500, "12.5", "kwd", 40),  # 37.5 to the nearest 10
        (503 * 60, 500, "12.5", "isk", 0),
        (504 * 60, 500, "12.5", "isk", 100),  # 50 to the nearest 100
        (5 * 60, 0, "0.3", "usd", 2),  # exactly 1.5, which binary fractions miss from below
    ],
)
def test_overage_is_exact_and_rounded_once(
    seconds: int, included_minutes: int, rate: str, currency: str, amount: int
) -> None:
    assert overage(seconds, included_minutes * 60, Decimal(rate), currency) == amount


@pytest.mark.parametrize(
    ("closed_min", "settled_min", "entry_min", "amount"),
    [
        (612, 0, 10, 120),
        (612, 0, -10, -120),
        (490, 0, 10, 0),  # within the allowance
        (490, 10, 10, 120),  # the first entry used the allowance up
        (495, 0, 10, 60),
        (505, 0, -10, -60),  # never below an overage of zero
        (612, -112, -10, 0),
    ],
)
def test_a_late_entry_is_settled_at_the_closed_periods_terms(
    closed_min: int, settled_min: int, entry_min: int, amount: int
) -> None:
    terms = (500 * 60, Decimal("12"), "usd")
    assert late_amount(closed_min * 60, settled_min * 60, entry_min * 60, *terms) == amount


def test_late_minutes_one_by_one_are_not_each_rounded_up() -> None:
    # 12.5 cents a minute: 12.5 → 13, 25 → 25, 37.5 → 38. Alone each would be 13, together 39.
    amounts = [late_amount(500 * 60, settled * 60, 60, 500 * 60, Decimal("12.5"), "usd") for settled in range(3)]
    assert amounts == [13, 12, 13]


@given(
    st.integers(0, 100_000),
    st.lists(st.integers(-3_600, 3_600), max_size=20),
    st.integers(0, 100_000),
    st.integers(0, 10_000_000).map(lambda units: Decimal(units).scaleb(-4)),
    st.sampled_from(["usd", "jpy", "kwd", "isk"]),
)
@settings(deadline=None)
def test_late_entries_one_by_one_sum_to_the_whole(
    closed: int, entries: list[int], included: int, rate: Decimal, currency: str
) -> None:
    settled = billed = 0
    for entry in entries:
        billed += late_amount(closed, settled, entry, included, rate, currency)
        settled += entry
    whole = overage(closed + sum(entries), included, rate, currency) - overage(closed, included, rate, currency)
    assert billed == whole


@pytest.mark.parametrize(
    ("started_at", "verdict"),
    [
        (NOW, None),
        (NOW + timedelta(minutes=5), None),
        (NOW + timedelta(minutes=5) + SECOND, StartRefused.TOO_FAR_AHEAD),
        (NOW - timedelta(days=34), None),
        (NOW - timedelta(days=34) - SECOND, StartRefused.TOO_OLD),
    ],
)
def test_a_start_too_far_away_is_refused(started_at: datetime, verdict: StartRefused | None) -> None:
    assert check_start(started_at, starts_taken(NOW)) == verdict


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (36720, "612.0"),
        (3732, "62.2"),
        (3721, "62.0"),
        (0, "0.0"),
        (2, "0.0"),
        (3, "0.1"),  # 0.05: half away from zero
        (59, "1.0"),
        (-90, "-1.5"),
        (-3, "-0.1"),
        (-2, "0.0"),
    ],
)
def test_minutes_for_people(seconds: int, text: str) -> None:
    assert minutes_text(seconds) == text


@pytest.mark.parametrize(
    ("now", "projected"),
    [
        (datetime(2026, 3, 16, 12, tzinfo=UTC), 7_200),  # half of March
        (datetime(2026, 3, 31, tzinfo=UTC), 3_720),  # 30 of 31 days
        (datetime(2026, 3, 2, tzinfo=UTC), 111_600),  # one day
        (datetime(2026, 3, 1, 0, 1, tzinfo=UTC), 111_600),  # one minute is taken for a day
        (datetime(2026, 3, 1, tzinfo=UTC), 111_600),
        (datetime(2026, 4, 1, tzinfo=UTC), 3_600),
        (datetime(2026, 4, 9, tzinfo=UTC), 3_600),
    ],
)
def test_usage_projected_to_the_periods_end(now: datetime, projected: int) -> None:
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    assert projected_seconds(3_600, start, end, now) == projected


def test_a_projection_is_never_below_what_was_used() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert projected_seconds(3_600, start, start + timedelta(hours=1), start + timedelta(minutes=1)) == 3_600
