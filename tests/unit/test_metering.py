"""Levels of the included minutes: each is told once, when it is first reached (billing-rules 9)."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering import Meter, crossings
from billing.notices import Notice

AT = datetime(2026, 11, 20, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
LEVELS = st.lists(st.integers(1, 1000), unique=True, max_size=5)
INCLUDED = st.integers(0, 500).map(lambda minutes: 60 * minutes)


def meter(seconds: int, included: int = 500 * 60) -> Meter:
    return Meter(3, END, seconds, included)


def told(readings: list[Meter], levels: list[int]) -> list[Notice]:
    """All that is told on the way from one reading to the next, repeats included."""
    return [notice for before, after in pairwise(readings) for notice in crossings(before, after, levels, AT)]


def keys(notices: list[Notice], audience: str = "agency") -> list[str]:
    return [notice.key for notice in notices if notice.audience == audience]


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [
        (0, 399, []),
        (399, 400, [80]),
        (400, 499, []),
        (499, 500, [100]),
        (0, 612, [80, 100]),
        (500, 900, []),
        (612, 300, []),
    ],
)
def test_a_level_is_crossed_by_the_minute_that_reaches_it(before: int, after: int, crossed: list[int]) -> None:
    found = told([meter(60 * before), meter(60 * after)], [100, 80])
    assert keys(found) == keys(found, "client") == [f"usage:3:{level}" for level in crossed]


def test_it_says_what_is_used_of_what() -> None:
    (client, agency) = crossings(meter(0), meter(412 * 60), [80, 100], AT)
    assert {client.audience, agency.audience} == {"client", "agency"}
    assert (client.detail, agency.detail) == (
        "80 % reached: 412.0 of 500 included minutes are used in the period that ends on 2026-12-01.",
    ) * 2


@given(seconds=st.integers(0, 10**9), more=st.integers(0, 10**9), levels=LEVELS)
def test_where_nothing_is_included_no_level_is_reached(seconds: int, more: int, levels: list[int]) -> None:
    assert told([meter(seconds, 0), meter(seconds + more, 0)], levels) == []


@given(st.data(), st.lists(st.integers(0, 200 * 60), max_size=30), INCLUDED, LEVELS)
def test_each_level_is_told_exactly_once_whatever_the_order_and_the_batches(
    data: st.DataObject, calls: list[int], included: int, levels: list[int]
) -> None:
    """In any order, cut into any batches: what all of them reach is told, each by exactly one batch."""
    ordered = data.draw(st.permutations(calls))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(calls)))) | {len(calls)})
    readings = [meter(0, included), *(meter(sum(ordered[:cut]), included) for cut in cuts)]
    reached = [f"usage:3:{level}" for level in sorted(levels) if meter(sum(calls), included).has_reached(level)]
    assert sorted(keys(told(readings, levels))) == sorted(reached)


@given(st.lists(st.tuples(st.integers(0, 600 * 60), INCLUDED), min_size=1, max_size=20), LEVELS)
def test_what_was_ever_reached_was_told_though_corrections_and_plan_changes_move_it(
    moves: list[tuple[int, int]], levels: list[int]
) -> None:
    """Usage may sink and what is included may grow: a level that is crossed again has the key that is known."""
    readings = [meter(0, moves[0][1]), *(meter(seconds, included) for seconds, included in moves)]
    reached = {f"usage:3:{level}" for level in levels if any(reading.has_reached(level) for reading in readings)}
    assert set(keys(told(readings, levels))) == reached
