"""Calls that are no longer kept one by one: what they came to stays, and everything still adds up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import asyncpg
import pytest
from support.databases import copied
from support.house import AGENCY, DAY, HOUR, START, House, call
from temporalio.testing import ActivityEnvironment

from activities.messages import Retired
from activities.retiring import Retiring
from adapters.postgres import retention
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, CorrectionVerdict, record_correction
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import open_pool
from adapters.postgres.retention import PostgresRetention
from billing.state import State

KEPT = timedelta(days=400)
LATER = START + 500 * DAY
FEBRUARY = date(2026, 2, 1)


class At:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


@pytest.fixture
async def house(postgres_server: str, template: str) -> AsyncIterator[House]:
    """Books of the test's own: a month that is retired once has no partition any more."""
    async with copied(postgres_server, template) as dsn, open_pool(dsn, 10) as pool:
        made = House(pool, PostgresStore(pool))
        await made.agency()
        yield made


async def retire(house: House, at: datetime = LATER) -> Retired:
    retiring = Retiring(PostgresRetention(house.pool), At(at), KEPT)
    return await ActivityEnvironment().run(retiring.retire_calls)


async def in_order(house: House) -> None:
    assert {one.id: one.wrong for one in await examine(house.pool) if one.wrong} == {}


async def kept(house: House) -> list[str]:
    calls = {row["call_id"] for row in await house.fetch("SELECT call_id FROM calls")}
    assert calls == {row["call_id"] for row in await house.fetch("SELECT call_id FROM reported_calls")}
    return sorted(calls)


async def closed(house: House, name: str = "anna") -> State:
    """Two closed periods with calls on time and late, corrected at once and afterwards, and calls of no period."""
    state = await house.subscribed(name)
    at = START + 5 * DAY
    one, two = f"{name}1", f"{name}2"
    await house.report(
        call(one, name, at, 7), call(two, name, at + DAY, 3), call(f"{name}0", name, START - DAY), at=at + DAY
    )
    await record_correction(house.pool, AGENCY, Correction(f"{name}k1", one, -60, "early"), at + DAY)
    state = await house.issue(state, at + DAY)
    for number in range(2):
        assert state.period is not None
        end = state.period.end
        state = await house.issue(await house.close(state, end + HOUR), end + HOUR)
        if number == 0:
            await house.report(call(f"{name}3", name, end - HOUR, 2), at=end + 2 * HOUR)
            await record_correction(house.pool, AGENCY, Correction(f"{name}k2", two, -120, "late"), end + 2 * HOUR)
    return state


async def test_what_is_retired_is_sealed_and_every_sum_stands(house: House) -> None:
    await closed(house)
    await in_order(house)
    rollups = await house.fetch("SELECT * FROM usage_rollups ORDER BY period")
    late = call("late", "anna", LATER - DAY)
    await house.report(late, at=LATER)
    assert await retire(house) == Retired(calls=4, months=2, waiting=0)
    assert await kept(house) == ["late"]
    await in_order(house)
    assert (await house.fetch("SELECT * FROM usage_rollups ORDER BY period"))[: len(rollups)] == rollups
    sealed = await house.fetch(
        "SELECT month, period, unbilled, late, seconds, calls FROM sealed_usage ORDER BY 1, 2, 4"
    )
    assert [tuple(row.values()) for row in sealed] == [
        (date(2026, 1, 1), None, "no_subscription", False, 60, 1),
        (FEBRUARY, 1, None, False, 540, 2),
        (FEBRUARY, 1, None, True, 120, 1),
    ]
    assert await retire(house) == Retired(0, 0, 0)


async def test_a_month_stays_for_as_many_days_as_calls_are_kept(house: House) -> None:
    await closed(house)
    over = datetime(2026, 3, 1, tzinfo=START.tzinfo) + KEPT
    assert (await retire(house, over - timedelta(seconds=1))).months == 1
    assert await kept(house) == ["anna1", "anna2", "anna3"]
    assert (await retire(house, over)).months == 1
    assert await kept(house) == []


async def test_what_belongs_to_a_period_that_is_not_closed_is_kept(house: House) -> None:
    await house.subscribed("anna")
    await house.report(call("c1", "anna", START + 5 * DAY), at=START + 5 * DAY)
    assert await retire(house) == Retired(calls=0, months=0, waiting=1)
    assert await kept(house) == ["c1"]
    await in_order(house)


async def test_a_retired_call_can_be_corrected_no_more(house: House) -> None:
    await closed(house)
    await retire(house)
    said = await record_correction(house.pool, AGENCY, Correction("k9", "anna1", -60, "too late"), LATER)
    assert said == CorrectionVerdict("rejected", "unknown_call", "no call anna1")


async def test_a_killed_run_goes_on_where_it_stood(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PIECE", 1)
    await closed(house)
    assert await PostgresRetention(house.pool).retire_some(FEBRUARY, LATER) == 1
    await in_order(house)
    assert (await retire(house)).months == 2
    await in_order(house)


async def test_many_at_once_retire_and_correct_and_nothing_counts_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_PIECE", 1)
    for name in ("anna", "bert", "carl"):
        await closed(house, name)

    async def correct(name: str, number: int) -> str:
        correction = Correction(f"x{name}{number}", f"{name}{number}", -30, "meanwhile")
        return (await record_correction(house.pool, AGENCY, correction, LATER)).result

    corrections = [correct(name, number) for name in ("anna", "bert", "carl") for number in (1, 2)]
    await asyncio.gather(retire(house), retire(house), *corrections, house.report(call("new", "anna", LATER), at=LATER))
    while (await retire(house)).months:
        pass
    assert await kept(house) == ["new"]
    assert await house.value("SELECT sum(calls) FROM sealed_usage") == 12
    await in_order(house)


async def test_a_month_that_is_not_over_can_not_be_deleted_by_anybody(house: House) -> None:
    await closed(house)
    await PostgresRetention(house.pool).retire_some(date(2026, 1, 1), LATER)
    for table in ("calls", "call_details"):
        with pytest.raises(asyncpg.RestrictViolationError, match="its month is not being retired"):
            await house.pool.execute(f"DELETE FROM {table}")
