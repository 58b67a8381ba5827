"""Databases: copied from a template that is migrated once per session."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from adapters.postgres.migrate import migrate
from adapters.postgres.pool import Pool, open_pool

_numbers = itertools.count(1)


def _database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def _run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def empty_database(postgres_server: str) -> AsyncIterator[str]:
    """The DSN of a database without any table."""
    name = f"empty_{next(_numbers)}"
    await _run(postgres_server, f"CREATE DATABASE {name}")
    yield _database(postgres_server, name)
    await _run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def template(postgres_server: str) -> str:
    await _run(postgres_server, "CREATE DATABASE migrated")
    await migrate(_database(postgres_server, "migrated"))
    return "migrated"


@asynccontextmanager
async def copied(postgres_server: str, template: str) -> AsyncIterator[str]:
    """The DSN of a copy of the database `template`, gone after the block. Nobody may be connected to `template`."""
    name = f"copy_{next(_numbers)}"
    await _run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield _database(postgres_server, name)
    await _run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def empty(pool: Pool) -> None:
    """Delete every row, whatever refuses to be deleted: cheaper than another copy."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        tables = await connection.fetch("SELECT relname FROM pg_stat_user_tables WHERE relname <> 'alembic_version'")
        await connection.execute(";".join(f"DELETE FROM {table['relname']}" for table in tables))


@pytest.fixture
async def database(postgres_server: str, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database of the test's own."""
    async with copied(postgres_server, template) as dsn:
        yield dsn


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database, 10) as opened:
        yield opened
