"""What the time machine waits for in the books: everything that is due, and everything that has been begun."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from support.house import START, House

from adapters.postgres import inbox
from adapters.postgres.inbox import HELD_FOR
from billing.facts import NewsArrived, NewsRead, StepFailed
from billing.steps import ReadNews
from sandbox.clock import Queues
from sandbox.queues import Watch

HOUR = timedelta(hours=1)


class _IdleEmulator:
    async def ask(self, path: str) -> Any:
        return {"webhooks_due": 0, "requests_in_flight": 0}


async def _look(house: House, now: datetime) -> Queues:
    return await Watch(house.pool, _IdleEmulator()).look(now)  # type: ignore[arg-type]


async def _event(house: House, deliver_after: datetime) -> None:
    await inbox.receive(
        house.pool,
        account="acct_one",
        event_id="evt_1",
        type="invoice.paid",
        object_id="in_1",
        customer_id=None,
        created_at=START,
        payload={},
        received_at=START,
        deliver_after=deliver_after,
    )


async def test_an_event_is_under_way_until_it_is_delivered_also_while_it_is_being_carried(house: House) -> None:
    await _event(house, START)
    assert await _look(house, START) == Queues(["event invoice.paid"], None)

    (carried,) = await inbox.claim(house.pool, START)
    assert await _look(house, START) == Queues(["event invoice.paid"], None)

    await inbox.done(house.pool, carried.id, START)
    assert await _look(house, START) == Queues([], None)


async def test_an_event_that_is_held_lets_time_pass_because_what_it_waits_for_may_need_it(house: House) -> None:
    await _event(house, START)
    (carried,) = await inbox.claim(house.pool, START)
    await inbox.defer(house.pool, carried.id, START + HELD_FOR)
    assert await _look(house, START) == Queues([], START + HELD_FOR)


async def test_the_worker_is_told_once_when_the_time_of_a_held_event_has_come(house: House) -> None:
    await _event(house, START)
    (carried,) = await inbox.claim(house.pool, START)
    await inbox.defer(house.pool, carried.id, START + HELD_FOR)
    watch = Watch(house.pool, _IdleEmulator())  # type: ignore[arg-type]
    async with _rung(house) as rung:
        await watch.look(START)
        assert await rung() == 0
        for _ in range(2):
            assert (await watch.look(START + HELD_FOR)).under_way == ["event invoice.paid"]
        assert await rung() == 1


@asynccontextmanager
async def _rung(house: House) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """How often it has rung for the worker since the block began."""
    rung: list[object] = []

    def ring(*_: object) -> None:
        rung.append(_)

    async with house.pool.acquire() as connection:

        async def heard() -> int:
            await connection.execute("SELECT 1")  # the server tells what has rung before it answers
            return len(rung)

        await connection.add_listener(inbox.CHANNEL, ring)
        try:
            yield heard
        finally:
            await connection.remove_listener(inbox.CHANNEL, ring)


async def test_an_event_for_later_is_a_stop_of_the_clock(house: House) -> None:
    await _event(house, START + HOUR)
    assert await _look(house, START) == Queues([], START + HOUR)
    assert await _look(house, START + HOUR) == Queues(["event invoice.paid"], None)


async def test_an_event_that_could_not_be_delivered_is_a_stop_of_the_clock_at_its_next_try(house: House) -> None:
    await _event(house, START)
    (carried,) = await inbox.claim(house.pool, START)
    await inbox.defer(house.pool, carried.id, START + HOUR)
    assert await _look(house, START) == Queues([], START + HOUR)


async def test_an_event_is_under_way_until_its_subscription_has_read_it_or_cannot_for_now(house: House) -> None:
    state = await house.subscribed("cedar")
    await inbox.receive(
        house.pool,
        account=inbox.OWN,
        event_id="evt_1",
        type="retainer.settings",
        object_id=state.id,
        customer_id=None,
        created_at=START,
        payload={},
        received_at=START,
    )
    (event,) = await inbox.claim(house.pool, START)
    await inbox.resolve(house.pool, event.id)
    await inbox.signalled(house.pool, event.id, state.id, START)
    assert await _look(house, START + HOUR) == Queues([f"event retainer.settings unread by {state.id}"], None)

    known = await house.record(state, NewsArrived(START + HOUR))
    failed = await house.record(known, StepFailed(START + HOUR, ReadNews().key, "Stripe does not answer"))
    assert await _look(house, START + HOUR) == Queues([], None)

    await house.record(failed, NewsRead(START + 2 * HOUR, (event.id,)))
    assert await _look(house, START + 2 * HOUR) == Queues([], None)
