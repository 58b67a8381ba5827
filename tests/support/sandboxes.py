"""The sandbox of this session: every process of the product, real; and each test's own agency on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.home import Home
from sandbox.stack import Sandbox, running_sandbox
from sandbox.up import serving_control
from support.leaks import leaks
from support.stage import Stage


@pytest.fixture(scope="session")
async def sandbox(servers_folder: Path) -> AsyncIterator[Sandbox]:
    """Everything up, with nobody in it yet. In the end no process has logged what nobody may read there."""
    home = Home(servers_folder / "sandbox")
    async with running_sandbox(home, port=0, fresh=True) as running, serving_control(running):
        yield running
        assert leaks(home, running.kept) == []


@pytest.fixture
async def stage(sandbox: Sandbox) -> AsyncIterator[Stage]:
    """An agency in UTC. In the end its subscriptions are let go, and every invariant is checked."""
    async with Stage.set_up(sandbox) as stage:
        yield stage
        await stage.strike()
        await stage.check()
