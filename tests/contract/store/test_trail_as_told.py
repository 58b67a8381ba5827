"""The demo tells what is recorded while it is recorded: no entry may be lost that is committed behind a later one."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from support.house import AGENCY, START, House
from support.locks import waiters
from support.servers import Eventually

from adapters.postgres import trail
from adapters.postgres.pool import Connection, transaction
from sandbox.demo.cast import beginnings
from sandbox.demo.progress import Progress
from sandbox.demo.stage import Stage
from sandbox.story import Story
from sandbox.timeline import settled


@contextlib.asynccontextmanager
async def _written(house: House, what: str) -> AsyncIterator[Connection]:
    """Recorded inside the block, and committed at its end."""
    async with transaction(house.pool) as connection:
        await trail.write(connection, AGENCY, at=START, who="test", what=what)
        yield connection


def _stage(house: House) -> Stage:
    now = datetime.now(UTC)
    sandbox = cast(Any, SimpleNamespace(pool=house.pool, machine=SimpleNamespace(now=lambda: now)))
    story = Story(io.StringIO())
    return Stage(sandbox, story, Progress(story.console), cast(Any, None), cast(Any, None), beginnings(now), [])


async def test_an_entry_that_is_committed_behind_a_later_one_is_told(house: House) -> None:
    stage = _stage(house)
    async with _written(house, "Earlier"):
        async with _written(house, "Later"):
            pass
        await stage.tell()
        assert [entry["what"] for entry in stage.heard.values()] == ["later"]
    await stage.tell()
    await stage.hear_all()
    assert [entry["what"] for entry in stage.heard.values()] == ["later", "earlier"]


async def test_nothing_is_settled_while_an_earlier_entry_is_not_committed(house: House, eventually: Eventually) -> None:
    async with _written(house, "Earlier"):
        async with _written(house, "Later"):
            pass
        asked = asyncio.create_task(settled(house.pool))

        async def waits() -> bool:
            return bool(await waiters(house.pool))

        await eventually(waits)
        assert not asked.done()
    newest = await house.pool.fetchval("SELECT max(id) FROM audit")
    assert await asked == newest
