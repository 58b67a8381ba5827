"""Somebody in a real browser: signed in, watched for errors, and heard as a screen reader would read."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from api.tokens import MANAGE_BILLING, Caller, Role, issue
from sandbox.seed import TOKEN_LIFETIME
from sandbox.stack import Sandbox

SERIOUS: Final = frozenset({"serious", "critical"})
PATIENCE_MILLISECONDS: Final = 20_000
BILLING: Final = "/portal/billing"
_LAPTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
_FOCUSED: Final = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  return {text: element.innerText || element.ariaLabel || "", seen: style.outlineStyle !== "none"};
}"""
_MOST_STOPS: Final = 40


@dataclass
class Viewer:
    """One person at one page. `errors` is all that the browser complained of."""

    sandbox: Sandbox
    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto(self.sandbox.url("api") + path)

    async def press(self, button: str) -> None:
        """Press the button, and wait for the page that comes."""
        await self.page.get_by_role("button", name=button, exact=True).first.click()
        await self.page.wait_for_load_state("load")

    async def badge(self, text: str) -> bool:
        """Whether a badge on the page says so."""
        return await self.page.locator(".badge").get_by_text(text, exact=True).count() > 0

    async def type_card(self, number: str) -> None:
        """On Stripe's page, on which the browser is or will be in a moment; it leads back to the billing page."""
        await self.page.get_by_label("Card number").fill(number)
        for label, text in (("Month", "12"), ("Year", "2050"), ("CVC", "123")):
            await self.page.get_by_label(label).fill(text)
        await self.page.get_by_role("button", name="Save card").click()
        await self.page.wait_for_url(f"**{BILLING}*")

    async def sign_in(self, role: Role, agency: str, client: str = "", *permissions: str) -> None:
        holder = Caller(role, "viewer", agency, client, frozenset(permissions))
        await self.open(f"/login?token={issue(self.sandbox.settings, holder, TOKEN_LIFETIME)}")

    async def serious_findings(self) -> list[str]:
        """What axe-core finds on this page that is serious or worse, each with where."""
        found: Any = (await Axe().run(self.page)).response
        return [
            f"{self.page.url}: {one['id']}: {node['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    async def stops(self) -> list[str]:
        """What the Tab key comes to, in order; each must be seen to have the focus."""
        found: list[str] = []
        while len(found) < _MOST_STOPS:
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(_FOCUSED)
            text = " ".join(focused["text"].split())
            if found and text == found[0]:
                break
            if await self.page.evaluate("document.activeElement === document.body"):
                break
            assert focused["seen"], f"{text!r} has the focus, and nobody sees it"
            found.append(text)
        return found

    async def wider_than_the_screen(self) -> bool:
        """Whether the page would have to be scrolled sideways."""
        wider: bool = await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        return wider


@dataclass
class Viewers:
    """People in one browser program, each with cookies of their own."""

    sandbox: Sandbox
    browser: Browser

    @contextlib.asynccontextmanager
    async def client(self, agency: str, client: str, *permissions: str, **how: Any) -> AsyncIterator[Viewer]:
        async with self._viewer(**how) as viewer:
            await viewer.sign_in(Role.CLIENT, agency, client, *(permissions or (MANAGE_BILLING,)))
            yield viewer

    @contextlib.asynccontextmanager
    async def agency(self, agency: str, **how: Any) -> AsyncIterator[Viewer]:
        async with self._viewer(**how) as viewer:
            await viewer.sign_in(Role.AGENCY, agency)
            yield viewer

    @contextlib.asynccontextmanager
    async def _viewer(self, **how: Any) -> AsyncIterator[Viewer]:
        """In the end the browser must have complained of nothing, and asked nobody else for anything."""
        settings = {"viewport": _LAPTOP, "locale": "en-US", "timezone_id": "UTC", **how}
        context = await self.browser.new_context(**settings)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        viewer = Viewer(self.sandbox, context, await context.new_page())
        allowed = (self.sandbox.url("api"), self.sandbox.url("stripe"), self.sandbox.url("control"), "data:", "about:")

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                viewer.errors.append(f"{viewer.page.url}: {message.text}")

        def on_request(request: Request) -> None:
            if not request.url.startswith(allowed):
                viewer.errors.append(f"{viewer.page.url}: asked {request.url}")

        context.on("console", on_console)
        context.on("request", on_request)
        context.on("weberror", lambda error: viewer.errors.append(f"{viewer.page.url}: {error.error}"))
        yield viewer
        await context.close()
        assert viewer.errors == []
