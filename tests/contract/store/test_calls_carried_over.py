"""A database from before a call was a key and a line: brought up to date, it says the same of every call."""

import json
from typing import Final

import asyncpg
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from support.house import AGENCY, DAY, HOUR, START, House, call
from support.lived import live

from adapters.postgres import migrate
from adapters.postgres.invariants import examine
from adapters.postgres.late import Correction, record_correction
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool, open_pool

BEFORE: Final = "0028"
_CALLS: Final = """
    SELECT c.agency_id, c.call_id, c.client_id, c.started_at, r.duration_seconds, r.outcome, c.billed_seconds,
           c.corrected_seconds, CASE WHEN c.period > 0 THEN c.subscription_id END AS subscription_id,
           nullif(c.period, 0) AS period, c.unbilled, c.late, r.received_at
    FROM calls c JOIN reported_calls r USING (agency_id, call_id)
"""
"""As the table was."""
SEEN: Final = (
    "SELECT * FROM calls ORDER BY agency_id, call_id",
    "SELECT * FROM reported_calls ORDER BY agency_id, call_id",
    "SELECT * FROM usage_rollups ORDER BY subscription_id, period",
    "SELECT * FROM usage_days WHERE calls > 0 ORDER BY subscription_id, period, day",
    "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'call\\_details\\_2%' ORDER BY relname",
)


async def test_every_call_counts_as_it_did(empty_database: str, pool: Pool) -> None:
    house = House(pool, PostgresStore(pool))
    await house.agency()
    await live(house)
    await house.subscribed("tina", trial_days=14)
    in_trial = call("t1", "tina", START + HOUR), call("t2", "tina", START + 30 * HOUR, 3)
    await house.report(*in_trial, at=START + 2 * DAY)
    await record_correction(pool, AGENCY, Correction("kt", "t1", -30, "dropped"), START + 2 * DAY)
    await _to(empty_database, BEFORE)
    await _copy(pool, empty_database)
    await migrate.migrate(empty_database)
    async with open_pool(empty_database, 2) as carried:
        for seen in SEEN:
            assert await carried.fetch(seen) == await pool.fetch(seen), seen
        assert {one.id: one.wrong for one in await examine(carried) if one.wrong} == {}
        again = await House(carried, PostgresStore(carried)).report(*in_trial, at=START + 2 * DAY)
        assert {verdict.result for verdict in again.verdicts} == {"duplicate"}


async def _to(dsn: str, revision: str) -> None:
    def upgrade(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def _copy(source: Pool, dsn: str) -> None:
    """All rows of today's tables, as the tables before had them."""
    target = await asyncpg.connect(dsn)
    await target.execute("SET session_replication_role = replica")
    tables = await target.fetch(
        "SELECT table_name, string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns "
        "WHERE table_schema = 'public' AND is_generated = 'NEVER' AND table_name <> 'alembic_version' GROUP BY 1"
    )
    for table, columns in tables:
        rows = {"calls": _CALLS, "usage_rollups": "SELECT * FROM usage_rollups WHERE period > 0"}.get(table, table)
        asked = rows if rows != table else f"SELECT * FROM {table}"
        found = await source.fetchval(f"SELECT jsonb_agg(to_jsonb(row)) FROM ({asked}) AS row")
        await target.execute(
            f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "
            f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1)",
            json.dumps(found or []),
        )
    await target.close()
