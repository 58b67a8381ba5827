"""The books under test: one database for all, which each test finds empty but for one agency; and one that is full."""

from collections.abc import AsyncIterator

import pytest
from support.databases import copied, empty
from support.house import House
from support.lived import live

from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Connection, Pool, open_pool


@pytest.fixture(scope="session")
async def shared_dsn(postgres_server: str, template: str) -> AsyncIterator[str]:
    async with copied(postgres_server, template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def shared(shared_dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(shared_dsn, 10) as opened:
        yield opened


@pytest.fixture
async def house(shared: Pool) -> House:
    """An agency that can bill: its account is active, its plan has 500 minutes for 49.00 and 12 cents a minute."""
    await empty(shared)
    made = House(shared, PostgresStore(shared))
    await made.agency()
    return made


@pytest.fixture(scope="session")
async def lived_in(postgres_server: str, template: str) -> AsyncIterator[Pool]:
    """Books that were lived in. Nobody changes them: `lived` takes everything back."""
    async with copied(postgres_server, template) as dsn, open_pool(dsn, 10) as opened:
        made = House(opened, PostgresStore(opened))
        await made.agency()
        await live(made)
        yield opened


@pytest.fixture
async def lived(lived_in: Pool) -> AsyncIterator[Connection]:
    """A transaction in the books that were lived in, of which nothing stays."""
    async with lived_in.acquire() as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        yield connection
        await transaction.rollback()
