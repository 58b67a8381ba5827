"""Starts and renewals: when a period begins and ends, and what is billed for it (billing-rules 3, 4 and 5)."""

from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from support.sights import Client, on_time
from support.stage import DAY, GRACE, HOUR, MINUTE, PAYS, Stage

from billing.state import Status

NEW_YORK = "America/New_York"


def _next_january_31st(now: datetime) -> datetime:
    """09:30 in New York, on the day from which billing-rules 3 counts."""
    this_year = datetime(now.year, 1, 31, 9, 30, tzinfo=ZoneInfo(NEW_YORK))
    return (this_year if this_year > now + HOUR else this_year.replace(year=now.year + 1)).astimezone(UTC)


async def test_the_31st_in_new_york_and_overage_to_the_cent(stage: Stage) -> None:
    await stage.settings(timezone=NEW_YORK)
    anchor = _next_january_31st(stage.now())
    client = await stage.assign(await stage.client(), starts_at=anchor)
    await stage.type_card(client, PAYS)

    for minutes in (612, 501, 503):
        await stage.to((await stage.periods(client))[-1].start + 5 * MINUTE)
        await stage.call(client, minutes=minutes)
        await stage.to((await stage.periods(client))[-1].end + GRACE)

    # In winter 14:30 UTC, from the second Sunday in March on 13:30; the day is the month's last.
    year = anchor.year
    february = datetime(year, 2, monthrange(year, 2)[1], 14, 30, tzinfo=UTC)
    march, april = datetime(year, 3, 31, 13, 30, tzinfo=UTC), datetime(year, 4, 30, 13, 30, tzinfo=UTC)
    periods = await stage.periods(client)
    assert [(p.start, p.end) for p in periods[:3]] == [(anchor, february), (february, march), (march, april)]
    assert [(p.seconds, p.overage) for p in periods[:3]] == [(612 * 60, 1400), (501 * 60, 13), (503 * 60, 38)]
    bills = await stage.bills(client)
    assert {short: bill.lines for short, bill in bills.items()} == {
        "p1": (("price", 4900),),
        "p2": (("price", 4900), ("overage", 1400)),
        "p3": (("price", 4900), ("overage", 13)),
        "p4": (("price", 4900), ("overage", 38)),
    }
    for bill, due in zip(bills.values(), (anchor, *(at + HOUR for at in (february, march, april))), strict=True):
        assert on_time(bill.issued_at, due)
    for tried, bill in zip(await stage.attempts(client), bills.values(), strict=True):
        assert bill.issued_at
        assert on_time(tried.at, bill.issued_at)
    assert await stage.paid(client) == [4900, 6300, 4913, 4938]


async def test_an_invoice_of_zero_stays_in_our_books_and_a_free_plan_bills_its_overage(stage: Stage) -> None:
    client = await stage.subscribe(plan={"price": 0})
    first, second = {"p1": ("paid", 0, False)}, {"p2": ("paid", 1250, True)}
    assert await _issued(stage, client) == first

    await stage.call(client, minutes=600)
    await stage.to((await stage.periods(client))[0].end + GRACE)

    assert await _issued(stage, client) == first | second
    assert await stage.paid(client) == [1250]


async def test_a_free_first_period_is_metered_and_its_price_is_not_billed(stage: Stage) -> None:
    client = await stage.assign(await stage.client(), first_period="free")
    await stage.type_card(client, PAYS)
    assert await _issued(stage, client) == {"p1": ("paid", 0, False)}

    await stage.call(client, minutes=612)
    await stage.to((await stage.periods(client))[0].end + GRACE)

    assert (await stage.bills(client))["p2"].lines == (("price", 4900), ("overage", 1400))
    assert await stage.paid(client) == [6300]


async def test_with_start_first_card_it_begins_when_the_card_is_saved(stage: Stage) -> None:
    client = await stage.assign(await stage.client(), start="first_card")
    await stage.advance(days=10)
    state = await stage.state(client)
    assert (state.status, state.anchor, state.period) == (Status.AWAITING_CARD, None, None)
    assert await stage.bills(client) == {}

    typed_at = stage.now()
    await stage.type_card(client, PAYS)

    state = await stage.state(client)
    assert state.status is Status.ACTIVE
    assert state.anchor
    # Stripe's instants are whole seconds.
    assert on_time(state.anchor, typed_at.replace(microsecond=0))
    assert await stage.paid(client) == [4900]


async def test_with_a_start_ahead_nothing_happens_until_then(stage: Stage) -> None:
    start = stage.now() + 45 * DAY
    client = await stage.assign(await stage.client(), starts_at=start)
    await stage.type_card(client, PAYS)
    await stage.to(start - MINUTE)
    assert (await stage.shown(client))["current_period"] is None
    assert await stage.bills(client) == {}

    await stage.to(start + MINUTE)

    assert on_time((await stage.bills(client))["p1"].issued_at, start)
    assert await stage.paid(client) == [4900]
    assert (await stage.periods(client))[0].start == start


async def test_a_start_31_days_back_bills_both_periods_and_the_calls_that_were_reported_before(stage: Stage) -> None:
    client = await stage.client()
    start = stage.now() - 31 * DAY + MINUTE
    early = await stage.call(client, minutes=612, at=start + DAY)
    assert await stage.unbilled(early) == "no_subscription"

    client = await stage.assign(client, starts_at=start)
    await stage.type_card(client, PAYS)
    await stage.advance(hours=2)

    bills = await stage.bills(client)
    assert {short: (bill.status, bill.lines) for short, bill in bills.items()} == {
        "p1": ("paid", (("price", 4900),)),
        "p2": ("paid", (("price", 4900), ("overage", 1400))),
    }
    assert (await stage.periods(client))[0].start == start
    assert await stage.unbilled(early) is None
    assert await stage.paid(client) == [4900, 6300]


async def _issued(stage: Stage, client: Client) -> dict[str, tuple[str, int, bool]]:
    return {short: (bill.status, bill.total, bill.at_stripe) for short, bill in (await stage.bills(client)).items()}
