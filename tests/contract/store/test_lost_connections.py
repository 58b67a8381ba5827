"""A database that ends a connection, whenever it does, raises what callers take for "away, try again"."""

import asyncio
import struct

import pytest
from support.servers import Eventually

from adapters.postgres.pool import CONNECTION_LOST, Pool

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
LAST_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"


async def test_a_connection_that_is_cut_in_the_middle_of_its_work_is_lost(pool: Pool, eventually: Eventually) -> None:
    async with pool.acquire() as cut, pool.acquire() as other:
        working = asyncio.create_task(cut.execute("SELECT pg_sleep(60)"))

        async def done() -> bool | None:
            ended: bool | None = await other.fetchval(CUT, cut.get_server_pid())
            return ended

        await eventually(done)
        with pytest.raises(CONNECTION_LOST):
            await working


async def test_so_is_one_whose_server_has_said_farewell_and_not_hung_up(pool: Pool) -> None:
    async with pool.acquire() as cut:
        cut._protocol.data_received(b"E" + struct.pack("!i", 4 + len(LAST_WORDS)) + LAST_WORDS)
        with pytest.raises(CONNECTION_LOST):
            await cut.execute("SELECT 1")
        cut.terminate()


async def test_the_pool_goes_on_without_a_connection_that_was_cut_at_rest(pool: Pool) -> None:
    async with pool.acquire() as cut, pool.acquire() as other:
        await other.execute("SELECT pg_terminate_backend($1)", cut.get_server_pid())
        with pytest.raises(CONNECTION_LOST):
            await cut.execute("SELECT 1")
    assert await pool.fetchval("SELECT 1") == 1
