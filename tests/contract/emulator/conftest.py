"""Stripe's own client against a real emulator process: one for the session, one account for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.emulator.process import EmulatorProcess, sdk
from tests.contract.emulator.receiver import Receiver, receiving
from tests.contract.emulator.shop import Shop, open_shop


@pytest.fixture(scope="session")
async def emulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator"))
    await process.start()
    yield process
    assert await process.stop() == 0
    assert process.log() == ""


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=False) as client:
        yield client


@pytest.fixture(scope="session")
async def api(emulator: EmulatorProcess) -> AsyncIterator[Any]:
    async with sdk(emulator.url) as client:
        yield client


@pytest.fixture
async def shop(api: Any, emulator: EmulatorProcess, http: httpx.AsyncClient) -> Shop:
    return await open_shop(api, http, emulator.url)


@pytest.fixture
async def troubled(shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose test makes trouble for everybody: it is over when the test is."""
    yield shop
    await shop.http.delete(f"{shop.url}/_emulator/faults")
    await shop.control("limits", {"on": False})
    await shop.control("webhooks", {"mode": "normal", "release": True})


@pytest.fixture
async def receiver(troubled: Shop) -> AsyncIterator[Receiver]:
    """A receiver registered for the connected accounts' events."""
    async with receiving() as receiver:
        body = {"url": receiver.url, "secret": receiver.secret, "connect": True}
        endpoint = await troubled.control("webhook_endpoints", body)
        yield receiver
        await troubled.api.webhook_endpoints.delete_async(endpoint["id"])


@pytest.fixture
async def own_emulator(tmp_path: Path) -> AsyncIterator[EmulatorProcess]:
    """A process that the test may kill or whose clock it may move."""
    process = EmulatorProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()
