"""A sandbox of the fault tests' own: its worker dies where a test tells it to, and trouble does not leak to others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.dying_worker import Fates

from sandbox.home import Home
from sandbox.stack import Sandbox, running_sandbox
from sandbox.up import serving_control

pytest.register_assert_rewrite("support.renewals")
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
async def sandbox(servers_folder: Path) -> AsyncIterator[Sandbox]:
    home = Home(servers_folder / "faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))  # for the worker, each time it is started
        async with (
            running_sandbox(home, port=0, fresh=True, worker=("-m", "support.dying_worker")) as running,
            serving_control(running),
        ):
            yield running


@pytest.fixture(scope="session")
def fates(sandbox: Sandbox) -> Fates:
    return Fates(sandbox.home.folder)
