"""Closing a period: frozen once, priced once, and what comes afterwards is settled beside it (billing-rules 4)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from support.house import DAY, HOUR, START, House, call

from adapters.postgres.closing import PeriodRefused
from adapters.postgres.late import Correction, record_correction
from billing.invoices import InvoiceKind, Line, LineKind
from billing.ledger import LateEntries, NewInvoice
from billing.orders import CancelRequested
from billing.state import Forgive, State
from billing.usage import late_amount

END = datetime(2026, 2, 28, tzinfo=UTC)
NEXT_END = datetime(2026, 3, 31, tzinfo=UTC)
CLOSED = END + HOUR


async def _used(house: House, minutes: int = 612) -> State:
    state = await house.issue(await house.subscribed("anna"), START)
    await house.report(call("c1", "anna", START + DAY, minutes), at=START + DAY)
    return state


async def _freeze(house: House, start: datetime = START, end: datetime = END, number: int = 1) -> int:
    state = await house.state("anna")
    async with house.store.transaction() as books:
        return await books.freeze_usage(state, number, start, end, CLOSED)


async def _late(house: House, subscription: str = "sub_anna") -> tuple[LateEntries, ...]:
    async with house.store.transaction() as books:
        return await books.late_entries(subscription)


# Freezing and closing


async def test_frozen_is_frozen_whoever_freezes_again_and_with_what(house: House) -> None:
    await _used(house)
    assert await _freeze(house) == 36720
    await house.report(call("c2", "anna", START + DAY, 5), at=CLOSED)
    assert await _freeze(house) == 36720
    assert await _freeze(house, end=END - DAY) == 36720
    (period,) = await house.fetch("SELECT starts_at, ends_at, frozen_at FROM periods WHERE number = 1")
    assert period == {"starts_at": START, "ends_at": END, "frozen_at": CLOSED}


async def test_workers_that_close_at_once_close_once(house: House) -> None:
    state = await _used(house)
    states = await asyncio.gather(*(house.close(state, CLOSED + n * HOUR) for n in range(4)))
    assert len({closed.version for closed in states}) == 1
    (period,) = await house.fetch("SELECT status, seconds, overage FROM periods WHERE number = 1")
    assert period == {"status": "closed", "seconds": 36720, "overage": 1344}
    assert await house.value("SELECT count(*) FROM audit WHERE what = 'PeriodClosed'") == 1


async def test_a_period_is_closed_at_the_terms_it_was_billed_by_and_stays_so(house: House) -> None:
    state = await _used(house)
    async with house.store.transaction() as books:
        await books.freeze_usage(state, 1, START, END, CLOSED)
        await books.close_period(state, 1, 36720, 1344, CLOSED)
        dearer = replace(state, terms=replace(state.terms, overage_rate="99", included_minutes=0))
        await books.close_period(dearer, 1, 36720, 60588, CLOSED + DAY)
    (period,) = await house.fetch("SELECT overage, rate, included_seconds, closed_at FROM periods WHERE number = 1")
    assert tuple(period.values()) == (1344, Decimal(12), 30000, CLOSED)


async def test_a_period_without_calls_closes_with_nothing(house: House) -> None:
    await house.subscribed("anna")
    assert await _freeze(house) == 0


async def test_a_period_that_overlaps_a_frozen_one_is_refused_and_changes_nothing(house: House) -> None:
    await _used(house)
    await _freeze(house)
    before = await house.fetch("SELECT * FROM periods ORDER BY number")
    with pytest.raises(PeriodRefused, match="period 2"):
        await _freeze(house, END - timedelta(seconds=1), NEXT_END, 2)
    assert await house.fetch("SELECT * FROM periods ORDER BY number") == before


async def test_an_unknown_subscription_is_said_to_be_unknown(house: House) -> None:
    with pytest.raises(LookupError, match="sub_anna"):
        await _freeze(house)


async def test_a_period_that_a_cancellation_cuts_short_holds_the_calls_until_then(house: House) -> None:
    state = await _used(house)
    await house.report(call("c2", "anna", START + 3 * DAY, 60), at=START + 3 * DAY)
    state = await house.record(state, CancelRequested(START + 2 * DAY, True, Forgive.NONE, "agency"))
    # The clock of a worker's activity is behind the command's: what is frozen is what the step says.
    await house.close(state, CLOSED, START + 2 * DAY)
    assert await house.value("SELECT seconds FROM periods WHERE number = 1") == 36720
    assert await house.value("SELECT unbilled FROM calls WHERE call_id = 'c2'") == "ended"


# Late entries


async def _closed_with_late(house: House) -> State:
    state = await house.close(await _used(house, 495), CLOSED)
    await house.report(call("c2", "anna", START, 4), call("c3", "anna", START, 6), at=CLOSED)
    for correction in (Correction("k1", "c1", -60, "a"), Correction("k2", "c2", 240, "b")):
        await record_correction(house.pool, "agc_one", correction, CLOSED)
    return state


async def test_late_calls_and_corrections_of_a_period_are_priced_one_after_the_other(house: House) -> None:
    await _closed_with_late(house)
    calls, corrections = await _late(house)
    assert (calls.correction, calls.period, calls.start, calls.end) == (False, 1, START, END)
    assert (calls.closed_seconds, calls.settled_seconds, calls.entry_seconds) == (29700, 0, 600)
    assert (corrections.correction, corrections.settled_seconds, corrections.entry_seconds) == (True, 600, 180)
    amounts = [
        late_amount(e.closed_seconds, e.settled_seconds, e.entry_seconds, e.included_seconds, e.rate, "usd")
        for e in (calls, corrections)
    ]
    assert amounts == [60, 36], "495 + 10 + 3 minutes are 8 over 500, at 12"


async def test_what_is_settled_is_the_ground_of_what_comes_next(house: House) -> None:
    state = await _closed_with_late(house)
    await house.draft(state, CLOSED)
    assert await _late(house) == ()
    await house.report(call("c4", "anna", START, 1), at=CLOSED + HOUR)
    (entries,) = await _late(house)
    assert (entries.closed_seconds, entries.settled_seconds, entries.entry_seconds) == (29700, 780, 60)
    lines = await house.fetch("SELECT kind, amount FROM invoice_lines WHERE invoice_id = 'inv_anna_p2' ORDER BY 1")
    assert lines == [
        {"kind": "correction", "amount": 36},
        {"kind": "late_calls", "amount": 60},
        {"kind": "price", "amount": 4900},
    ]


async def test_entries_of_several_periods_come_period_by_period(house: House) -> None:
    state = await house.close(await _used(house), CLOSED)
    state = await house.close(await house.issue(state, CLOSED), NEXT_END + HOUR)
    await house.report(call("c9", "anna", END), call("c8", "anna", START + 27 * DAY), at=NEXT_END + HOUR)
    assert [(entries.period, entries.entry_seconds) for entries in await _late(house)] == [(1, 60), (2, 60)]


async def test_an_entry_waits_until_its_period_is_closed_and_not_only_frozen(house: House) -> None:
    state = await _used(house)
    await _freeze(house)
    await house.report(call("c2", "anna", START, 5), at=CLOSED)
    assert await _late(house) == ()
    await house.close(state, CLOSED)
    (entries,) = await _late(house)
    assert entries.entry_seconds == 300
    await house.subscribed("bert")
    assert await _late(house, "sub_bert") == ()


async def test_of_invoices_that_race_one_bills_what_came_late_and_none_fails(house: House) -> None:
    state = await _closed_with_late(house)

    async def bill(number: int) -> int:
        async with house.store.transaction() as books:
            late = tuple(entry for entries in await books.late_entries(state.id) for entry in entries.ids)
            line = Line(LineKind.PRICE, "A change", 100)
            new = NewInvoice(f"inv_{number}", InvoiceKind.CHANGE, str(number), (line,), late, CLOSED)
            await books.draft_invoice(state, new)
            return len(late)

    assert sorted(await asyncio.gather(*(bill(number) for number in range(4)))) == [0, 0, 0, 4]


async def test_no_entry_is_added_between_its_reading_and_the_draft_that_settles_it(house: House) -> None:
    """Reports run all the while an invoice is drafted: each entry is on it, or still to be settled."""
    state = await house.close(await _used(house), CLOSED)
    reports = [house.report(call(f"late{n}", "anna", START + n * HOUR), at=CLOSED) for n in range(20)]
    row, *_ = await asyncio.gather(house.draft(state, CLOSED), *reports)
    settled = await house.value("SELECT coalesce(sum(seconds), 0) FROM late_entries WHERE settled_by IS NOT NULL")
    billed = [line.quantity_seconds for line in row.lines if line.kind == "late_calls"]
    assert sum(seconds or 0 for seconds in billed) == settled
    assert settled + sum(entries.entry_seconds for entries in await _late(house)) == 20 * 60
