"""The bar under every page of the product: the sandbox's time and how to move it, a client's card, and where to look.

`extension` puts it into the API's process (`api.app.create_app`); production never imports this.
"""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request

from api.pages.rendering import PageBar
from api.tokens import Role
from billing.money import show
from sandbox.web import door, errands, links, mails, rendering, routes
from sandbox.web.asking import Control, InVain, Json, whom
from sandbox.web.choices import BEHAVIOURS, CARDS
from sandbox.web.errands import Errands, News

FACTS_SHOWN: Final = 8
"""The others are counted."""


def extension(control: str) -> Callable[[FastAPI], None]:
    """For the API's application: the bar, and the routes behind it. `control` is the control port's address."""

    def extend(app: FastAPI) -> None:
        asked, known = Control(control), Errands()
        bar = _Bar(asked, known)
        app.state.page_bar = bar.under
        for router in (rendering.router, routes.router(asked, known), mails.router(asked)):
            app.include_router(router)

    return extend


class _Bar:
    def __init__(self, control: Control, known: Errands) -> None:
        self._control = control
        self._errands = known

    async def under(self, request: Request) -> PageBar | None:
        """None where a script only brings parts of a page up to date."""
        if request.headers.get("sec-fetch-dest") == "empty":
            return None
        head = f'<link rel="stylesheet" href="{rendering.address("bar.css")}">'
        head += f'<script src="{rendering.address("bar.js")}" defer></script>'
        return PageBar(head, rendering.html("bar.html", **await self._shown(request)))

    async def _shown(self, request: Request) -> Json:
        of = whom(request)
        try:
            seen = await self._control.look("/bar", **of.query)
            clock, client, trouble = seen["clock"], seen["client"], ""
        except InVain as said:
            clock, client, trouble = None, None, str(said)
        visit = getattr(request.state, "visit", None)
        zone = visit.agency.timezone if visit else None
        news = self._errands.news(request.cookies.get(errands.COOKIE, "")) if request.method == "GET" else None
        return {
            "trouble": trouble,
            "clock": clock,
            "client": client,
            "whom": of,
            "back": door.here(request),
            "moment": lambda at: rendering.moment(request, at, zone),
            "zone": zone,
            "told": _told(news) if news else None,
            "behaviours": BEHAVIOURS,
            "cards": CARDS,
            "everybody": self._control.base,
            "other_view": _other_view(self._control.base, visit, client),
        }


def _told(news: News) -> Json:
    """The first of its facts, each with its amount in words."""
    lines = [
        {**fact, "amount": show(fact["amount"]["amount"], fact["amount"]["currency"]) if fact["amount"] else ""}
        for fact in news.facts[:FACTS_SHOWN]
    ]
    return {"title": news.title, "bad": news.bad, "facts": lines, "more": len(news.facts) - len(lines)}


def _other_view(control: str, visit: Any, client: Json | None) -> tuple[str, str] | None:
    """(link, words): from a client's pages to its agency's, and from an agency's page of a client to that client's."""
    if visit is None:
        return None
    if visit.role is Role.CLIENT:
        return links.log_in(control, Role.AGENCY, visit.agency.id), f"As {visit.agency.name}: the dashboard"
    if client is None:
        return None
    return links.log_in(control, Role.CLIENT, client["id"]), f"As {client['name']}: the billing page"
