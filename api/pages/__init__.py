"""The two web sections, server rendered: the client's billing pages and the agency's dashboard (docs/adr/0031).

They do only what the HTTP API takes: every page asks it, in this process, by its own routes.
"""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.pages import agency, assets, cookies, login, portal, rendering
from api.problems import Problem

ROUTERS: Final[tuple[APIRouter, ...]] = (assets.router, login.router, *portal.ROUTERS, *agency.ROUTERS)


_BESIDE: Final = frozenset({"", "login", "sandbox"})
"""Where a browser may come to outside of both sections; the last is the sandbox's alone."""


def is_page(request: Request) -> bool:
    """Whether a browser may have looked for a page under this address: outside of both sections, if it says so."""
    if rendering.start_of(request) is not None:
        return True
    return rendering.first_of(request) in _BESIDE and "text/html" in request.headers.get("accept", "")


async def refusal(request: Request, problem: Problem) -> Response:
    """A page for an address under the pages that none has."""
    await rendering.lay_bar(request)
    return rendering.guarded(rendering.refusal(request, problem), over_tls=cookies.over_tls(request))
