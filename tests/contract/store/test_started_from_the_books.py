"""The handbook's statements for a workflow of which Temporal has nothing left: it starts where the books have it."""

from typing import Final

from pydantic import TypeAdapter
from support.handbook import blocks
from support.house import ACCOUNT, AGENCY, CARD, HOUR, START, House
from support.lived import EMPTY, receive_event

from adapters.postgres import inbox, outbox
from adapters.postgres.pool import transaction
from adapters.postgres.projection import load
from workflows.messages import Start

_START: Final = TypeAdapter(Start)
ONE: Final = "sub_anna"


async def _lived_and_lost(house: House, name: str) -> None:
    """A subscription that owes, whose start was carried long ago."""
    state = await house.issue(await house.subscribed(name, card=CARD), START)
    state = await house.charge(state, START, EMPTY)
    start = Start(
        subscription=state.id,
        agency=AGENCY,
        client=state.client,
        account=ACCOUNT,
        customer=state.customer,
        zone="UTC",
        terms=state.terms,
        rules=1,
        requested_at=START,
        starts_at=START,
    )
    async with transaction(house.pool) as books:
        payload = _START.dump_python(start, mode="json")
        await outbox.add(books, AGENCY, outbox.START, outbox.start_key(state.id), payload, START)
    for letter in await outbox.claim(house.pool, START):
        await outbox.done(house.pool, letter.id, START)


async def test_it_is_started_once_more_with_the_state_of_its_books(house: House) -> None:
    await _lived_and_lost(house, "anna")
    await _lived_and_lost(house, "bert")
    (statement,) = blocks("sql", "'carried'")
    await house.pool.execute(statement.replace("sub_…", ONE))

    now = await house.value("SELECT now()")
    (letter,) = await outbox.claim(house.pool, now)
    start = _START.validate_python(letter.payload)
    async with transaction(house.pool) as books:
        known = await load(books, ONE)
    assert (start.subscription, start.carried, start.rules) == (ONE, known, known.rules)
    assert known.ladder
    assert known.debt
    assert letter.attempts == 1


async def test_one_that_is_finished_is_not(house: House) -> None:
    await _lived_and_lost(house, "anna")
    await house.pool.execute("UPDATE subscriptions SET finished = true")
    (statement,) = blocks("sql", "'carried'")
    await house.pool.execute(statement.replace("sub_…", ONE))
    assert await outbox.claim(house.pool, await house.value("SELECT now()")) == []


async def test_it_is_told_again_what_it_may_not_have_read(house: House) -> None:
    await _lived_and_lost(house, "anna")
    for event, read in (("evt_unread", False), ("evt_acknowledged", True)):
        await receive_event(house, event, "cus_anna")
        (row,) = await inbox.claim(house.pool, START + HOUR)
        await inbox.resolve(house.pool, row.id)
        await inbox.signalled(house.pool, row.id, ONE, START)
        if read:
            await inbox.done(house.pool, row.id, START)
    (statement,) = blocks("sql", "delivered_at = NULL")
    await house.pool.execute(statement.replace("sub_…", ONE))
    again = await inbox.claim(house.pool, await house.value("SELECT now()"))
    assert [event.event_id for event in again] == ["evt_unread"]
