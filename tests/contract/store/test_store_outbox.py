"""The outbox, and what delivery asks the books before it wakes anybody."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest
from support.house import AGENCY, CARD, DAY, HOUR, START, House, answered, attempt
from support.lived import EMPTY

from adapters.postgres import outbox
from adapters.postgres.deliveries import failure_known, in_flight, start_pending
from adapters.postgres.outbox import LEASE, Letter
from adapters.postgres.pool import transaction
from billing.facts import PaymentProcessing
from billing.state import Attempt, Origin, State

SECOND = timedelta(seconds=1)
INVOICE = "inv_anna_p1"


async def _add(house: House, key: str, at: datetime = START, payload: object = None) -> None:
    async with transaction(house.pool) as connection:
        await outbox.add(connection, AGENCY, "start", key, payload or {"of": key}, at)


# The outbox


async def test_under_one_key_one_letter_is_entered(house: House) -> None:
    await asyncio.gather(*(_add(house, "start:sub_1") for _ in range(5)))
    await _add(house, "start:sub_1", payload={"of": "another"})
    assert await house.fetch("SELECT payload FROM outbox") == [{"payload": {"of": "start:sub_1"}}]


async def test_a_key_that_was_carried_is_not_entered_again(house: House) -> None:
    await _add(house, "start:sub_1")
    (letter,) = await outbox.claim(house.pool, START)
    await outbox.done(house.pool, letter.id, START)
    await _add(house, "start:sub_1", START + DAY)
    assert await outbox.claim(house.pool, START + 2 * DAY) == []


async def test_a_letter_is_gone_with_the_transaction_that_wrote_it(house: House) -> None:
    async def broken_off() -> None:
        async with transaction(house.pool) as connection:
            await outbox.add(connection, AGENCY, "start", "start:sub_1", {}, START)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await broken_off()
    assert await outbox.claim(house.pool, START) == []


async def test_workers_that_claim_at_once_get_each_letter_once(house: House) -> None:
    for number in range(30):
        await _add(house, f"start:sub_{number}")
    batches = await asyncio.gather(*(outbox.claim(house.pool, START, 10) for _ in range(5)))
    claimed = [letter.id for batch in batches for letter in batch]
    assert len(claimed) == len(set(claimed))
    assert len(claimed) + len(await outbox.claim(house.pool, START, 50)) == 30


async def test_a_letter_that_another_holds_is_passed_over_without_waiting(house: House) -> None:
    await _add(house, "start:sub_1")
    await _add(house, "start:sub_2")
    async with house.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM outbox WHERE dedupe_key = 'start:sub_1' FOR UPDATE")
        assert [letter.payload["of"] for letter in await outbox.claim(house.pool, START)] == ["start:sub_2"]


async def test_a_claimed_letter_comes_again_when_its_lease_is_over(house: House) -> None:
    await _add(house, "start:sub_1")
    (letter,) = await outbox.claim(house.pool, START)
    assert letter == Letter(letter.id, "start", {"of": "start:sub_1"}, 1)
    assert await outbox.claim(house.pool, START + LEASE - SECOND) == []
    (again,) = await outbox.claim(house.pool, START + LEASE)
    assert (again.id, again.attempts) == (letter.id, 2)


async def test_a_deferred_letter_comes_when_it_is_due_and_says_what_went_wrong(house: House) -> None:
    await _add(house, "start:sub_1")
    (letter,) = await outbox.claim(house.pool, START)
    await outbox.defer(house.pool, letter.id, START + HOUR, "Temporal is away")
    assert await house.value("SELECT last_error FROM outbox") == "Temporal is away"
    assert await outbox.claim(house.pool, START + HOUR - SECOND) == []
    assert [later.id for later in await outbox.claim(house.pool, START + HOUR)] == [letter.id]


async def test_what_was_carried_is_neither_deferred_nor_carried_again(house: House) -> None:
    await _add(house, "start:sub_1")
    (letter,) = await outbox.claim(house.pool, START)
    for at in (START + HOUR, START + DAY):
        await outbox.done(house.pool, letter.id, at)
        await outbox.defer(house.pool, letter.id, at, "too late")
    (row,) = await house.fetch("SELECT done_at, last_error FROM outbox")
    assert row == {"done_at": START + HOUR, "last_error": None}
    assert await outbox.claim(house.pool, START + 2 * DAY) == []


async def test_who_listens_is_woken_by_the_commit(house: House, shared_dsn: str) -> None:
    woken = asyncio.Event()
    listener = await asyncpg.connect(shared_dsn)
    try:
        await listener.add_listener(outbox.CHANNEL, lambda *_: woken.set())
        await _add(house, "start:sub_1")
        await asyncio.wait_for(woken.wait(), 10)
    finally:
        await listener.close()


# What delivery asks


async def _begun(house: House) -> tuple[State, Attempt]:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    tried = attempt(INVOICE)
    async with house.store.transaction() as books:
        await books.begin_attempt("sub_anna", tried, Origin.ISSUE, START)
    return state, tried


async def test_an_attempt_is_in_flight_from_its_begin_to_its_outcome(house: House) -> None:
    await house.issue(await house.subscribed("bert", card=CARD), START)
    assert not await in_flight(house.pool, "inv_bert_p1")
    _, tried = await _begun(house)
    assert await in_flight(house.pool, INVOICE)
    assert not await in_flight(house.pool, "inv_bert_p1")
    async with house.store.transaction() as books:
        await books.settle_attempt(tried, None, START)
    assert not await in_flight(house.pool, INVOICE)


async def test_a_payment_that_stripe_processes_awaits_its_event(house: House) -> None:
    state, tried = await _begun(house)
    assert await in_flight(house.pool, INVOICE)
    await house.record(replace(state, attempt=tried, version=state.version + 1), PaymentProcessing(START, INVOICE, 1))
    assert not await in_flight(house.pool, INVOICE)


async def test_a_failure_is_known_when_it_is_one_of_our_attempts(house: House) -> None:
    _, tried = await _begun(house)
    assert not await failure_known(house.pool, INVOICE, START)
    async with house.store.transaction() as books:
        await books.settle_attempt(tried, answered(tried, 4900, START + 10 * SECOND, EMPTY), START)
    for offset, known in ((-6, False), (-5, True), (0, True), (10, True), (15, True), (16, False)):
        assert await failure_known(house.pool, INVOICE, START + offset * SECOND) is known, offset
    assert not await failure_known(house.pool, "inv_unknown", START)


async def test_a_success_of_ours_makes_no_failure_known(house: House) -> None:
    _, tried = await _begun(house)
    async with house.store.transaction() as books:
        await books.settle_attempt(tried, answered(tried, 4900, START), START)
    assert not await failure_known(house.pool, INVOICE, START)


async def test_a_start_is_pending_until_it_was_carried(house: House) -> None:
    assert not await start_pending(house.pool, "sub_1")
    await _add(house, "start:sub_1")
    (letter,) = await outbox.claim(house.pool, START)
    assert await start_pending(house.pool, "sub_1")
    assert not await start_pending(house.pool, "sub_2")
    await outbox.done(house.pool, letter.id, START)
    assert not await start_pending(house.pool, "sub_1")
