"""Reports of calls while processes are killed: who was not answered sends again, and each call counts once."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any

import httpx
import pytest
from support.servers import Eventually
from support.stage import HOUR, MINUTE, Client, Stage

from sandbox.bodies import rfc3339
from sandbox.caller import ApiRefused

CALLS = "/v1/usage/calls"
SENDERS = 4
SECONDS = 60
_numbers = count(1)
Json = dict[str, Any]


def _calls(stage: Stage, clients: Sequence[Client], each: int) -> list[Json]:
    """Calls of the hour before, in the order in which they were made."""
    return [
        {
            "call_id": f"storm-{next(_numbers)}",
            "client_id": client.id,
            "started_at": rfc3339(stage.now() - HOUR + number * MINUTE / 10),
            "duration_seconds": SECONDS,
            "outcome": "completed",
        }
        for number in range(each)
        for client in clients
    ]


def _batches(calls: Sequence[Json], size: int, seed: int) -> list[list[Json]]:
    """Each call in two of them, those of the second kind shuffled: batches at once have calls in common."""
    shuffled = list(calls)
    random.Random(seed).shuffle(shuffled)
    return [list(order[first : first + size]) for order in (calls, shuffled) for first in range(0, len(order), size)]


def _until(done: asyncio.Event, batches: Sequence[list[Json]]) -> Iterator[list[Json]]:
    """Each batch, and all of them again until it is done: something is always under way."""
    yield from batches
    while not done.is_set():
        yield from batches


async def _sent(stage: Stage, batch: Sequence[Json], unanswered: list[str] | None = None) -> Json:
    """The answer, in which every call is taken now or was before; why there was none is noted."""
    said = await _answered(stage, batch, [] if unanswered is None else unanswered)
    assert said["accepted"] + said["duplicates"] == len(batch), said
    return said


async def _answered(stage: Stage, batch: Sequence[Json], unanswered: list[str]) -> Json:
    """Sent until it is answered, as a call engine does."""
    while True:
        try:
            said: Json = await stage.service.post(CALLS, {"calls": list(batch)})
            return said
        except httpx.TransportError as error:
            unanswered.append(type(error).__name__)
        except ApiRefused as refused:
            if refused.status != httpx.codes.SERVICE_UNAVAILABLE:
                raise
            unanswered.append(refused.code)


async def _used(stage: Stage, client: Client) -> int:
    seconds: int = (await client.portal.get("/v1/portal/billing"))["usage"]["seconds_used"]
    return seconds


@pytest.mark.parametrize("process", ["api", "postgres"])
async def test_killed_in_the_middle_of_reports_each_call_counts_once(
    stage: Stage, eventually: Eventually, process: str
) -> None:
    clients = [await stage.subscribe() for _ in range(3)]
    await stage.advance(hours=2)
    calls = _calls(stage, clients, each=600)
    killed = asyncio.Event()
    waiting = _until(killed, _batches(calls, 40, seed=len(process)))
    unanswered: list[str] = []
    accepted: list[int] = []

    async def sender() -> None:
        for batch in waiting:
            accepted.append((await _sent(stage, batch, unanswered))["accepted"])

    async def under_way() -> bool:
        return len(accepted) >= SENDERS

    sending = [asyncio.create_task(sender()) for _ in range(SENDERS)]
    await eventually(under_way, seconds=30)
    await stage.control.post("/kill", {"process": process})
    killed.set()
    await asyncio.gather(*sending)

    assert unanswered, "it was killed when nothing was under way"
    assert sum(accepted) <= len(calls)
    assert [await _used(stage, client) for client in clients] == [600 * SECONDS] * len(clients)
    for batch in _batches(calls, 500, seed=0):
        assert (await _sent(stage, batch))["duplicates"] == len(batch)


async def test_a_period_that_closes_under_reports_has_each_call_on_one_side(stage: Stage) -> None:
    """Calls of both sides of the boundary come in while the close is due, is made, and is over."""
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end
    await stage.to(end + 55 * MINUTE)
    calls = _calls(stage, [client], each=600)
    early = [call for call in calls if datetime.fromisoformat(call["started_at"]) < end]
    held_back = early[::5]
    closing = asyncio.create_task(stage.to(end + 3 * HOUR))
    for batch in _batches([call for call in calls if call not in held_back], 20, seed=7):
        await _sent(stage, batch)
    await closing
    await _sent(stage, held_back)

    periods = await stage.periods(client)
    rows = await stage.sandbox.pool.fetch(
        "SELECT period, late, count(*) AS calls FROM calls WHERE client_id = $1 GROUP BY 1, 2", client.id
    )
    found = {(row["period"], row["late"]): row["calls"] for row in rows}
    assert found.pop((2, False)) == len(calls) - len(early)
    assert sum(found.values()) == len(early)
    assert found[1, True] >= len(held_back)
    assert periods[0].seconds == found.get((1, False), 0) * SECONDS
    late = await stage.sandbox.pool.fetchval(
        "SELECT coalesce(sum(seconds), 0) FROM late_entries e JOIN calls c USING (agency_id, call_id) "
        "WHERE c.client_id = $1",
        client.id,
    )
    assert late == found[1, True] * SECONDS
