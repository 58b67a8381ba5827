"""What is parked in the books: kept with its figures and the agency's word, counted by its cause (billing-rules 9)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from support.house import DAY, HOUR, START, House

from adapters.postgres import parkings
from adapters.postgres.pool import transaction
from billing.agenda import begin
from billing.facts import InvoiceParked
from billing.invoices import InvoiceKind, InvoiceStatus, Line, LineKind
from billing.ledger import NewInvoice
from billing.orders import ReviewDecided
from billing.review import MOST_OF_ONE_CAUSE, Past
from billing.state import Closed, Decision, Review, State, Trouble
from billing.steps import IssueInvoice

MINUTE = timedelta(minutes=1)
FIGURES = Review(70_000, (1344, 0, 0), 24_500)


async def _may_park(house: House, trouble: Trouble, at: timedelta, invoice: str = "inv_new") -> str:
    async with transaction(house.pool) as connection:
        return await parkings.may_park(connection, invoice, trouble, START + at)


async def _held(house: House, name: str = "anna") -> State:
    """A drafted invoice of price, overage and what came late, that consumed a credit and is held for review."""
    state = await house.subscribed(name)
    overage = Line(LineKind.OVERAGE, "Overage", 70_000, source="0")
    late = Line(LineKind.LATE_CALLS, "Late calls", 300)
    async with house.store.transaction() as books:
        credit = Line(LineKind.CORRECTION, "Correction", -1000)
        new = NewInvoice(f"inv_{name}_c1", InvoiceKind.CHANGE, "1", (credit,), (), START)
        await books.draft_invoice(state, new)
        await books.settle_empty(new.id, START)
    row = await house.draft(state, START, Line(LineKind.PRICE, "Voice Pro", 4900), overage, late)
    issue = replace(state.to_issue[0], closed=Closed(0, START - DAY, START, 0, 70_000))
    state = begin(replace(state, to_issue=(issue,)), IssueInvoice(issue), START)
    fact = InvoiceParked(START, row.id, "too much", trouble=Trouble.IMPLAUSIBLE, review=FIGURES)
    return await house.record(state, fact)


async def test_more_than_five_of_one_cause_in_ten_minutes_stop_parking_and_are_told_once(house: House) -> None:
    for number in range(MOST_OF_ONE_CAUSE):
        state = await house.issue(await house.subscribed(f"c{number}"), START)
        assert await _may_park(house, Trouble.REFUSED, number * MINUTE) == "yes"
        cause = InvoiceParked(START + number * MINUTE, state.debt[0].id, "no", trouble=Trouble.REFUSED)
        await house.record(state, cause)

    assert await _may_park(house, Trouble.REFUSED, 5 * MINUTE) == "no_more"
    assert await _may_park(house, Trouble.REFUSED, 6 * MINUTE) == "no"
    assert await _may_park(house, Trouble.REFUSED, 6 * MINUTE, "inv_c0_p1") == "yes", "it is parked already"
    assert await _may_park(house, Trouble.KEY_MISUSED, 6 * MINUTE) == "yes", "another cause"
    assert await _may_park(house, Trouble.REFUSED, 10 * MINUTE) == "yes", "the first is out of the window"
    assert await house.fetch("SELECT trouble, held_back FROM parking_stops") == [{"trouble": "refused", "held_back": 2}]


async def test_a_cause_that_comes_back_later_is_told_anew(house: House) -> None:
    for number in range(MOST_OF_ONE_CAUSE):
        state = await house.issue(await house.subscribed(f"c{number}"), START)
        for at in (timedelta(), DAY):
            parked = InvoiceParked(START + at, state.debt[0].id, "no", trouble=Trouble.REFUSED)
            state = await house.record(state, parked)
            state = await house.record(replace(state, parked=(), version=state.version + 1))
    assert await _may_park(house, Trouble.REFUSED, MINUTE) == "no_more"
    assert await _may_park(house, Trouble.REFUSED, DAY + MINUTE) == "no_more"


async def test_parkings_that_race_are_counted_one_after_the_other(house: House) -> None:
    states = [await house.issue(await house.subscribed(f"c{number}"), START) for number in range(8)]

    async def park(state: State) -> str:
        invoice = state.debt[0].id
        async with house.store.transaction() as books:
            allowed = await books.may_park(invoice, Trouble.REFUSED, START)
            if allowed == "yes":
                await books.record(state, [InvoiceParked(START, invoice, "no", trouble=Trouble.REFUSED)])
            return allowed

    said = await asyncio.gather(*map(park, states))
    assert sorted(said) == ["no", "no", "no_more", *["yes"] * 5]


async def test_rejected_the_draft_goes_void_and_the_next_revision_has_all_but_the_overage(house: House) -> None:
    state = await _held(house)
    assert await house.value("SELECT sum(consumed) FROM credits") == 1000
    state = await house.record(
        state, ReviewDecided(START + HOUR, "inv_anna_p1", Decision.REJECT, "agency", "never made", "r1")
    )
    async with house.store.transaction() as books:
        gone = await books.withdraw_draft("inv_anna_p1", START + HOUR)
        again = await books.withdraw_draft("inv_anna_p1", START + 2 * HOUR)
        standing = tuple(line for line in gone.lines if line.kind in (LineKind.PRICE, LineKind.LATE_CALLS))
        issue = state.to_issue[0]
        new = NewInvoice(issue.invoice, issue.kind, issue.source, standing, (), START + HOUR, issue.opens)
        row = await books.draft_invoice(state, new)
    assert gone.status is again.status is InvoiceStatus.VOID
    assert (row.id, row.total) == ("inv_anna_p1_r2", 4900 + 300 - 1000)
    assert await house.value("SELECT sum(consumed) FROM credits") == 1000, "given back, and used again"
    assert [line.kind for line in row.lines] == [LineKind.PRICE, LineKind.LATE_CALLS, LineKind.CREDIT]


async def test_the_figures_and_the_word_stay_with_both_invoices(house: House) -> None:
    state = await _held(house)
    async with transaction(house.pool) as connection:
        held = await parkings.review_of(connection, state.agency, "inv_anna_p1")
    assert held
    assert (held.overage, held.usual, held.over, held.decision) == (70_000, (1344, 0, 0), 24_500, None)

    fact = ReviewDecided(START + HOUR, "inv_anna_p1", Decision.REJECT, "agency", "never made", "r1")
    await house.record(state, fact)
    async with transaction(house.pool) as connection:
        rejected = await parkings.review_of(connection, state.agency, "inv_anna_p1")
        assert rejected == await parkings.review_of(connection, state.agency, "inv_anna_p1_r2")
        assert await parkings.review_of(connection, "agc_two", "inv_anna_p1") is None
    assert rejected
    assert (rejected.decision, rejected.decided_by, rejected.reason) == (Decision.REJECT, "agency", "never made")
    (trail,) = await house.fetch(
        "SELECT why, detail ->> 'decision' AS decision FROM audit WHERE what = 'ReviewDecided'"
    )
    assert trail == {"why": "never made", "decision": "reject"}
    parked = await house.value("SELECT detail -> 'review' -> 'usual' FROM audit WHERE what = 'InvoiceParked'")
    assert parked == [1344, 0, 0]


async def test_the_word_is_kept_also_when_a_step_brought_its_state_before_it(house: House) -> None:
    """A step that began after the word was learned may be in the books before the word is."""
    state = await _held(house)
    fact = ReviewDecided(START + HOUR, "inv_anna_p1", Decision.APPROVE, "agency", "", "r1")
    ahead = replace(state, parked=(), version=state.version + 2)
    await house.record(ahead)
    await house.record(state, fact)
    row = (await house.fetch("SELECT decision, ended_at IS NOT NULL AS ended FROM parkings"))[0]
    assert row == {"decision": "approve", "ended": True}


async def test_what_is_usual_is_read_from_the_closed_periods_before(house: House) -> None:
    state = await house.subscribed("anna")
    closed_at = []
    for _ in range(4):
        assert state.period
        closed_at.append(state.period.end + HOUR)
        state = await house.close(state, closed_at[-1])
    async with house.store.transaction() as books:
        assert await books.closed_before(state.id, 4, 3) == tuple(Past(0, at) for at in reversed(closed_at[:3]))
        assert await books.closed_before(state.id, 2, 3) == (Past(0, closed_at[0]),)


async def test_an_agencys_own_limit_holds_in_its_currency_only(house: House) -> None:
    await house.pool.execute("UPDATE agencies SET review_over = 50000, review_over_currency = 'usd'")
    async with house.store.transaction() as books:
        assert await books.review_over("agc_one", "usd") == 50_000
        assert await books.review_over("agc_one", "eur") is None
