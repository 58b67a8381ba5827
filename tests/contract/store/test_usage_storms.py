"""Many who report at once, while periods close, calls are corrected and service ends: everything still adds up."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from support.house import AGENCY, DAY, HOUR, START, House, call
from support.locks import waiters
from support.servers import Eventually

from adapters.postgres.calls import Call, share_clients
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, record_correction
from adapters.postgres.locks import lock_client
from adapters.postgres.pool import CONNECTION_LOST, transaction
from billing.orders import CancelRequested, PauseRequested, PlanChangeRequested
from billing.plans import Terms
from billing.state import Forgive, State

NAMES = ("anna", "bert", "carl", "dora", "emil", "fritz")
SENDERS = 8


async def _subscribed(house: House) -> dict[str, State]:
    zones = ("UTC", "America/New_York", "Asia/Tokyo")
    return {name: await house.subscribed(name, zone=zones[number % 3]) for number, name in enumerate(NAMES)}


async def _in_order(house: House) -> None:
    assert {one.id: one.wrong for one in await examine(house.pool) if one.wrong} == {}


@pytest.mark.parametrize("seed", range(3))
async def test_batches_with_calls_in_common_in_any_order_count_each_once(house: House, seed: int) -> None:
    """Every sender has most of the calls, cut into batches and shuffled anew: they meet in keys, rollups and locks."""
    await _subscribed(house)
    chosen = random.Random(seed)
    calls = [
        call(f"c{number}", chosen.choice(NAMES), START + timedelta(minutes=chosen.randrange(60 * 24 * 20)), 1)
        for number in range(300)
    ]
    results: Counter[str] = Counter()
    seen: set[str] = set()

    async def sender(of: list[Call], size: int) -> None:
        for first in range(0, len(of), size):
            batch = of[first : first + size]
            receipt = await house.report(*batch, at=START + 21 * DAY)
            results.update(verdict.result for verdict in receipt.verdicts)
            seen.update(one.call_id for one in batch)

    shares = [chosen.sample(calls, chosen.randrange(200, 300)) for _ in range(SENDERS)]
    await asyncio.gather(*(sender(share, chosen.choice((1, 7, 40, 300))) for share in shares))
    assert results == {"accepted": len(seen), "duplicate": sum(map(len, shares)) - len(seen)}
    assert await house.value("SELECT sum(calls) FROM usage_rollups") == len(seen)
    assert await house.value("SELECT sum(calls) FROM usage_days") == len(seen)
    await _in_order(house)


async def test_closes_corrections_and_an_end_of_service_under_reports(house: House) -> None:
    states = await _subscribed(house)
    period = states["anna"].period
    assert period is not None
    end = period.end
    left = end - timedelta(minutes=10)
    known = [call(f"k{number}", name, START + 5 * DAY, 2) for number, name in enumerate(NAMES)]
    await house.report(*known, at=START + 6 * DAY)
    calls = [
        call(f"c{number}-{name}", name, end - timedelta(minutes=number - 20)) for number in range(40) for name in NAMES
    ]

    async def report(first: int) -> None:
        for at in range(first, len(calls), 10 * SENDERS):
            await house.report(*calls[at : at + 10], at=end + HOUR)

    async def correct(number: int) -> None:
        correction = Correction(f"x{number}", f"k{number}", -30, "dropped")
        assert (await record_correction(house.pool, AGENCY, correction, end + HOUR)).result == "accepted"

    async def cancel(name: str) -> None:
        await house.record(states[name], CancelRequested(left, True, Forgive.NONE, "agency"))

    await asyncio.gather(
        *(report(10 * number) for number in range(SENDERS)),
        *(house.close(states[name], end + HOUR) for name in NAMES[:3]),
        *(correct(number) for number in range(len(NAMES))),
        cancel("emil"),
    )
    counted = await house.fetch(
        "SELECT client_id, count(*) AS calls FROM calls WHERE call_id LIKE 'c%' GROUP BY client_id ORDER BY client_id"
    )
    assert [row["calls"] for row in counted] == [40] * len(NAMES)
    ended = await house.value("SELECT count(*) FROM calls WHERE client_id = 'cli_emil' AND unbilled = 'ended'")
    assert ended == sum(one.client == "cli_emil" and one.started_at >= left for one in calls)
    await _in_order(house)


async def test_under_reports_another_plan_and_a_pause_have_each_call_by_the_terms_of_its_period(house: House) -> None:
    """From the end of the period on, anna is billed by the second, also what came before; bert is not served."""
    states = {name: await house.issue(await house.subscribed(name), START) for name in ("anna", "bert")}
    period = states["anna"].period
    assert period is not None
    end = period.end
    left = end - timedelta(minutes=10)
    calls = [
        call(f"c{number}-{name}", name, end - timedelta(minutes=number - 20), seconds=61)
        for number in range(40)
        for name in states
    ]
    by_the_second = Terms("pln_one", 2, "Voice Max", "max", "usd", 9900, 1200, "20", 1)

    async def report(first: int) -> None:
        for at in range(first, len(calls), 5 * SENDERS):
            await house.report(*calls[at : at + 5], at=end + HOUR)

    await report(0)
    await asyncio.gather(
        *(report(5 * number) for number in range(1, SENDERS // 2)),
        house.record(states["anna"], PlanChangeRequested(left, "chg_1", by_the_second, True, "agency", "r1")),
        house.record(states["bert"], PauseRequested(left, "agency")),
        *(report(5 * number) for number in range(SENDERS // 2, SENDERS)),
    )
    counted = await house.fetch(
        "SELECT client_id, period, unbilled, billed_seconds, count(*) AS calls FROM calls GROUP BY 1, 2, 3, 4 "
        "ORDER BY 1, 2"
    )
    assert [tuple(row.values()) for row in counted] == [
        ("cli_anna", 1, None, 61, 19),
        ("cli_anna", 2, None, 61, 21),
        ("cli_bert", 1, None, 120, 19),
        ("cli_bert", None, "paused", 61, 21),
    ]
    await _in_order(house)


async def test_a_report_whose_connection_is_cut_leaves_nothing_and_is_exact_when_it_is_sent_again(
    house: House, eventually: Eventually
) -> None:
    """It is cut when keys and details are written, and the rollup is waited for."""
    await house.subscribed("anna")
    await house.report(call("c0", "anna", START), at=START + HOUR)
    calls = [call(f"c{number}", "anna", START) for number in range(20)]

    async def cut() -> bool:
        return bool(
            await house.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    async with transaction(house.pool) as connection:
        await connection.execute("SELECT FROM usage_rollups FOR UPDATE")
        reporting = asyncio.create_task(house.report(*calls, at=START + HOUR))
        await eventually(cut)
        with pytest.raises(CONNECTION_LOST):
            await reporting
    assert await house.value("SELECT count(*) FROM calls") == 1
    for fresh in (19, 0):
        receipt = await house.report(*calls, at=START + HOUR)
        results = Counter(verdict.result for verdict in receipt.verdicts)
        assert (results["accepted"], results["duplicate"]) == (fresh, 20 - fresh)
    assert await house.value("SELECT calls FROM usage_rollups") == 20
    await _in_order(house)


async def test_reports_that_overlap_without_a_gap_let_others_have_their_turn(
    house: House, eventually: Eventually
) -> None:
    """A report that comes while somebody waits for the report before it is taken after that, not past it."""
    await house.subscribed("anna")
    order: list[str] = []

    async def close() -> None:
        async with transaction(house.pool) as connection:
            await lock_client(connection, "cli_anna")
            order.append("closed")

    async def report() -> None:
        await house.report(call("c1", "anna", START), at=START + HOUR)
        order.append("reported")

    async def waiting(count: int) -> bool:
        return bool(order) or await waiters(house.pool) == count

    async with transaction(house.pool) as connection:
        await share_clients(connection, AGENCY, ["cli_anna"], ["c0"])
        closing = asyncio.create_task(close())
        await eventually(lambda: waiting(1))
        reporting = asyncio.create_task(report())
        await eventually(lambda: waiting(2))
    await asyncio.gather(closing, reporting)
    assert order == ["closed", "reported"]
