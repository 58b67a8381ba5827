"""How people get through the pages: with a mouse, or with nothing but the keys."""

import re
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Locator

from support.viewers import Viewer

_MOST_STOPS: Final = 60
_HAS_FOCUS: Final = "element => element === document.activeElement"


@dataclass(frozen=True)
class Mouse:
    """Clicks, and types where it clicked."""

    viewer: Viewer

    async def follow(self, text: str) -> None:
        await self._use(self.viewer.page.get_by_role("link", name=text, exact=True).first)

    async def press(self, text: str) -> None:
        """The button whose text begins so."""
        await self._use(self.viewer.page.get_by_role("button", name=re.compile(f"^{re.escape(text)}")).first)

    async def type(self, label: str, text: str) -> None:
        await self.viewer.page.get_by_label(label, exact=True).first.fill(text)

    async def send(self, button: str) -> None:
        """The form in which was typed last, whose own button this is."""
        await self.press(button)

    async def _use(self, found: Locator) -> None:
        await found.click()
        await self.viewer.page.wait_for_load_state("load")


@dataclass(frozen=True)
class Keys(Mouse):
    """Goes from stop to stop with Tab, and never touches anything else."""

    async def type(self, label: str, text: str) -> None:
        await self._reach(self.viewer.page.get_by_label(label, exact=True).first)
        await self.viewer.page.keyboard.press("ControlOrMeta+a")
        await self.viewer.page.keyboard.type(text)

    async def send(self, button: str) -> None:
        """With Enter, from within the field: the form's own button is what that presses."""
        await self._enter()

    async def _use(self, found: Locator) -> None:
        await self._reach(found)
        await self._enter()

    async def _enter(self) -> None:
        async with self.viewer.page.expect_navigation():
            await self.viewer.page.keyboard.press("Enter")

    async def _reach(self, wanted: Locator) -> None:
        await wanted.wait_for()
        for _ in range(_MOST_STOPS):
            if await wanted.evaluate(_HAS_FOCUS):
                return
            await self.viewer.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never comes to {wanted}")
