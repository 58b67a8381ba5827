"""Where the browser is that the tests of the pages drive."""

import os
import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
"""Nothing that a browser does by itself on the network."""


def installed() -> str | None:
    """The browser on this machine: the one that CHROMIUM names, the system's, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next(filter(None, map(shutil.which, NAMES)), None) or _of_playwright()


def flags() -> list[str]:
    """Chromium's own sandbox does not work for root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _of_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None
