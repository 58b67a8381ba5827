"""The schema: made from nothing, once, whoever starts together."""

import asyncio
import os
import sys

import asyncpg
import pytest

from adapters.postgres.migrate import main, migrate


async def _schema(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT table_name || '.' || column_name || ' ' || data_type AS line FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1"
        )
        return [row["line"] for row in rows]
    finally:
        await connection.close()


async def test_several_processes_that_start_together_migrate_once(empty_database: str) -> None:
    await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    once = await _schema(empty_database)
    await migrate(empty_database)
    assert await _schema(empty_database) == once
    assert "calls.started_at timestamp with time zone" in once


async def test_the_command_migrates_the_database_of_the_environment(empty_database: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.postgres.migrate", env={**os.environ, "DATABASE_URL": empty_database}
    )
    assert await process.wait() == 0
    assert "audit.what text" in await _schema(empty_database)


async def test_the_command_says_what_it_misses() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.postgres.migrate", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"DATABASE_URL" in said


def test_the_command_shows_nothing_of_an_address_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://retainer_owner:qV7r/T2m@db/retainer")
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("DATABASE_URL cannot be read")
    assert "qV7r" not in said
    assert "T2m" not in said


async def test_every_instant_has_a_time_zone_and_no_business_column_a_clock_of_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        naive = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type IN ('timestamp without time zone', 'date', 'time without time zone') "
            "AND column_name NOT IN ('day', 'month')"
        )
        clocks = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND (column_default ILIKE '%now()%' OR column_default ILIKE '%current_timestamp%')"
        )
    finally:
        await connection.close()
    assert naive == []
    assert clocks == []


async def test_every_table_of_a_tenant_names_its_agency(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.tables t WHERE table_schema = 'public' "
            "AND table_type = 'BASE TABLE' AND NOT EXISTS ("
            "SELECT 1 FROM information_schema.columns c WHERE c.table_schema = 'public' "
            "AND c.table_name = t.table_name AND c.column_name = 'agency_id' AND c.is_nullable = 'NO') ORDER BY 1"
        )
    finally:
        await connection.close()
    # An inbox row's tenant is its Stripe account, an idempotency key's its caller; a stop of parking, and a month of
    # calls, is everybody's.
    shared = [
        *("agencies", "alembic_version", "call_months", "idempotency_keys", "inbox", "parking_stops"),
        "reconciliations",
    ]
    assert [row["table_name"] for row in rows] == shared
