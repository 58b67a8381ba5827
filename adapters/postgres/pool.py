"""Connections to PostgreSQL: one pool in each process, and the transaction that all writing goes through.

A lost connection surfaces as asyncpg's or the operating system's own error (`CONNECTION_LOST`): activities raise it,
and are tried again. Nothing here retries by itself: only the caller knows whether its work may be repeated.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import asyncpg

Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
Pool: TypeAlias = asyncpg.Pool

CONNECTION_LOST: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,  # the server has said that it ends the connection, and has not hung up yet
)
"""What a database that is away raises, TimeoutError included (it is an OSError)."""

_CONNECT_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 30.0
_LOCK_TIMEOUT: Final = "10s"
"""Nobody holds a client's lock for as long: who waits longer is told, and tries again later."""
_IDLE_IN_TRANSACTION_TIMEOUT: Final = "60s"
"""A process that hangs in a transaction must not hold a client's books for ever."""


@asynccontextmanager
async def open_pool(dsn: str, size: int = 10, *, command_seconds: float = _COMMAND_SECONDS) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections inside the block, on which json and jsonb are Python values.

    No connection is made before one is needed: a process starts while its database is away.
    """
    async with asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=prepare,
        reset=_nothing_to_reset,
        timeout=_CONNECT_SECONDS,
        command_timeout=command_seconds,
        server_settings={
            "timezone": "UTC",
            "lock_timeout": _LOCK_TIMEOUT,
            "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_TIMEOUT,
        },
    ) as pool:
        yield pool


async def prepare(connection: asyncpg.Connection) -> None:
    """Teach a new connection that json is not text."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """Given back, a connection is rolled back and no more: nothing of ours outlives its transaction. Asking the server
    to forget settings, locks and listeners all the same would be a second round trip for every first."""


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A connection inside a transaction: all of the block is committed together, or nothing of it."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """A connection that reads the books as they were at one instant, however many questions it is asked."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection
