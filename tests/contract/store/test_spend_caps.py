"""Spend caps: told once, and read from the rollup that the report itself has moved (billing-rules 9)."""

import asyncio
from dataclasses import replace

import pytest
from support.house import AGENCY, DAY, HOUR, START, House, call, card_saved

from adapters.postgres.figures import blocked, client_usage
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, record_correction
from adapters.postgres.usage import Receipt
from billing.caps import SpendCapSet
from billing.orders import PlanChangeRequested
from billing.plans import CapAction, SpendCap
from billing.state import State

NOW = START + 10 * DAY
END = START + 28 * DAY
ANNA = ("cli_anna",)
AT_TEN = SpendCap(1000, CapAction.BLOCK)
"""Ten dollars are 83 minutes and 20 seconds beyond the 500 that are included: 84 of calls that count by the minute."""
_requests = iter(range(10**6))


async def _set(house: House, state: State, cap: SpendCap | None, at_days: float = 10) -> State:
    return await house.record(state, SpendCapSet(START + at_days * DAY, cap, "agency", f"req{next(_requests)}"))


async def _capped(house: House, name: str = "anna", cap: SpendCap = AT_TEN) -> State:
    return await _set(house, await house.subscribed(name), cap, 0)


async def _use(house: House, *minutes: int, name: str = "anna") -> Receipt:
    calls = [call(f"c{next(_requests)}", name, START + DAY, length) for length in minutes]
    return await house.report(*calls, at=NOW)


async def _told(house: House, name: str = "anna") -> list[str]:
    rows = await house.fetch(
        "SELECT dedupe_key, array_agg(audience ORDER BY audience) AS audiences FROM notifications "
        "WHERE subscription_id = $1 AND kind = 'cap_reached' GROUP BY 1 ORDER BY 1",
        f"sub_{name}",
    )
    assert all(row["audiences"] == ["agency", "client"] for row in rows)
    return [row["dedupe_key"].removeprefix(f"sub_{name}:") for row in rows]


async def _reason(house: House) -> str | None:
    """What the call engine is told before a call."""
    async with house.pool.acquire() as connection:
        return await blocked(connection, AGENCY, "cli_anna", NOW)


async def _in_order(house: House) -> bool:
    return not any(compared.wrong for compared in await examine(house.pool))


async def test_the_report_that_reaches_it_is_answered_that_the_client_is_blocked(house: House) -> None:
    await _capped(house)
    assert (await _use(house, 583)).blocked == ()
    assert (await _reason(house), await _told(house)) == (None, [])
    assert (await _use(house, 1)).blocked == ANNA
    assert (await _reason(house), await _told(house)) == ("cap_reached", ["cap:1:1000"])
    # What is served all the same is counted, and told of no second time.
    after = await _use(house, 5)
    assert ([verdict.result for verdict in after.verdicts], after.blocked) == (["accepted"], ANNA)
    usage = await client_usage(house.pool, AGENCY, "cli_anna", NOW)
    assert usage
    assert (usage.overage_so_far, usage.cap, usage.cap_reached) == (1068, AT_TEN, True)
    assert await _told(house) == ["cap:1:1000"]
    assert await _in_order(house)


async def test_a_report_of_nothing_new_is_answered_so_too(house: House) -> None:
    await _capped(house)
    known = call("c1", "anna", START + DAY, 600)
    assert (await house.report(known, at=NOW)).blocked == ANNA
    again = await house.report(known, at=NOW)
    assert ([verdict.result for verdict in again.verdicts], again.blocked) == (["duplicate"], ANNA)


async def test_of_two_reports_at_once_that_reach_it_together_one_is_told(house: House) -> None:
    """Each alone stays below. 20 times 30 minutes come to exactly what is reached by 600: by the last of them."""
    for name in ("anna", "bert"):
        await _capped(house, name, SpendCap(1200, CapAction.BLOCK))
    reports = [[call(f"{name}{n}", name, START + n * HOUR, 30) for name in ("anna", "bert")] for n in range(20)]
    receipts = await asyncio.gather(*(house.report(*calls, at=NOW) for calls in reports))
    assert sorted(receipt.blocked for receipt in receipts) == [()] * 19 + [("cli_anna", "cli_bert")]
    assert await _told(house) == await _told(house, "bert") == ["cap:1:1200"]
    assert await _in_order(house)


@pytest.mark.parametrize("cap", [None, SpendCap(2000, CapAction.BLOCK), SpendCap(1000, CapAction.NOTIFY)])
async def test_raised_or_taken_away_it_blocks_nobody_from_then_on(house: House, cap: SpendCap | None) -> None:
    state = await _capped(house)
    assert (await _use(house, 600)).blocked == ANNA
    state = await _set(house, state, cap)
    assert await _reason(house) is None
    assert (await _use(house, 1)).blocked == ()
    await _set(house, state, AT_TEN)
    assert ((await _use(house, 1)).blocked, await _reason(house)) == (ANNA, "cap_reached")
    assert await _told(house) == ["cap:1:1000"]
    assert await _in_order(house)


async def test_one_that_is_set_below_what_is_spent_is_reached_at_once(house: House) -> None:
    state = await house.subscribed("anna")
    await _use(house, 600)
    await _set(house, state, SpendCap(1201, CapAction.BLOCK))
    assert (await _told(house), await _reason(house)) == ([], None)
    await _set(house, state, SpendCap(1200, CapAction.BLOCK))
    assert (await _told(house), await _reason(house)) == (["cap:1:1200"], "cap_reached")
    assert (await _use(house, 1)).blocked == ANNA
    assert await _in_order(house)


async def test_the_next_period_begins_at_zero_and_reaches_it_anew(house: House) -> None:
    state = await _capped(house)
    await _use(house, 600)
    later = END + HOUR
    await house.close(state, later)
    assert (await house.report(call("d1", "anna", later, 583), at=later)).blocked == ()
    assert (await house.report(call("d2", "anna", later, 1), at=later)).blocked == ANNA
    assert await _told(house) == ["cap:1:1000", "cap:2:1000"]
    assert await _in_order(house)


async def test_a_call_of_the_period_before_blocks_nobody(house: House) -> None:
    """It still counts to that period's bill, whose cap it reaches: the client is told, and served."""
    state = await _capped(house)
    within = END + HOUR / 2
    await house.record(state, card_saved(within))
    receipt = await house.report(call("c1", "anna", END - HOUR, 600), at=within)
    assert (receipt.blocked, await _told(house)) == ((), ["cap:1:1000"])
    assert await house.value("SELECT bool_and(detail NOT LIKE '%no further calls%') FROM notifications")


async def test_one_that_is_set_after_a_periods_end_is_not_that_periods(house: House) -> None:
    state = await house.subscribed("anna")
    await _use(house, 500)
    await _set(house, state, AT_TEN, 28.01)
    await house.report(call("c2", "anna", END - HOUR, 300), at=END + HOUR / 2)
    assert await _told(house) == []
    assert await _in_order(house)


async def test_a_correction_gives_service_back(house: House) -> None:
    await _capped(house)
    await house.report(call("c1", "anna", START + DAY, 600), at=NOW)
    for number, (minutes, reason) in enumerate([(-60, None), (60, "cap_reached")]):
        correction = Correction(f"k{number}", "c1", 60 * minutes, "an echo")
        assert (await record_correction(house.pool, AGENCY, correction, NOW)).result == "accepted"
        assert await _reason(house) == reason
    assert await _told(house) == ["cap:1:1000"]


async def test_a_dearer_rate_reaches_it(house: House) -> None:
    state = await _capped(house)
    await _use(house, 550)
    dearer = replace(state.terms, version=2, overage_rate="20")
    await house.record(state, PlanChangeRequested(NOW, "chg_1", dearer, True, "agency", "r1"))
    assert (await _told(house), await _reason(house)) == (["cap:1:1000"], "cap_reached")
    assert (await _use(house, 1)).blocked == ANNA
    assert await _in_order(house)


async def test_a_cap_that_comes_with_the_plan_holds_for_calls_that_a_back_dated_start_takes_in(house: House) -> None:
    await house.client("anna")
    assert (await _use(house, 600)).blocked == ()
    await house.subscribe("anna", at=NOW, cap=AT_TEN)
    assert (await _told(house), await _reason(house)) == (["cap:1:1000"], "cap_reached")


async def test_one_that_was_reached_and_never_told_is_found(house: House) -> None:
    await _capped(house)
    await _use(house, 600)
    await house.pool.execute("UPDATE notifications SET dedupe_key = 'else:' || audience WHERE kind = 'cap_reached'")
    wrong = [sentence for compared in await examine(house.pool) for sentence in compared.wrong]
    assert wrong == ["sub_anna, period 1: overage of 1200 has come to the cap of 1000, which was never told"]
