"""Idempotency keys: an answer is given once, and kept for a day (http-api.md). All on the system's clock."""

import asyncio
from datetime import timedelta

from support.house import START, House

from adapters.postgres.idempotency import (
    KEPT,
    LONGEST_REQUEST,
    Begun,
    InProgress,
    Reused,
    Scope,
    Stored,
    begin,
    finish,
)

SCOPE = Scope("agency:agc_one", "POST", "/v1/agency/clients", "key-1")
ANSWER = Stored(201, {"location": "/v1/agency/clients/cli_1"}, '{"id": "cli_1"}')
SECOND = timedelta(seconds=1)


async def test_of_requests_under_one_key_that_race_one_does_the_work(house: House) -> None:
    begun = await asyncio.gather(*(begin(house.pool, SCOPE, "hash", START) for _ in range(5)))
    assert sorted(type(one).__name__ for one in begun) == ["Begun"] + ["InProgress"] * 4


async def test_the_answer_is_given_again_as_it_was(house: House) -> None:
    assert await begin(house.pool, SCOPE, "hash", START) == Begun(START)
    await finish(house.pool, SCOPE, ANSWER, START)
    assert await begin(house.pool, SCOPE, "hash", START + KEPT - SECOND) == ANSWER


async def test_a_key_stands_for_one_content(house: House) -> None:
    await begin(house.pool, SCOPE, "hash", START)
    assert await begin(house.pool, SCOPE, "other", START) == Reused()
    await finish(house.pool, SCOPE, ANSWER, START)
    assert await begin(house.pool, SCOPE, "other", START) == Reused()


async def test_a_key_is_its_callers_own_and_of_one_method_and_path(house: House) -> None:
    await begin(house.pool, SCOPE, "hash", START)
    for other in (
        SCOPE._replace(caller="agency:agc_two"),
        SCOPE._replace(method="PUT"),
        SCOPE._replace(path="/v1/agency/plans"),
        SCOPE._replace(key="key-2"),
    ):
        assert await begin(house.pool, other, "hash", START + SECOND) == Begun(START + SECOND)


async def test_after_a_day_a_key_is_new(house: House) -> None:
    await begin(house.pool, SCOPE, "hash", START)
    await finish(house.pool, SCOPE, ANSWER, START)
    assert await begin(house.pool, SCOPE, "other", START + KEPT) == Begun(START + KEPT)
    assert await begin(house.pool, SCOPE, "other", START + KEPT) == InProgress()


async def test_a_request_without_a_final_answer_goes_on_under_its_key(house: House) -> None:
    await begin(house.pool, SCOPE, "hash", START)
    await finish(house.pool, SCOPE, None, START + SECOND)
    assert await begin(house.pool, SCOPE, "hash", START + 2 * SECOND) == Begun(START)
    assert await begin(house.pool, SCOPE, "hash", START + 3 * SECOND) == InProgress()


async def test_a_request_that_died_with_its_process_goes_on_under_its_key(house: House) -> None:
    await begin(house.pool, SCOPE, "hash", START)
    assert await begin(house.pool, SCOPE, "hash", START + LONGEST_REQUEST - SECOND) == InProgress()
    assert await begin(house.pool, SCOPE, "hash", START + LONGEST_REQUEST) == Begun(START)


async def test_old_keys_are_swept_in_passing_and_only_they(house: House) -> None:
    for number in range(3):
        await begin(house.pool, SCOPE._replace(key=f"old-{number}"), "hash", START)
    await begin(house.pool, SCOPE, "hash", START + KEPT)
    await finish(house.pool, SCOPE, ANSWER, START + KEPT)
    assert await house.fetch("SELECT key FROM idempotency_keys") == [{"key": "key-1"}]
