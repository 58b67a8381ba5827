"""The books under test: one agency in a database of each test's own."""

import pytest
from support.house import House

from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool


@pytest.fixture
async def house(pool: Pool) -> House:
    """An agency that can bill: its account is active, its plan has 500 minutes for 49.00 and 12 cents a minute."""
    made = House(pool, PostgresStore(pool))
    await made.agency()
    return made
