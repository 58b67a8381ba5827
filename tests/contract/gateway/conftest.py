"""Where the gateway is tried: the emulator as a process, and a real Stripe test account when its key is given.

`world` runs a test at both; `emulator` only where trouble can be made. STRIPE_TEST_API_KEY is the platform's test key;
the connected account is STRIPE_TEST_ACCOUNT, or the platform's first that can charge.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.stripe.connection import Connection, connect
from adapters.stripe.directory import StripeDirectory
from sandbox.caller import http_client
from sandbox.child import running
from sandbox.emulator import emulator_program
from sandbox.ports import free_port
from tests.contract.gateway.world import Emulator, World

API_KEY = "sk_test_" + "gateway" * 4


@dataclass(frozen=True)
class Site:
    """Where the emulator answers, and the file that moves its clock."""

    url: str
    clock: Path


@pytest.fixture(scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder, port = tmp_path_factory.mktemp("stripe"), free_port()
    clock = folder / "clock"
    clock.write_text("0")
    async with running(emulator_program(folder, port, API_KEY, clock, folder / "log")):
        yield Site(f"http://127.0.0.1:{port}", clock)


@pytest.fixture(scope="session")
async def emulated(site: Site) -> AsyncIterator[World]:
    connection = connect(API_KEY, site.url)
    account = await StripeDirectory(connection).create_account("agc_1", 1, country="US", name="Bright Voice")
    async with http_client(site.url, 20) as control:
        (await control.post(f"/_emulator/accounts/{account}", json={"action": "complete"})).raise_for_status()
    yield World(connection, account)
    await connection.close()


@pytest.fixture(scope="session")
async def real() -> AsyncIterator[World]:
    api_key = os.environ.get("STRIPE_TEST_API_KEY", "")
    if not api_key:
        pytest.skip("STRIPE_TEST_API_KEY is not set: tried at the emulator only")
    assert "_test_" in api_key, "STRIPE_TEST_API_KEY is not a test key"
    connection = connect(api_key)
    yield World(connection, os.environ.get("STRIPE_TEST_ACCOUNT") or await _first_account(connection))
    await connection.close()


@pytest.fixture(params=["emulator", "stripe"])
def world(request: pytest.FixtureRequest) -> World:
    """The same test at the emulator and at Stripe."""
    chosen: World = request.getfixturevalue("emulated" if request.param == "emulator" else "real")
    return chosen


@pytest.fixture(scope="session")
async def strangers(site: Site, emulated: World) -> AsyncIterator[tuple[World, World]]:
    """Who has a key that Stripe does not know, and who has no patience."""
    stranger, impatient = connect("sk_test_of_nobody", site.url), connect(API_KEY, site.url, timeout=1.0)
    yield World(stranger, emulated.account), World(impatient, emulated.account)
    await stranger.close()
    await impatient.close()


@pytest.fixture
async def emulator(site: Site, emulated: World, strangers: tuple[World, World]) -> AsyncIterator[Emulator]:
    async with http_client(site.url, 20) as control:
        yield Emulator(emulated, *strangers, control, site.clock)
        await control.delete("/_emulator/faults")


async def _first_account(connection: Connection) -> str:
    accounts = await connection.read(lambda o: connection.v1.accounts.list_async({"limit": 100}, o), None)
    able = [account.id for account in accounts.data if account.charges_enabled]
    if not able:
        pytest.skip("the platform of STRIPE_TEST_API_KEY has no connected account that can charge")
    return able[0]
