"""The books under test: one database for all, which each test finds empty but for one agency."""

from collections.abc import AsyncIterator

import pytest
from support.databases import copied, empty
from support.house import House

from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool, open_pool


@pytest.fixture(scope="session")
async def shared(postgres_server: str, template: str) -> AsyncIterator[Pool]:
    async with copied(postgres_server, template) as dsn, open_pool(dsn, 10) as opened:
        yield opened


@pytest.fixture
async def house(shared: Pool) -> House:
    """An agency that can bill: its account is active, its plan has 500 minutes for 49.00 and 12 cents a minute."""
    await empty(shared)
    made = House(shared, PostgresStore(shared))
    await made.agency()
    return made
