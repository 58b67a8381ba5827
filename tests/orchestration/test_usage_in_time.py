"""Usage against the clock: the grace after a boundary, late calls, corrections (billing-rules 4)."""

from support.sights import on_time
from support.stage import DAY, GRACE, HOUR, MINUTE, Stage


async def test_a_changed_grace_reaches_running_subscriptions_from_the_next_boundary_on(stage: Stage) -> None:
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end

    # Changed before the boundary it holds for it; changed after the boundary for the next one.
    await stage.to(end - HOUR)
    await stage.settings(usage_grace_minutes=180)
    await stage.to(end + 30 * MINUTE)
    await stage.settings(usage_grace_minutes=10)
    within_the_grace = await stage.call(client, minutes=612, at=end - MINUTE)
    await stage.to(end + 4 * HOUR)

    bill = (await stage.bills(client))["p2"]
    assert on_time(bill.issued_at, end + 3 * HOUR)
    assert bill.lines == (("price", 4900), ("overage", 1400))
    assert await stage.unbilled(within_the_grace) is None

    second = (await stage.periods(client))[1]
    await stage.to(second.end + HOUR)
    assert on_time((await stage.bills(client))["p3"].issued_at, second.end + 10 * MINUTE)


async def test_late_calls_and_corrections_land_on_the_next_invoice_at_the_closed_periods_terms(stage: Stage) -> None:
    client = await stage.subscribe()
    first = (await stage.periods(client))[0]
    await stage.to(first.end - DAY)
    corrected = await stage.call(client, minutes=612)
    await stage.to(first.end + GRACE)

    late = await stage.call(client, minutes=10, at=first.end - HOUR)
    await stage.correct(corrected, seconds=-60 * 50, reason="Counted twice by the carrier")
    await stage.call(client, minutes=100)
    await stage.to((await stage.periods(client))[1].end + GRACE)

    # Period 1 closed with 112 minutes over; 10 more came late, and 50 were taken back, which is a credit.
    bills = await stage.bills(client)
    assert bills["p2"].lines == (("price", 4900), ("overage", 1400))
    assert bills["p3"].lines == (("price", 4900), ("late_calls", 125), ("credit", -625))
    assert (await stage.periods(client))[0].seconds == 612 * 60, "a closed period never changes"
    assert await stage.unbilled(late) is None
    assert await stage.paid(client) == [4900, 6300, 4400]


async def test_what_comes_after_the_final_invoice_is_never_billed(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.advance(days=2)
    during = stage.now() - DAY
    await stage.cancel(client, at="now")
    await stage.advance(hours=2)
    assert await stage.finished(client)

    call = await stage.call(client, minutes=612, at=during)
    await stage.advance(days=1)

    assert await stage.unbilled(call) == "ended"
    assert await stage.paid(client) == [4900]
