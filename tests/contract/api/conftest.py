"""The API under contract: one site and one worker for the session, an agency of its own for each test.

Temporal is a server of these tests' own: others start workers on the same task queues over other databases.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.databases import copied
from support.http import Client, Site, receive_events, running_site, running_worker
from support.servers import Eventually, StripeServer
from support.tenant import Tenant, new_tenant

from adapters.postgres.invariants import examine
from sandbox.temporal import running_temporal


@pytest.fixture(scope="session")
async def site(
    postgres_server: str, template: str, stripe_server: StripeServer, servers_folder: Path
) -> AsyncIterator[Site]:
    """The API and everything behind it. In the end its books are examined: no test may leave an invariant broken."""
    async with (
        copied(postgres_server, template) as database,
        running_temporal(servers_folder / "temporal-of-api") as temporal,
        running_site(database, stripe_server, temporal) as site,
        running_worker(site.settings, temporal),
    ):
        await receive_events(site)
        yield site
        assert [(one.id, one.wrong) for one in await examine(site.pool) if one.wrong] == []


@pytest.fixture
async def platform(site: Site) -> Client:
    return await site.platform()


@pytest.fixture(scope="session")
async def tenant(site: Site, eventually: Eventually) -> Tenant:
    """An agency that can sell, shared by the tests: each has clients of its own."""
    return await new_tenant(site, eventually)


@pytest.fixture
async def own(site: Site, eventually: Eventually) -> Tenant:
    """An agency that can sell, for a test that moves the agency itself."""
    return await new_tenant(site, eventually)


@pytest.fixture
async def bare(site: Site, eventually: Eventually) -> Tenant:
    """An agency without a Stripe account."""
    return await new_tenant(site, eventually, ready=False)


@pytest.fixture(scope="session")
async def bystander(site: Site, eventually: Eventually) -> Tenant:
    """An agency that nothing happens to: for what is refused, and for who has nothing."""
    return await new_tenant(site, eventually, ready=False)


@pytest.fixture
async def other(site: Site, eventually: Eventually) -> Tenant:
    """Another agency, whose rows are nobody else's."""
    return await new_tenant(site, eventually, ready=False)
