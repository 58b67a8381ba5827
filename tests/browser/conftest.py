"""A real Chromium for the tests of the pages, on the sandbox of this session."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect
from support.chromium import flags, installed
from support.lively import ABROAD
from support.stage import Stage
from support.viewers import PATIENCE_MILLISECONDS, Viewers

from sandbox.stack import Sandbox


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser program for the session; in CI there must be one."""
    program = installed()
    if program is None and os.environ.get("CI"):
        pytest.fail("there is no Chromium (tests/chromium.py gets one)")
    if program is None:
        pytest.skip("there is no Chromium on this machine: python tests/chromium.py gets one")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags())
        yield browser
        await browser.close()


@pytest.fixture
async def abroad(sandbox: Sandbox) -> AsyncIterator[Stage]:
    """As `stage`, of an agency that is not in UTC."""
    async with Stage.set_up(sandbox, timezone=ABROAD) as stage:
        yield stage
        await stage.strike()
        await stage.check()


@pytest.fixture
def viewers(sandbox: Sandbox, chromium: Browser) -> Viewers:
    return Viewers(sandbox, chromium)
