"""Levels of the included minutes, and the spend cap: each is told once, when it is first reached (billing-rules 9)."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering import Meter, crossings
from billing.notices import Notice, NoticeKind
from billing.plans import CapAction, SpendCap

AT = datetime(2026, 11, 20, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
LEVELS = st.lists(st.integers(1, 1000), unique=True, max_size=5)
INCLUDED = st.integers(0, 500).map(lambda minutes: 60 * minutes)


def meter(
    seconds: int, included: int = 500 * 60, rate: str = "12", cap: SpendCap | None = None, currency: str = "usd"
) -> Meter:
    return Meter(3, END, seconds, included, Decimal(rate), currency, cap)


def block(amount: int) -> SpendCap:
    return SpendCap(amount, CapAction.BLOCK)


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


# The spend cap


@pytest.mark.parametrize(
    ("minutes", "included", "rate", "cap", "reached"),
    [
        (612, 500, "12", 1344, True),
        (612, 500, "12", 1345, False),
        (503, 500, "12.5", 38, True),  # 37.5 rounds to 38, and is billed so
        (499, 500, "12", 0, False),
        (500, 500, "12", 0, True),
        (0, 0, "12", 0, False),
        (1, 0, "12", 0, True),
        (900, 500, "0", 1, False),
        (900, 500, "0", 0, True),
    ],
)
def test_a_cap_is_reached_by_the_overage_that_would_be_billed(
    minutes: int, included: int, rate: str, cap: int, reached: bool
) -> None:
    found = meter(60 * minutes, 60 * included, rate, block(cap))
    assert (found.cap_reached, found.blocks) == (reached, reached)
    told_only = meter(60 * minutes, 60 * included, rate, SpendCap(cap, CapAction.NOTIFY))
    assert (told_only.cap_reached, told_only.blocks) == (reached, False)


def test_without_a_cap_none_is_reached() -> None:
    assert (meter(10**9).cap_reached, meter(10**9).blocks) == (False, False)


@pytest.mark.parametrize(
    ("action", "at", "said"),
    [
        (CapAction.NOTIFY, AT, "13.44 USD, of a cap of 10.00 USD, in the period that ends on 2026-12-01."),
        (CapAction.BLOCK, END, "13.44 USD, of a cap of 10.00 USD, in the period that ends on 2026-12-01."),
        (
            CapAction.BLOCK,
            AT,
            "13.44 USD, of a cap of 10.00 USD: no further calls are served until the period ends on 2026-12-01 or the "
            "cap is raised.",
        ),
    ],
)
def test_it_says_what_the_overage_came_to_and_what_follows(action: CapAction, at: datetime, said: str) -> None:
    cap = SpendCap(1000, action)
    (client, agency) = crossings(meter(550 * 60, cap=cap), meter(612 * 60, cap=cap), [100], at)
    assert {client.audience, agency.audience} == {"client", "agency"}
    for notice in (client, agency):
        assert (notice.kind, notice.key) == (NoticeKind.CAP_REACHED, "cap:3:1000")
        assert notice.detail == f"Minutes beyond the included ones come to {said}"


CAPS = st.one_of(st.none(), st.builds(SpendCap, st.integers(0, 3000), st.sampled_from(list(CapAction))))
RATES = st.sampled_from(["0", "0.75", "12", "12.5"])


@given(st.lists(st.tuples(st.integers(0, 600 * 60), INCLUDED, RATES, CAPS), min_size=1, max_size=20))
def test_every_cap_that_was_ever_reached_was_told_and_no_other(
    moves: list[tuple[int, int, str, SpendCap | None]],
) -> None:
    """Whatever moves usage, what is included, the rate or the cap itself: raised, lowered, taken away, set again."""
    _, *first = moves[0]
    readings = [meter(0, *first), *(meter(*move) for move in moves)]
    reached = {f"cap:3:{one.cap.amount}" for one in readings if one.cap and one.cap_reached}
    assert set(keys(told(readings, []))) == reached


@given(st.data(), st.lists(st.integers(0, 200 * 60), max_size=30), INCLUDED, RATES, st.integers(0, 3000))
def test_a_cap_is_told_by_exactly_one_report_and_blocks_every_one_after_it(
    data: st.DataObject, calls: list[int], included: int, rate: str, amount: int
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(calls)))) | {len(calls)})
    readings = [meter(sum(calls[:cut]), included, rate, block(amount)) for cut in [0, *cuts]]
    blocked = [reading.blocks for reading in readings]
    assert blocked == sorted(blocked)
    assert keys(told(readings, [])) == [f"cap:3:{amount}"] * blocked[-1]
