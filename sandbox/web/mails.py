"""Caught mail as people read it, newest first. A mail's HTML is shown in a frame that can do nothing to the page."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.pages.rendering import lay_bar
from api.problems import NotFound, TemporarilyUnavailable
from sandbox.web import rendering
from sandbox.web.asking import Control, InVain, Json
from sandbox.web.door import sandbox_router
from sandbox.web.links import own_path

_A_PAGE: Final = 25
_FRAMED: Final = (
    "default-src 'none'; frame-src 'self'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_WITHIN: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
"""Of a mail's own document: its styles, and links that open beside it."""


def router(control: Control) -> APIRouter:
    routes = sandbox_router("/mail")

    @routes.get("")
    async def mails(request: Request, client_id: str | None = None, back: str = "", page: int = 1) -> Response:
        """All that was caught, or what one client was sent."""
        await lay_bar(request)
        found = await _caught(control, client_id)
        first = max(page - 1, 0) * _A_PAGE
        return rendering.page(
            "mails.html",
            mails=[_shown(request, mail) for mail in found[first : first + _A_PAGE]],
            client_id=client_id,
            back=own_path(back),
            older=page + 1 if len(found) > first + _A_PAGE else None,
            newer=page - 1 if first else None,
            bar=request.state.bar,
        )

    @routes.get("/{id}")
    async def mail(request: Request, id: str) -> Response:
        await lay_bar(request)
        shown = _shown(request, await _mail(control, id))
        answer = rendering.page("mail.html", mail=shown, bar=request.state.bar)
        answer.headers["Content-Security-Policy"] = _FRAMED
        return answer

    @routes.get("/{id}/html")
    async def framed(id: str) -> Response:
        """A mail's HTML as its own document, whose links open in a new tab."""
        html = (await _mail(control, id))["html"]
        return HTMLResponse('<base target="_blank">' + html, headers={"Content-Security-Policy": _WITHIN})

    return routes


async def _caught(control: Control, client: str | None) -> list[Json]:
    """The newest first. Raises NotFound, TemporarilyUnavailable."""
    try:
        found: list[Json] = (await control.look("/mail", **({"client_id": client} if client else {})))["data"]
    except InVain as said:
        raise TemporarilyUnavailable(str(said)) from said
    return found[::-1]


async def _mail(control: Control, id: str) -> Json:
    found = next((mail for mail in await _caught(control, None) if mail["id"] == id), None)
    if found is None:
        raise NotFound("There is no such mail.")
    return found


def _shown(request: Request, mail: Json) -> Json:
    return {**mail, "when": rendering.moment(request, mail["at"])}
