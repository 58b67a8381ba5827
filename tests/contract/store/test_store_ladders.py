"""A retry policy on its way to the ladders that run: stored with what else is decided, once for each request."""

from datetime import datetime
from typing import cast

import pytest
from support.house import CARD, DAY, HOUR, START, House

from activities.news import NewsReader
from activities.ports import Payments
from adapters.postgres import inbox, ladders
from adapters.postgres.pool import transaction
from billing.declines import Decline
from billing.plans import Dunning, FinalAction
from billing.state import State


class _Clock:
    def now(self) -> datetime:
        return START + DAY + HOUR


EMPTY = Decline("card_declined", "insufficient_funds")
POLICY = Dunning((5, 1), FinalAction.CANCEL)


async def _failing(house: House, name: str) -> State:
    state = await house.issue(await house.subscribed(name, card=CARD), START)
    return await house.charge(state, START, EMPTY)


async def _bring(house: House, states: list[State], *, dies: bool = False) -> None:
    async with transaction(house.pool) as connection:
        await ladders.bring(connection, [state.id for state in states], POLICY, "req_1", START + DAY)
        assert 1 / (not dies)


async def test_only_what_is_owed_has_a_ladder(house: House) -> None:
    anna = await _failing(house, "anna")
    paid = await house.issue(await house.subscribed("bert", card=CARD), START)
    await house.charge(paid, START)
    assert [state.id for state in await ladders.in_debt(house.pool, anna.agency)] == [anna.id]
    assert await ladders.in_debt(house.pool, "agc_two") == []


async def test_it_is_brought_once_for_a_request_and_waits_until_it_is_delivered(house: House) -> None:
    anna = await _failing(house, "anna")
    await _bring(house, [anna])
    await _bring(house, [anna])
    (event,) = await inbox.claim(house.pool, START + 2 * DAY)
    assert [reader.subscription for reader in await inbox.resolve(house.pool, event.id)] == [anna.id]


async def test_nothing_is_brought_when_the_rest_of_the_decision_fails(house: House) -> None:
    anna = await _failing(house, "anna")
    with pytest.raises(ZeroDivisionError):
        await _bring(house, [anna], dies=True)
    assert await inbox.claim(house.pool, START + 2 * DAY) == []


async def test_what_is_read_is_the_policy_as_it_was_applied(house: House) -> None:
    anna = await _failing(house, "anna")
    await _bring(house, [anna])
    (event,) = await inbox.claim(house.pool, START + 2 * DAY)
    await inbox.resolve(house.pool, event.id)
    await house.pool.execute("UPDATE agencies SET gaps_days = '{9}'")

    outcome = await NewsReader(house.store, cast("Payments", None), _Clock()).read(anna)
    assert [fact.kind for fact in outcome.facts] == ["DunningApplied", "NewsRead"]
    (stored,) = await ladders.in_debt(house.pool, anna.agency)
    assert stored.ladder
    assert (stored.ladder.dunning, stored.ladder.next_at) == (POLICY, START + 5 * DAY)
