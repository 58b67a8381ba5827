"""Usage levels: told by the call that crosses them, in its own transaction, once per period (billing-rules 9)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.house import AGENCY, DAY, HOUR, START, House, call

from adapters.postgres.agencies import change_agency
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, record_correction
from billing.facts import AccountFrozen
from billing.orders import PlanChangeRequested
from billing.state import State

NOW = START + 10 * DAY
END = datetime(2026, 2, 28, tzinfo=UTC)
BOTH = ("agency", "client")
EIGHTY = [(who, "usage:1:80") for who in BOTH]
HUNDRED = [(who, "usage:1:100") for who in BOTH]


async def _told(house: House, name: str = "anna") -> list[tuple[str, str]]:
    rows = await house.fetch(
        "SELECT audience, dedupe_key FROM notifications WHERE subscription_id = $1 AND kind = 'usage_alert' "
        "ORDER BY length(dedupe_key), dedupe_key, audience",
        f"sub_{name}",
    )
    return [(row["audience"], row["dedupe_key"].removeprefix(f"sub_{name}:")) for row in rows]


async def _in_order(house: House) -> bool:
    return not any(compared.wrong for compared in await examine(house.pool))


async def _levels(house: House, *percents: int) -> None:
    async with house.pool.acquire() as connection:
        await change_agency(connection, AGENCY, {"usage_alert_percents": list(percents)}, START)


async def test_both_are_told_by_their_channels_with_the_call_and_not_again(house: House) -> None:
    await house.pool.execute(
        "INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at) "
        "VALUES ('whe_one', $1, 'https://hook.test', 'whsec', $2)",
        AGENCY,
        START,
    )
    await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 399), at=NOW)
    assert await _told(house) == []
    last = call("c2", "anna", START + DAY, 1)
    for _ in range(2):
        await house.report(last, at=NOW)
    assert await _told(house) == EIGHTY
    rows = await house.fetch(
        "SELECT n.audience, n.in_app, n.at, d.channel FROM notifications n "
        "LEFT JOIN message_deliveries d ON d.notification_id = n.id ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [("agency", True, NOW, "webhook"), ("client", False, NOW, "mail")]


async def test_one_report_may_cross_several_and_the_next_period_begins_anew(house: House) -> None:
    await _levels(house, 150, 50)
    state = await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 800), at=NOW)
    await house.close(state, END + HOUR)
    await house.report(call("c2", "anna", END + DAY, 250), at=END + 2 * DAY)
    keys = ("usage:1:50", "usage:2:50", "usage:1:150")
    assert await _told(house) == [(who, key) for key in keys for who in BOTH]
    assert await _in_order(house)


async def test_of_reports_at_once_exactly_one_crosses_each_level(house: House) -> None:
    for name in ("anna", "bert"):
        await house.subscribed(name)
    reports = [[call(f"{name}{n}", name, START + n * HOUR, 35) for name in ("anna", "bert")] for n in range(20)]
    await asyncio.gather(*(house.report(*calls, at=NOW) for calls in reports), house.report(*reports[0], at=NOW))
    for name in ("anna", "bert"):
        assert await _told(house, name) == EIGHTY + HUNDRED
    assert await _in_order(house)


async def test_what_sinks_by_a_correction_and_rises_again_is_not_told_again(house: House) -> None:
    await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 399), at=NOW)
    for number, minutes in enumerate((2, -100, 100, 50, 48, 1)):
        correction = Correction(f"k{number}", "c1", 60 * minutes, "counted anew")
        assert (await record_correction(house.pool, AGENCY, correction, NOW)).result == "accepted"
        assert len(await _told(house)) == (4 if number == 5 else 2), number
    assert await _in_order(house)


async def _changed(house: House, state: State, included: int, at: datetime, **terms: int) -> State:
    new = replace(state.terms, plan="pln_one", version=2, name="Other", included_minutes=included, **terms)
    return await house.record(state, PlanChangeRequested(at, f"chg_{included}", new, True, "agency", f"r{included}"))


async def test_a_plan_change_that_lowers_what_is_included_tells_what_is_reached_by_it(house: House) -> None:
    state = await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 390), at=START + DAY)
    state = await _changed(house, state, 1200, START + 2 * DAY)
    assert await _told(house) == []
    # 500 minutes for two of 28 days, 1200 for another, and none from there on: 78 in all.
    await _changed(house, state, 0, START + 3 * DAY)
    assert await _told(house) == EIGHTY + HUNDRED
    assert await _in_order(house)


async def test_calls_that_are_rounded_anew_are_measured_as_they_are_then(house: House) -> None:
    await _levels(house, 80, 88)
    state = await house.subscribed("anna")
    await house.report(*(call(f"c{n}", "anna", START + DAY, seconds=59 * 60 + 1) for n in range(7)), at=NOW)
    assert await _told(house) == EIGHTY
    await _changed(house, state, 460, NOW, call_increment_seconds=1)
    # By the second they come to 413.1 minutes of 474, or 87 %; by the minute they were 420, or 88.
    assert await _told(house) == EIGHTY


async def test_a_late_call_tells_nothing_of_a_period_that_is_closed(house: House) -> None:
    state = await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 399), at=NOW)
    await house.close(state, END + HOUR)
    await house.report(call("c2", "anna", START + DAY, 100), at=END + 2 * HOUR)
    assert await _told(house) == []
    assert await _in_order(house)


async def test_calls_that_a_back_dated_start_takes_in_are_told_of_then(house: House) -> None:
    await house.client("anna")
    await house.report(call("c1", "anna", START, 450), at=NOW)
    await house.subscribe("anna", at=NOW)
    assert await _told(house) == EIGHTY


async def test_a_client_of_a_frozen_account_is_not_written_to(house: House) -> None:
    state = await house.subscribed("anna")
    await house.record(state, AccountFrozen(START + DAY, 1, "restricted"))
    await house.report(call("c1", "anna", START + DAY, 400), at=NOW)
    assert await _told(house) == EIGHTY[:1]
    assert await _in_order(house)


async def test_a_level_that_is_set_when_it_was_passed_is_told_from_the_next_period_on(house: House) -> None:
    state = await house.subscribed("anna")
    await house.report(call("c1", "anna", START + DAY, 300), at=NOW)
    async with house.pool.acquire() as connection:
        await change_agency(connection, AGENCY, {"usage_alert_percents": [50]}, NOW)
    await house.report(call("c2", "anna", NOW, 300), at=NOW)
    assert await _told(house) == []
    assert await _in_order(house)
    await house.close(state, END + HOUR)
    await house.report(call("c3", "anna", END, 250), at=END + 2 * HOUR)
    assert await _told(house) == [(who, "usage:2:50") for who in BOTH]


async def test_a_call_that_is_refused_by_the_books_tells_nothing(house: House) -> None:
    """The message is written with the call: neither is there without the other."""
    await house.subscribed("anna")
    await house.pool.execute("ALTER TABLE notifications ADD CONSTRAINT nothing_is_told CHECK (kind <> 'usage_alert')")
    try:
        with pytest.raises(Exception, match="nothing_is_told"):
            await house.report(call("c1", "anna", START + DAY, 400), at=NOW)
    finally:
        await house.pool.execute("ALTER TABLE notifications DROP CONSTRAINT nothing_is_told")
    assert (await _told(house), await house.value("SELECT count(*) FROM calls")) == ([], 0)
    await house.report(call("c1", "anna", START + DAY, 400), at=NOW + timedelta(minutes=1))
    assert await _told(house) == EIGHTY
