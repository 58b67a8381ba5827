"""Somebody who looks at the pages in a browser without scripts: opens addresses, reads, and sends forms."""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
from bs4 import BeautifulSoup, Tag

from api.tokens import MANAGE_BILLING, Role
from support.http import Site

_SPACE: Final = re.compile(r"\s+")


class Page:
    """What was answered. `text` is what a person reads, with single spaces."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.path = answer.url.raw_path.decode()
        self.html = BeautifulSoup(answer.text, "html.parser")

    @property
    def text(self) -> str:
        return words(self.html)

    @property
    def title(self) -> str:
        return words(self.one("h1"))

    def one(self, selector: str) -> Tag:
        """The one element that the selector finds."""
        found = self.html.select(selector)
        assert len(found) == 1, f"{len(found)} of {selector} in {self.text[:500]}"
        return found[0]

    def all(self, selector: str) -> list[str]:
        """The text of each element that the selector finds."""
        return [words(found) for found in self.html.select(selector)]

    def form(self, button: str) -> Tag:
        """The form that has this button."""
        found = [one for one in self.html.select("form") if button in [words(b) for b in one.select("button")]]
        assert found, f"no button {button!r} in {self.all('button')}"
        return found[0]

    def has_button(self, button: str) -> bool:
        return button in self.all("button")

    def link(self, text: str) -> str:
        """Where the first link of this text leads."""
        return next(str(one["href"]) for one in self.html.select("a") if words(one) == text)

    def wrong(self, field: str) -> str:
        """What is said beside a field that was refused."""
        shown = self.one(f"[name={field}]")
        assert shown["aria-invalid"] == "true"
        assert f"{field}-wrong" in str(shown["aria-describedby"]).split()
        return words(self.one(f"#{field}-wrong"))


class Browser:
    """One browser, which keeps its cookies."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def open(self, path: str, **how: Any) -> Page:
        return Page(await self.http.get(path, **how))

    async def press(self, page: Page, button: str, **fields: str) -> Page:
        """Send the form of this button as it stands on the page, with these fields filled in."""
        form = page.form(button)
        pressed = next(one for one in form.select("button") if words(one) == button)
        own = {str(pressed["name"]): str(pressed["value"])} if pressed.get("name") else {}
        sent = filled(form) | own | fields
        unknown = fields.keys() - {str(one["name"]) for one in form.select("[name]")}
        assert not unknown, f"the form has no {unknown}"
        action = str(form.get("action") or page.path)
        if form.get("method", "get") == "get":
            return Page(await self.http.get(action, params=sent))
        return Page(await self.http.post(action, data=sent))


@contextlib.asynccontextmanager
async def signed_in(site: Site, role: Role, agency: str, client: str = "", *permissions: str) -> AsyncIterator[Browser]:
    """A browser that the platform has handed over."""
    token = site.token(role, agency, client, *permissions)
    async with httpx.AsyncClient(base_url=site.base, follow_redirects=True, timeout=30.0) as http:
        # Where the hand-over leads first may refuse this person: that is the test's to look at.
        await http.get("/login", params={"token": token})
        yield Browser(http)


def as_agency(site: Site, agency: str) -> contextlib.AbstractAsyncContextManager[Browser]:
    return signed_in(site, Role.AGENCY, agency)


def as_client(site: Site, agency: str, client: str) -> contextlib.AbstractAsyncContextManager[Browser]:
    return signed_in(site, Role.CLIENT, agency, client, MANAGE_BILLING)


def filled(form: Tag) -> dict[str, str]:
    """What a form would send as it stands."""
    fields: dict[str, str] = {}
    for one in form.select("input[name], textarea[name], select[name]"):
        name = str(one["name"])
        if one.name == "select":
            options = one.select("option[selected]") or one.select("option")
            fields[name] = str(options[0].get("value", words(options[0]))) if options else ""
        elif one.get("type") in ("checkbox", "radio"):
            if one.has_attr("checked"):
                fields[name] = str(one.get("value", "on"))
        else:
            fields[name] = str(one.get("value", "")) if one.name == "input" else one.get_text()
    return fields


def words(element: Tag | BeautifulSoup) -> str:
    return _SPACE.sub(" ", element.get_text(" ")).strip()
