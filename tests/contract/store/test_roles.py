"""The roles of docs/deploy.md, made by the statements that docker-compose.yml runs: who may do what in the books."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.deployment import CHECKOUT, PASSWORDS, as_role, compose, psql, read, script
from support.house import AGENCY, House
from support.lived import live

from adapters.postgres.invariants import examine
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import open_pool

OWNER, APP, TEMPORAL = "retainer_owner", "retainer_app", "temporal"
DATABASES = {"retainer": OWNER, "temporal": TEMPORAL, "temporal_visibility": TEMPORAL}
STATEMENTS = {name: script(compose()["configs"][name]["content"]) for name in ("roles", "grants")}
WRITES = re.compile(r"\b(INSERT) INTO (\w+)|\b(UPDATE) (\w+)(?: \w+)?\s+SET\b|\b(DELETE) FROM (\w+)|(DO UPDATE)")
REFUSED = [
    "UPDATE audit SET why = 'never'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "ALTER TABLE audit DISABLE TRIGGER audit_stands",
    "DROP TRIGGER audit_stands ON audit",
    "SET session_replication_role = replica",
    "ALTER TABLE invoices ADD COLUMN note text",
    "DROP TABLE idempotency_keys",
    "CREATE TABLE mine (id text)",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
    "DELETE FROM invoices",
    "DELETE FROM calls",
    "DELETE FROM call_details",
    "UPDATE call_details SET calls = 'x'",
    "INSERT INTO call_months VALUES ('2026-01-01', '2027-06-01Z')",
    "UPDATE sealed_usage SET seconds = 0",
    "DELETE FROM payment_attempts",
    "UPDATE invoice_lines SET amount = 0",
    "UPDATE corrections SET seconds = 1",
    "UPDATE alembic_version SET version_num = '0001'",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "SET ROLE retainer_owner",
]


@pytest.fixture(scope="module")
async def server(postgres_server: str) -> AsyncIterator[str]:
    """The superuser's DSN of a server that was set up as production's is: roles, migrations, grants, all twice."""
    try:
        for _ in range(2):
            assert await psql(postgres_server, STATEMENTS["roles"]) == ""
            owner = as_role(postgres_server, OWNER, "retainer")
            await migrate(owner)
            assert await psql(owner, STATEMENTS["grants"]) == ""
        yield postgres_server
    finally:
        await _clear(postgres_server)


async def _clear(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for database in DATABASES:
            await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in (OWNER, APP, TEMPORAL):
            await connection.execute(f"DROP ROLE IF EXISTS {role}")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def books(server: str) -> AsyncIterator[House]:
    """The books as API and worker reach them, after a few months of several clients' lives."""
    async with open_pool(as_role(server, APP, "retainer"), 4) as pool:
        house = House(pool, PostgresStore(pool))
        await house.agency()
        await live(house)
        yield house


async def test_the_role_of_api_and_worker_can_lead_the_books(books: House) -> None:
    assert await books.value("SELECT current_user") == APP
    assert await books.value("SELECT count(*) FROM invoices WHERE agency_id = $1", AGENCY) > 5
    assert [(one.id, one.wrong) for one in await examine(books.pool) if one.wrong] == []


async def test_it_may_do_whatever_a_statement_of_ours_does(books: House) -> None:
    wanted = written()
    assert len(wanted) > 40
    for table, privilege in sorted(wanted):
        assert await books.value("SELECT has_table_privilege($1, $2)", table, privilege), f"{privilege} on {table}"


def written() -> set[tuple[str, str]]:
    """The tables that adapters, API and worker write to, and how."""
    found: set[tuple[str, str]] = set()
    for folder in ("adapters/postgres", "api", "worker"):
        for module in (CHECKOUT / folder).rglob("*.py"):
            if "migrations" not in module.parts:
                found |= _written(module.read_text(encoding="utf-8"))
    return found


def _written(source: str) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    inserted = ""
    for insert, into, update, changed, delete, gone, upsert in WRITES.findall(source):
        inserted = into or inserted
        table, privilege = (inserted, "UPDATE") if upsert else (into or changed or gone, insert or update or delete)
        found.add((table, privilege))
    return found


@pytest.mark.parametrize("statement", REFUSED)
async def test_it_may_do_nothing_else(books: House, statement: str) -> None:
    async with books.pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_it_reaches_no_other_database(server: str) -> None:
    for database in ("temporal", "temporal_visibility"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(as_role(server, APP, database))


async def test_the_trail_stands_against_its_owner_too(server: str, books: House) -> None:
    connection = await asyncpg.connect(as_role(server, OWNER, "retainer"))
    try:
        for statement in ("UPDATE audit SET why = 'never'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_each_database_is_its_owners_and_temporals_role_sees_nothing_of_ours(server: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        owners = await connection.fetch(
            "SELECT datname, pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = ANY ($1::text[])",
            list(DATABASES),
        )
        assert {row["datname"]: row["owner"] for row in owners} == DATABASES
        for role in (OWNER, APP, TEMPORAL):
            may = "ARRAY[rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls]"
            assert not any(await connection.fetchval(f"SELECT {may} FROM pg_roles WHERE rolname = $1", role))
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(as_role(server, TEMPORAL, "retainer"))


async def test_another_password_is_set_by_the_next_start(server: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        kept = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY ($1::text[])"
        roles = [OWNER, APP, TEMPORAL]
        before = dict(await connection.fetch(kept, roles))
        await psql(server, STATEMENTS["roles"], PASSWORDS | {"DATABASE_APP_PASSWORD": "another"})
        after = dict(await connection.fetch(kept, roles))
    finally:
        await connection.close()
    assert all(password and password.startswith("SCRAM-SHA-256$") for password in before.values())
    assert before[APP] != after[APP]


async def test_an_administrator_who_is_no_superuser_can_set_it_up(postgres_server: str) -> None:
    (allowed,) = re.findall(r"`(SET createrole_self_grant = .+;)`", read("docs/deploy.md"))
    ours = re.sub(r"\b(retainer(_owner|_app)?|temporal(_visibility)?)\b", r"managed_\1", STATEMENTS["roles"])
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.execute("CREATE ROLE administrator LOGIN CREATEROLE CREATEDB")
        for _ in range(2):
            assert await psql(as_role(postgres_server, "administrator"), f"{allowed}\n{ours}") == ""
    finally:
        for database in DATABASES:
            await connection.execute(f"DROP DATABASE IF EXISTS managed_{database}")
        for role in (OWNER, APP, TEMPORAL):
            await connection.execute(f"DROP ROLE IF EXISTS managed_{role}")
        await connection.execute("DROP ROLE administrator")
        await connection.close()


async def test_without_its_passwords_nothing_is_set_up(postgres_server: str) -> None:
    assert "syntax error" in await psql(postgres_server, STATEMENTS["roles"], {})
