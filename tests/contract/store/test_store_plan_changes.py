"""What a plan change does to the books: periods, the calls in them, and what is billed of both (billing-rules 7)."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from support.house import DAY, HOUR, START, House, call

from adapters.postgres import figures
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, record_correction
from billing.orders import CancelRequested, PlanChangeRequested
from billing.plans import Terms
from billing.state import Forgive, State

END = datetime(2026, 2, 28, tzinfo=UTC)
MAX = Terms("pln_one", 2, "Voice Max", "max", "usd", 9900, 1200, "20", 1)


def changed(at: datetime, terms: Terms = MAX, change: str = "chg_1", *, now: bool = True) -> PlanChangeRequested:
    return PlanChangeRequested(at, change, terms, now, "agency", change)


async def served(house: House) -> State:
    """Paid for February, with a call of 30 seconds and one of 900 minutes; both rounded to the minute."""
    state = await house.issue(await house.subscribed("anna"), START)
    await house.report(
        call("c1", "anna", START + DAY, seconds=30), call("c2", "anna", START + DAY, 900), at=START + DAY
    )
    return state


async def periods(house: House) -> list[tuple[object, ...]]:
    rows = await house.fetch(
        "SELECT number, included_seconds / 60, rate, call_increment_seconds FROM periods ORDER BY number"
    )
    return [tuple(row.values()) for row in rows]


async def seconds(house: House) -> list[int]:
    return [row["seconds"] for row in await house.fetch("SELECT seconds FROM usage_rollups ORDER BY period")]


async def in_order(house: House) -> bool:
    return [one.wrong for one in await examine(house.pool) if one.wrong] == []


async def test_the_open_period_takes_over_the_terms_and_its_calls_are_rounded_anew(house: House) -> None:
    state = await served(house)
    assert await seconds(house) == [901 * 60]
    state = await house.record(state, changed(START + 14 * DAY))

    assert await periods(house) == [(1, (500 + 1200) // 2, Decimal(20), 1)]
    assert await seconds(house) == [900 * 60 + 30]
    await house.report(call("c3", "anna", START + 15 * DAY, seconds=7), at=START + 15 * DAY)
    assert await seconds(house) == [900 * 60 + 37]
    (usage,) = await figures.agency_usage(house.pool, state.agency, START + 15 * DAY)
    assert (usage.seconds_included, usage.overage_so_far) == (850 * 60, (50 * 60 + 37) * 20 // 60)
    assert await in_order(house)


async def test_a_correction_is_kept_when_its_call_is_rounded_anew(house: House) -> None:
    state = await served(house)
    await record_correction(house.pool, state.agency, Correction("k1", "c1", -50, "an echo"), START + 2 * DAY)
    await house.record(state, changed(START + 14 * DAY))

    assert await seconds(house) == [900 * 60], "what was taken off is no more than what is billed"
    assert await in_order(house)


async def test_a_closed_period_keeps_the_terms_that_it_closed_by_and_late_calls_are_settled_at_them(
    house: House,
) -> None:
    state = await house.record(await served(house), changed(START + 14 * DAY))
    state = await house.issue(state, START + 14 * DAY)
    state = await house.close(state, END + HOUR)
    state = await house.record(state, changed(END + 2 * HOUR, replace(MAX, version=3, overage_rate="99"), "chg_2"))
    await house.report(call("c4", "anna", END - HOUR, 1), at=END + 3 * HOUR)

    (invoice,) = await house.fetch("SELECT overage, included_seconds, rate FROM periods WHERE number = 1")
    assert tuple(invoice.values()) == (50 * 20 + 10, 850 * 60, Decimal(20))
    row = await house.draft(state, END + 3 * HOUR)
    assert [(line.kind.value, line.amount, line.rate) for line in row.lines] == [
        ("price", 9900, None),
        ("overage", 1010, "20"),
        ("late_calls", 20, "20"),
    ]
    assert "over 850 included" in row.lines[1].description
    assert await in_order(house)


async def test_calls_after_a_boundary_are_counted_by_the_plan_that_is_agreed_for_it(house: House) -> None:
    state = await house.record(await served(house), changed(START + 14 * DAY, now=False))
    await house.report(call("c3", "anna", END, seconds=7), at=END)

    assert await seconds(house) == [901 * 60, 7]
    assert await periods(house) == [(1, 500, Decimal(12), 60), (2, 1200, Decimal(20), 1)]
    await house.close(state, END + HOUR)
    assert await seconds(house) == [901 * 60, 7]
    assert await in_order(house)


async def test_a_change_within_the_grace_leaves_the_period_that_is_over_alone(house: House) -> None:
    state = await served(house)
    await house.report(call("c3", "anna", END, seconds=7), at=END)
    state = await house.record(state, changed(END + HOUR / 2))
    half_an_hour = (500 * 1800 + 1200 * (31 * 86400 - 1800)) // (31 * 86400)

    assert await periods(house) == [(1, 500, Decimal(12), 60), (2, half_an_hour, Decimal(20), 1)]
    assert await seconds(house) == [901 * 60, 7]
    state = await house.close(state, END + HOUR)
    assert [issue.kind.value for issue in state.to_issue] == ["period", "change"]
    assert await house.value("SELECT overage FROM periods WHERE number = 1") == 401 * 12
    assert await in_order(house)


async def test_a_closing_is_priced_by_the_workflows_terms_when_the_books_have_not_heard_of_the_change(
    house: House,
) -> None:
    """The record of the change is still on its way while the period closes."""
    state = await served(house)
    fact = changed(START + 14 * DAY)
    async with house.store.transaction() as books:
        ahead = replace(state)
        ahead = await books.record(ahead, [fact])
        await books._connection.execute("UPDATE subscriptions SET state = $1", await _encoded(state))
        await books._connection.execute(
            "UPDATE periods SET included_seconds = 30000, rate = 12, call_increment_seconds = 60"
        )
    await house.close(ahead, END + HOUR)

    assert await periods(house) == [(1, 850, Decimal(20), 1), (2, 1200, Decimal(20), 1)]
    assert await in_order(house)


async def _encoded(state: State) -> object:
    from adapters.postgres.codec import encode_state

    return encode_state(state)


async def test_a_cancellation_within_the_grace_takes_the_calls_back_to_the_old_terms(house: House) -> None:
    state = await served(house)
    await house.report(call("c3", "anna", END, seconds=7), at=END)
    state = await house.record(state, changed(END + HOUR / 2))
    await house.record(state, CancelRequested(END + HOUR / 2, True, Forgive.NONE, "agency", "r1"))

    assert await seconds(house) == [902 * 60, 0]
    assert await in_order(house)
