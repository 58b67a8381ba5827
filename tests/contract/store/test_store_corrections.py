"""Corrections, and calls that come late: each counted once, at once or on the next invoice (billing-rules 4)."""

import asyncio
from datetime import UTC, datetime

import pytest
from support.house import AGENCY, DAY, HOUR, START, House, call

from adapters.postgres.late import Correction, CorrectionVerdict, record_correction, settled_up
from billing.orders import CancelRequested
from billing.state import Forgive, State
from billing.usage import Outcome

END = datetime(2026, 2, 28, tzinfo=UTC)
CLOSED = END + HOUR


async def _correct(
    house: House, id: str, call_id: str, seconds: int, at: datetime = START + DAY, *, agency: str = AGENCY
) -> CorrectionVerdict:
    return await record_correction(house.pool, agency, Correction(id, call_id, seconds, "an echo"), at)


async def _called(house: House, minutes: int = 10) -> State:
    state = await house.issue(await house.subscribed("anna"), START)
    await house.report(call("c1", "anna", START, minutes), at=START + HOUR)
    return state


async def _rollup(house: House) -> int:
    seconds: int = await house.value("SELECT seconds FROM usage_rollups WHERE period = 1")
    return seconds


async def _entries(house: House) -> list[tuple[str, str | None, int]]:
    rows = await house.fetch("SELECT call_id, correction_id, seconds FROM late_entries ORDER BY id")
    return [(row["call_id"], row["correction_id"], row["seconds"]) for row in rows]


async def test_a_correction_of_an_open_period_counts_at_once(house: House) -> None:
    await _called(house)
    assert (await _correct(house, "k1", "c1", -60)).result == "accepted"
    assert (await _correct(house, "k2", "c1", 30)).result == "accepted"
    assert await _rollup(house) == 570
    assert await _entries(house) == []
    assert await house.value("SELECT corrected_seconds FROM calls") == -30


async def test_a_correction_counts_once_however_often_it_is_sent(house: House) -> None:
    await _called(house)
    verdicts = await asyncio.gather(*(_correct(house, "k1", "c1", -60) for _ in range(5)))
    assert sorted(verdict.result for verdict in verdicts) == ["accepted"] + ["duplicate"] * 4
    assert await _rollup(house) == 540


async def test_one_id_for_calls_of_several_clients_at_once_corrects_one(house: House) -> None:
    names = ("anna", "bert", "carl", "dora")
    for name in names:
        await house.subscribed(name)
    await house.report(*(call(name, name, START, 10) for name in names), at=START + HOUR)
    for number in range(5):
        verdicts = await asyncio.gather(*(_correct(house, f"k{number}", name, -60) for name in names))
        told = sorted(verdict.code or verdict.result for verdict in verdicts)
        assert told == ["accepted", "conflict", "conflict", "conflict"]
    assert await house.value("SELECT sum(corrected_seconds) FROM calls") == -300


@pytest.mark.parametrize(
    "other",
    [
        Correction("k1", "c1", -61, "an echo"),
        Correction("k1", "c1", -60, "a mistake"),
        Correction("k1", "c2", -60, "an echo"),
    ],
    ids=["seconds", "reason", "call"],
)
async def test_the_same_id_with_other_content_is_a_conflict_that_names_both(house: House, other: Correction) -> None:
    await _called(house)
    await house.report(call("c2", "anna", START, 10), at=START + HOUR)
    await _correct(house, "k1", "c1", -60)
    verdict = await record_correction(house.pool, AGENCY, other, START + DAY)
    assert (verdict.result, verdict.code) == ("rejected", "conflict")
    assert verdict.detail is not None
    assert "-60, 'an echo'" in verdict.detail
    assert f"{other.seconds}, '{other.reason}'" in verdict.detail
    assert await _rollup(house) == 1140


async def test_no_correction_takes_a_call_below_zero_not_even_two_at_once(house: House) -> None:
    await _called(house)
    verdicts = await asyncio.gather(*(_correct(house, f"k{n}", "c1", -200) for n in range(5)))
    assert sorted(verdict.code or verdict.result for verdict in verdicts) == ["accepted"] * 3 + ["below_zero"] * 2
    assert await _rollup(house) == 0
    assert (await _correct(house, "k9", "c1", 60)).result == "accepted"


@pytest.mark.parametrize(
    ("correction", "code"),
    [
        (Correction("k1", "c9", -60, "r"), "unknown_call"),
        (Correction("k1", "c1", 0, "r"), "invalid"),
        (Correction("", "c1", -60, "r"), "invalid"),
        (Correction("k1", "c1", 2**31, "r"), "invalid"),
    ],
)
async def test_what_can_not_be_a_correction_is_rejected(house: House, correction: Correction, code: str) -> None:
    await _called(house)
    verdict = await record_correction(house.pool, AGENCY, correction, START + DAY)
    assert (verdict.result, verdict.code) == ("rejected", code)
    assert await house.value("SELECT count(*) FROM corrections") == 0


async def test_one_agencys_calls_and_correction_ids_are_not_the_others(house: House) -> None:
    await _called(house)
    await house.agency("agc_two", "acct_two", "pln_two")
    await house.client("zoe", "agc_two", "acct_two")
    await house.report(call("z1", "zoe", START, 10), at=START, agency="agc_two")
    assert (await _correct(house, "k1", "c1", -60, agency="agc_two")).code == "unknown_call"
    await _correct(house, "k1", "c1", -60)
    assert (await _correct(house, "k1", "z1", -60, agency="agc_two")).result == "unbilled"
    assert await _rollup(house) == 540


# After the closing


async def test_a_correction_of_a_closed_period_is_an_entry_for_the_next_invoice(house: House) -> None:
    await house.close(await _called(house), CLOSED)
    assert (await _correct(house, "k1", "c1", -60, CLOSED)).result == "accepted"
    assert (await _correct(house, "k1", "c1", -60, CLOSED)).result == "duplicate"
    assert await _rollup(house) == 600
    assert await house.value("SELECT seconds FROM periods WHERE number = 1") == 600
    assert await _entries(house) == [("c1", "k1", -60)]


async def test_a_late_call_is_an_entry_and_its_correction_is_another(house: House) -> None:
    await house.close(await _called(house), CLOSED)
    late = [
        call("c2", "anna", START, 5),
        call("c3", "anna", START, 0),
        call("c4", "anna", START, outcome=Outcome.FAILED),
    ]
    for _ in range(2):
        await house.report(*late, at=CLOSED)
    await _correct(house, "k1", "c2", -60, CLOSED)
    assert await _entries(house) == [("c2", None, 300), ("c2", "k1", -60)]
    assert await house.value("SELECT count(*) FROM calls WHERE late") == 3
    assert await _rollup(house) == 600


async def test_late_calls_that_are_reported_at_once_are_entered_once(house: House) -> None:
    await house.close(await _called(house), CLOSED)
    late = [call(f"late{n}", "anna", START, n + 1) for n in range(10)]
    await asyncio.gather(*(house.report(*late, at=CLOSED) for _ in range(4)))
    assert sorted(seconds for _, _, seconds in await _entries(house)) == [60 * (n + 1) for n in range(10)]


async def test_a_correction_that_races_the_closing_counts_on_one_side(house: House) -> None:
    state = await _called(house)
    await asyncio.gather(
        *(_correct(house, f"k{n}", "c1", -10, CLOSED) for n in range(5)),
        house.close(state, CLOSED),
        *(_correct(house, f"k{n}", "c1", -10, CLOSED) for n in range(5, 10)),
    )
    frozen = await house.value("SELECT seconds FROM periods WHERE number = 1")
    later = sum(seconds for _, _, seconds in await _entries(house))
    assert frozen + later == 600 - 10 * 10
    assert await house.value("SELECT count(*) FROM corrections WHERE late") == -later // 10


async def test_after_the_last_invoice_nothing_is_billed_any_more(house: House) -> None:
    state = await _called(house)
    state = await house.record(state, CancelRequested(START + DAY, True, Forgive.NONE, "agency"))
    state = await house.close(state, START + DAY + HOUR, START + DAY)
    assert (await _correct(house, "k1", "c1", -60, START + 2 * DAY)).result == "accepted", "the last invoice is to come"
    await house.draft(state, START + 2 * DAY)
    assert await _correct(house, "k2", "c1", -60, START + 2 * DAY) == CorrectionVerdict("unbilled", "ended")
    assert (await _correct(house, "k2", "c1", -60, START + 2 * DAY)).result == "duplicate"
    verdicts = (await house.report(call("c2", "anna", START, 5), at=START + 2 * DAY)).verdicts
    assert [(verdict.result, verdict.code) for verdict in verdicts] == [("unbilled", "ended")]
    assert await _entries(house) == [("c1", "k1", -60)]


async def test_with_everything_forgiven_there_is_no_last_invoice_to_wait_for(house: House) -> None:
    state = await _called(house)
    state = await house.record(state, CancelRequested(START + DAY, True, Forgive.ALL, "agency"))
    async with house.pool.acquire() as connection:
        assert await settled_up(connection, [state.id]) == frozenset()
        await house.close(state, START + DAY + HOUR, START + DAY)
        assert await settled_up(connection, [state.id, "sub_unknown"]) == {state.id}
    assert (await _correct(house, "k1", "c1", -60, START + 2 * DAY)).result == "unbilled"
    assert await _entries(house) == []


async def test_a_correction_of_an_unbilled_call_waits_with_it(house: House) -> None:
    await house.client("anna")
    await house.report(call("c1", "anna", START + DAY, 10), at=START + DAY)
    assert (await _correct(house, "k1", "c1", -60)).result == "unbilled"
    await house.subscribe("anna", at=START + 2 * DAY)
    assert await _rollup(house) == 540, "a start in the past takes the call in, and its correction"
