"""Brings a database to the newest schema: `python -m adapters.postgres.migrate`, or `await migrate(dsn)`.

Migrations only go forward. There are no downgrades, because closed periods, issued invoices and the audit trail cannot
be un-written: a wrong migration is followed by another one, and a lost database comes back from its backup.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.address import complaint

_LOCK: Final = 0x7265_7461_696E
"""The advisory lock that makes processes which start together migrate one after the other."""


async def migrate(dsn: str) -> None:
    """Apply what is missing, all or nothing. Safe to call from several processes at once; repeatable."""

    async def connect() -> asyncpg.Connection:
        # Given the DSN itself, asyncpg understands all that it does elsewhere: sockets, TLS, several hosts.
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def head() -> str | None:
    """The revision that this code expects of its database."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def main() -> int:
    """Migrate the database that DATABASE_URL names: the one setting this needs, so that a deploy job can run alone."""
    dsn = os.environ.get("DATABASE_URL")
    if not dsn:
        print("DATABASE_URL is missing", file=sys.stderr)
        return 2
    if wrong := complaint(dsn):
        print(f"DATABASE_URL {wrong}", file=sys.stderr)
        return 2
    asyncio.run(migrate(dsn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
