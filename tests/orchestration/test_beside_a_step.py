"""A command beside a step in flight: in whatever order both reach the books, they end as the workflow does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from support.locks import waiters
from support.servers import Eventually
from support.sights import Client
from support.stage import GRACE, Stage

from adapters.postgres.locks import lock_client
from adapters.postgres.pool import transaction
from sandbox.caller import ApiRefused


async def test_a_cancellation_that_the_workflow_learns_before_and_the_books_after_a_closing(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end

    async with _books_closed(stage, client):
        closing = asyncio.create_task(stage.to(end + GRACE))
        await eventually(lambda: _waiting(stage, 1))
        cancelling = asyncio.create_task(stage.cancel(client, at="now"))
        await eventually(lambda: _waiting(stage, 2))
    await asyncio.gather(closing, cancelling)
    await _assert_agreed(stage, client)

    await stage.advance(hours=2)
    assert await stage.finished(client)
    await _assert_agreed(stage, client)


async def test_a_request_that_loses_patience_is_refused_in_the_books_too(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe(behaviour="processing")
    voiding = asyncio.create_task(stage.void(client, "p1"))

    async def asked() -> bool:
        return bool((await stage.state(client)).asked)

    await eventually(asked)
    await stage.advance(seconds=20)
    with pytest.raises(ApiRefused, match="payment_in_progress"):
        await voiding
    await _assert_agreed(stage, client)


@asynccontextmanager
async def _books_closed(stage: Stage, client: Client) -> AsyncIterator[None]:
    """Who wants to write about the client waits, in the order of coming."""
    async with transaction(stage.sandbox.pool) as connection:
        await lock_client(connection, client.id)
        yield


async def _waiting(stage: Stage, writers: int) -> bool:
    return await waiters(stage.sandbox.pool) >= writers


async def _assert_agreed(stage: Stage, client: Client) -> None:
    workflow, books = await stage.state(client), await stage.books(client)
    assert replace(books, version=workflow.version) == workflow
