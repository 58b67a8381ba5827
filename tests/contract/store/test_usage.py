"""Calls coming in: each stored once, in the period that holds its start (billing-rules 4)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, call, card_saved

from adapters.postgres.calls import Call
from adapters.postgres.figures import agency_usage, blocked, client_usage, daily_usage
from adapters.postgres.usage import Receipt
from billing.orders import CancelRequested
from billing.state import Forgive, State
from billing.usage import Outcome

NOW = START + 10 * DAY
END = datetime(2026, 2, 28, tzinfo=UTC)


def _results(receipt: Receipt) -> list[str]:
    return [verdict.code or verdict.result for verdict in receipt.verdicts]


async def _rollups(house: House) -> dict[tuple[str, int], tuple[int, int]]:
    rows = await house.fetch("SELECT * FROM usage_rollups WHERE calls > 0 ORDER BY subscription_id, period")
    return {(r["subscription_id"], r["period"]): (r["seconds"], r["calls"]) for r in rows}


async def test_calls_count_once_however_often_they_are_reported(house: House) -> None:
    await house.subscribed("anna")
    calls = [call("c1", "anna", START + DAY, seconds=61), call("c2", "anna", START + DAY, outcome=Outcome.FAILED)]
    assert _results(await house.report(*calls, at=NOW)) == ["accepted", "accepted"]
    assert _results(await house.report(*calls, calls[0], at=NOW)) == ["duplicate"] * 3
    assert await _rollups(house) == {("sub_anna", 1): (120, 2)}


@pytest.mark.parametrize(
    ("increment", "seconds"), [(60, 64 * 60), (6, 3732), (1, 3721)], ids=["a minute", "six seconds", "a second"]
)
async def test_each_call_is_rounded_up_to_the_plans_increment(house: House, increment: int, seconds: int) -> None:
    await house.subscribed("anna", call_increment_seconds=increment)
    await house.report(*(call(f"c{n}", "anna", NOW, seconds=n) for n in (61, 60, 1, 0, 3599)), at=NOW)
    assert await _rollups(house) == {("sub_anna", 1): (seconds, 5)}


async def test_the_same_id_with_other_content_is_a_conflict_that_names_both(house: House) -> None:
    await house.subscribed("anna")
    first, other = call("c1", "anna", NOW, 3), call("c1", "anna", NOW, 4)
    await house.report(first, at=NOW)
    (stored,) = (await house.report(other, at=NOW)).verdicts
    (_, beside) = (await house.report(call("c2", "anna", NOW, 3), call("c2", "anna", NOW, 4), at=NOW)).verdicts
    for verdict in (stored, beside):
        assert (verdict.result, verdict.code) == ("rejected", "conflict")
        assert verdict.detail is not None
        assert "180 s" in verdict.detail
        assert "240 s" in verdict.detail
    assert await _rollups(house) == {("sub_anna", 1): (360, 2)}


async def test_what_is_repeated_in_a_report_is_held_against_what_is_stored(house: House) -> None:
    """Not against a call of the same report that is itself rejected."""
    await house.subscribed("anna")
    first, other = call("c1", "anna", NOW, 3), call("c1", "anna", NOW, 4)
    assert _results(await house.report(other, call("c1", "nobody", NOW), other, at=NOW)) == [
        *("accepted", "unknown_client", "duplicate")
    ]
    receipt = await house.report(first, first, other, at=NOW)
    assert _results(receipt) == ["conflict", "conflict", "duplicate"]
    assert {verdict.detail for verdict in receipt.verdicts[:2]} == {
        f"known as cli_anna {NOW.isoformat()} 240 s completed, sent as cli_anna {NOW.isoformat()} 180 s completed"
    }
    assert await _rollups(house) == {("sub_anna", 1): (240, 1)}


async def test_what_can_not_be_a_call_of_this_client_is_rejected_alone(house: House) -> None:
    await house.subscribed("anna")
    await house.agency("agc_two", "acct_two", "pln_two")
    await house.client("zoe", "agc_two", "acct_two")
    receipt = await house.report(
        call("c1", "nobody", NOW),
        call("c2", "zoe", NOW),
        call("c3", "anna", NOW + timedelta(minutes=5, seconds=1)),
        call("c4", "anna", NOW - 34 * DAY - timedelta(seconds=1)),
        call("c5", "anna", NOW, seconds=-1),
        call("c6", "anna", NOW + timedelta(minutes=5)),
        at=NOW,
    )
    assert _results(receipt) == [
        *("unknown_client", "unknown_client", "too_far_ahead", "too_old", "invalid"),
        "accepted",
    ]


async def test_one_agencys_call_ids_are_not_the_others(house: House) -> None:
    await house.subscribed("anna")
    await house.agency("agc_two", "acct_two", "pln_two")
    await house.client("zoe", "agc_two", "acct_two")
    await house.report(call("c1", "anna", NOW), at=NOW)
    assert _results(await house.report(call("c1", "zoe", NOW, 9), at=NOW, agency="agc_two")) == ["no_subscription"]


async def test_calls_over_boundaries_find_their_periods_while_the_worker_is_away(house: House) -> None:
    await house.subscribed("anna")
    now = datetime(2026, 4, 2, tzinfo=UTC)
    receipt = await house.report(
        call("c2", "anna", END, 2), call("c3", "anna", datetime(2026, 3, 31, tzinfo=UTC), 3), at=now
    )
    assert _results(receipt) == ["accepted", "accepted"]
    assert await _rollups(house) == {("sub_anna", 2): (120, 1), ("sub_anna", 3): (180, 1)}
    bounds = await house.fetch("SELECT number, starts_at, ends_at FROM periods ORDER BY number")
    assert [(b["starts_at"], b["ends_at"]) for b in bounds] == [
        (START, END),
        (END, datetime(2026, 3, 31, tzinfo=UTC)),
        (datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC)),
    ]


async def test_many_reports_of_the_same_calls_at_once_count_each_once(house: House) -> None:
    for name in ("anna", "bert", "carl"):
        await house.subscribed(name)
    calls = [call(f"c{n}", ("anna", "bert", "carl")[n % 3], START + n * HOUR) for n in range(90)]
    orders = [calls, calls[::-1], calls[45:] + calls[:45], calls[::2] + calls[1::2]]
    receipts = await asyncio.gather(*(house.report(*order, at=NOW) for order in orders))
    assert (
        sorted(result for receipt in receipts for result in _results(receipt))
        == ["accepted"] * 90 + ["duplicate"] * 270
    )
    assert await _rollups(house) == {(f"sub_{name}", 1): (1800, 30) for name in ("anna", "bert", "carl")}


# Calls of no period


async def test_a_call_of_no_period_is_kept_with_the_reason(house: House) -> None:
    await house.client("zoe")
    anna = await house.subscribed("anna", starts_at=START + DAY)
    anna = await house.record(anna, CancelRequested(START + 2 * DAY, True, Forgive.NONE, "agency"))
    receipt = await house.report(
        call("c1", "zoe", NOW),
        call("c2", "anna", START),
        call("c3", "anna", START + 2 * DAY),
        call("c4", "anna", START + 2 * DAY - timedelta(seconds=1)),
        at=NOW,
    )
    assert _results(receipt) == ["no_subscription", "no_subscription", "ended", "accepted"]
    assert receipt.blocked == ("cli_anna",)
    async with house.pool.acquire() as connection:
        assert await blocked(connection, AGENCY, "cli_anna", NOW) == "ended"
        assert await blocked(connection, AGENCY, "cli_zoe", NOW) is None
        assert await blocked(connection, "agc_two", "cli_anna", NOW) is None


async def test_a_cancellation_now_lets_go_of_the_calls_after_it(house: House) -> None:
    state = await house.subscribed("anna")
    await house.report(call("c1", "anna", NOW, 3), call("c2", "anna", NOW + timedelta(minutes=4), 5), at=NOW)
    await house.record(state, CancelRequested(NOW + timedelta(minutes=2), True, Forgive.NONE, "agency"))
    assert await _rollups(house) == {("sub_anna", 1): (180, 1)}
    assert await house.value("SELECT unbilled FROM calls WHERE call_id = 'c2'") == "ended"


async def test_a_back_dated_start_takes_in_the_calls_that_came_before_it(house: House) -> None:
    await house.client("anna")
    await house.report(call("c0", "anna", START - HOUR, seconds=30), call("c1", "anna", START, seconds=61), at=NOW)
    await house.subscribe("anna", at=NOW)
    assert await _rollups(house) == {("sub_anna", 1): (120, 1)}
    assert await house.value("SELECT unbilled FROM calls WHERE call_id = 'c0'") == "no_subscription"


async def test_calls_since_the_card_was_saved_belong_to_the_first_period(house: House) -> None:
    state = await house.subscribed("anna", starts_at=None)
    await house.report(call("c1", "anna", START + DAY - HOUR), call("c2", "anna", START + DAY), at=START + DAY)
    state = await house.record(state, card_saved(START + DAY))
    assert state.period is not None
    assert await _rollups(house) == {("sub_anna", 1): (60, 1)}


# Freezing


async def _two_calls_at_the_boundary(house: House) -> State:
    state = await house.subscribed("anna")
    await house.report(
        call("c1", "anna", END - timedelta(seconds=1), 3),
        call("c2", "anna", END, 5),
        call("c3", "anna", END + timedelta(minutes=4), 7),
        at=END,
    )
    return state


async def test_a_period_holds_its_start_and_not_its_end(house: House) -> None:
    state = await _two_calls_at_the_boundary(house)
    await house.close(state, END + HOUR)
    assert await _rollups(house) == {("sub_anna", 1): (180, 1), ("sub_anna", 2): (720, 2)}
    assert await house.value("SELECT seconds FROM periods WHERE number = 1") == 180


async def test_a_boundary_that_the_projection_did_not_know_is_made_true_by_time(house: House) -> None:
    state = await _two_calls_at_the_boundary(house)
    async with house.store.transaction() as books:
        moved = END + timedelta(minutes=2)
        assert await books.freeze_usage(state, 1, START, moved, END + HOUR) == 480
        assert await books.freeze_usage(state, 1, START, moved, END + 2 * HOUR) == 480
    assert await _rollups(house) == {("sub_anna", 1): (480, 2)}
    assert await house.value("SELECT unbilled FROM calls WHERE call_id = 'c3'") == "paused"
    later = call("c4", "anna", END + timedelta(minutes=2), 1)
    await house.report(later, at=END + HOUR)
    state = await house.record(state, CancelRequested(END + timedelta(minutes=2), True, Forgive.NONE, "agency"))
    assert await house.value("SELECT unbilled FROM calls WHERE call_id = 'c4'") == "ended"


async def test_no_call_is_lost_between_rollup_and_freeze(house: House) -> None:
    """Reports run all the while the period closes: each call is in the frozen figure or a late entry, never both."""
    state = await house.subscribed("anna")
    calls = [call(f"c{n}", "anna", END - timedelta(minutes=n + 1)) for n in range(200)]

    async def report(batch: list[Call]) -> None:
        await house.report(*batch, at=END + HOUR)

    reports = [report(calls[n : n + 5]) for n in range(0, 200, 5)]
    closing = house.close(state, END + HOUR)
    await asyncio.gather(*reports[:20], closing, *reports[20:])
    frozen = await house.value("SELECT seconds FROM periods WHERE number = 1")
    late = await house.value("SELECT coalesce(sum(seconds), 0) FROM late_entries")
    assert frozen + late == 200 * 60
    assert await house.value("SELECT count(*) FROM calls WHERE late") == late // 60
    assert await house.value("SELECT sum(billed_seconds) FROM calls WHERE NOT late AND period = 1") == frozen


# Figures


async def test_the_current_periods_figures_are_the_rules_own(house: House) -> None:
    await house.subscribed("anna")
    await house.subscribed("bert", included_minutes=0)
    await house.report(call("c1", "anna", START + DAY, 612), call("c2", "bert", START, 1), at=NOW)
    async with house.pool.acquire() as connection:
        anna = await client_usage(connection, AGENCY, "cli_anna", START + 14 * DAY)
        everybody = await agency_usage(connection, AGENCY, START + 14 * DAY)
        assert await client_usage(connection, "agc_two", "cli_anna", NOW) is None
    assert anna is not None
    assert (anna.seconds_used, anna.seconds_remaining, anna.overage_seconds) == (36720, 0, 6720)
    assert (str(anna.percent), anna.overage_so_far) == ("122.4", 1344)
    assert (anna.projected_seconds, anna.projected_overage) == (73440, 8688)
    assert [(usage.client, usage.percent) for usage in everybody] == [("cli_anna", anna.percent), ("cli_bert", None)]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", {"2026-01-31": 120, "2026-02-01": 420}),
        ("America/New_York", {"2026-01-30": 120, "2026-01-31": 180, "2026-02-01": 240}),
    ],
)
async def test_usage_a_day_is_counted_in_the_subscriptions_zone(house: House, zone: str, days: dict[str, int]) -> None:
    await house.subscribed("anna", zone=zone)
    calls = [call("c1", "anna", START + 2 * HOUR, 2), call("c2", "anna", START + 26 * HOUR, 3)]
    await house.report(*calls, call("c3", "anna", START + 30 * HOUR, 4), at=NOW)
    counted = await daily_usage(house.pool, AGENCY, "cli_anna", NOW)
    assert {day.day.isoformat(): day.seconds for day in counted} == days


async def test_a_card_on_file_is_mirrored(house: House) -> None:
    await house.subscribed("anna", account=ACCOUNT)
    async with house.store.transaction() as books:
        await books.set_card("cli_anna", CARD, NOW)
    assert (await house.value("SELECT card FROM clients"))["last4"] == "4242"
    async with house.store.transaction() as books:
        await books.set_card("cli_anna", None, NOW)
    assert await house.value("SELECT card FROM clients") is None


async def test_reports_at_once_make_the_partition_of_a_new_month_once(house: House) -> None:
    await house.subscribed("anna")
    far = datetime(2031, 7, 9, tzinfo=UTC)
    receipts = await asyncio.gather(*(house.report(call(f"c{n}", "anna", far), at=far) for n in range(8)))
    assert [_results(receipt) for receipt in receipts] == [["accepted"]] * 8
