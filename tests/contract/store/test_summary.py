"""An agency's figures and its table of invoices, in books that were lived in (support/lived.py)."""

from datetime import datetime

from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House
from support.lived import END

from adapters.postgres.exporting import invoice_batches
from adapters.postgres.invoices import agency_invoices
from adapters.postgres.pool import Connection, Pool, snapshot
from adapters.postgres.summary import AHEAD, BACK, Figures, summary
from billing.declines import Decline

DRY = Decline("card_declined", "insufficient_funds")


async def usd(books: Connection, at: datetime = END) -> Figures:
    found = await summary(books, AGENCY, at)
    assert [one.currency for one in found] in (["usd"], [])
    return found[0] if found else Figures("usd")


async def test_the_figures_are_those_of_the_invoices(lived: Connection) -> None:
    """Computed once more from what people see of each invoice."""
    invoices, figures = await agency_invoices(lived, AGENCY, None, 1000, None), await usd(lived)
    recent = [one for one in invoices if one.settled_at and END - BACK < one.settled_at <= END]
    open_ones = [one for one in invoices if one.status == "open"]
    assert figures.collected == sum(one.amount_paid for one in recent if one.status == "paid") > 0
    assert figures.outstanding == sum(one.amount_due for one in open_ones) > 0
    assert figures.at_risk == sum(one.amount_due for one in open_ones if one.portal_status == "failed") > 0
    assert figures.lost == sum(one.amount_due for one in recent if one.status == "uncollectible")
    assert await summary(lived, "agc_nobody", END) == []


async def test_what_is_written_off_is_lost_for_thirty_days(house: House) -> None:
    state = await house.issue(await house.subscribed("anna"), START)
    async with house.pool.acquire() as books:
        assert (await usd(books, START + DAY)).outstanding == 4900
        await books.execute(
            "UPDATE invoices SET status = 'uncollectible', settled_at = $2 WHERE subscription_id = $1", state.id, START
        )
        shown = [await usd(books, START + span) for span in (DAY, BACK - HOUR, BACK)]
    assert [one.lost for one in shown] == [4900, 4900, 0]
    assert [one.outstanding for one in shown] == [0, 0, 0]


async def test_what_is_owed_in_an_account_that_was_left_is_outstanding_no_more(house: House) -> None:
    await house.issue(await house.subscribed("anna"), START)
    async with house.pool.acquire() as books:
        freeze = (
            "INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at) VALUES ($1, $2, 'disconnected', $3)"
        )
        await books.execute(freeze, AGENCY, ACCOUNT, START)
        assert (await usd(books)).outstanding == 4900
        await books.execute("UPDATE account_freezes SET replaced_at = $1", START + DAY)
        assert (await usd(books)).outstanding == 0


async def test_a_recovery_counts_from_the_first_failure_on(house: House) -> None:
    states = [await house.issue(await house.subscribed(name, card=CARD), START) for name in ("anna", "bert")]
    failed = [await house.charge(state, START + HOUR, DRY) for state in states]
    await house.charge(failed[0], START + 3 * DAY + HOUR)
    async with house.pool.acquire() as books:
        now, later = await usd(books, START + 4 * DAY), await usd(books, START + HOUR + BACK)
    assert (now.failed, now.recovered, now.collected, now.at_risk) == (2, 1, 4900, 4900)
    assert (later.failed, later.recovered, later.outstanding) == (0, 0, 4900)


async def test_renewals_are_the_boundaries_of_the_seven_days_ahead(house: House) -> None:
    state = await house.issue(await house.subscribed("anna"), START)
    assert state.period
    end = state.period.end
    async with house.pool.acquire() as books:
        shown = [await usd(books, at) for at in (end - AHEAD - HOUR, end - AHEAD, end - HOUR, end)]
    assert [(one.renewals, one.renewing) for one in shown] == [(0, 0), (1, 4900), (1, 4900), (0, 0)]


async def test_the_end_of_a_trial_counts_as_one(house: House) -> None:
    state = await house.subscribed("anna", trial_days=30)
    assert state.trial
    end = state.trial.end
    async with house.pool.acquire() as books:
        shown = [await usd(books, at) for at in (end - AHEAD - HOUR, end - AHEAD, end - HOUR)]
    assert [(one.renewals, one.renewing) for one in shown] == [(0, 0), (1, 4900), (1, 4900)]


async def test_every_invoice_is_exported_once_whatever_the_batches(lived_in: Pool) -> None:
    whole = [row["id"] async for batch in invoice_batches(lived_in, AGENCY) for row in batch]
    async with snapshot(lived_in) as books:
        assert sorted(whole) == sorted(one.id for one in await agency_invoices(books, AGENCY, None, 1000, None))
    for size in (1, 2, len(whole)):
        batches = [batch async for batch in invoice_batches(lived_in, AGENCY, size)]
        assert [row["id"] for batch in batches for row in batch] == whole
        assert max(map(len, batches)) <= size
    assert [batch async for batch in invoice_batches(lived_in, "agc_nobody")] == []
