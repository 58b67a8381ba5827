"""The door of the sandbox's own routes: a form is taken from one of our own pages only, and a refusal is a page.

The control port behind them has no login, and a cookie's SameSite protects none of it: so it is looked at where a form
comes from. Here and on the control port, whatever comes by a name that is not this machine's is refused, so that no
other site's name can be made to lead here.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api import problems
from api.pages import rendering
from api.problems import Forbidden
from sandbox.web.links import own_path

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class SandboxRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                check_host(request)
                if request.method not in ("GET", "HEAD"):
                    check_origin(request)
                response = await handle(request)
            except Exception as error:
                response = rendering.refusal(request, problems.problem_of(error))
            return rendering.guarded(response)

        return answer


def sandbox_router(prefix: str = "") -> APIRouter:
    return APIRouter(prefix=f"/sandbox{prefix}", route_class=SandboxRoute, include_in_schema=False)


def check_host(request: Request) -> None:
    """Raises Forbidden for a name that is not this machine's: another site's page could read what is answered to it."""
    if urlsplit(f"//{request.headers.get('host', '')}").hostname not in _THIS_MACHINE:
        raise Forbidden("The sandbox is reached as 127.0.0.1 or localhost only.", code="foreign_host")


def check_origin(request: Request) -> None:
    """Raises Forbidden for what no page of ours has sent. A browser says where it comes from; what says nothing is no
    browser, and can ask the control port itself."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin", "null")
    site = request.headers.get("sec-fetch-site")
    own = urlsplit(origin).netloc == host if origin != "null" else site == "same-origin"
    if not own or site not in (None, "same-origin"):
        raise Forbidden("This form is not from a page of the sandbox.", code="csrf")


def here(request: Request) -> str:
    """The page's own address, to lead back to."""
    path = request.url.path
    return own_path(f"{path}?{request.url.query}" if request.url.query else path) or ""
