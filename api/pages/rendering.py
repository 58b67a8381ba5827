"""Templates into answers, under a policy that lets a page use nothing but itself (ADR 31)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.pages import assets, cards, charts
from api.pages.form import Form
from api.pages.inside import UNSETTLED
from api.pages.upcoming import next_invoice
from api.problems import Problem
from api.services import of_request
from api.tokens import Role

TEMPLATES: Final = Environment(
    loader=PackageLoader("api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.globals |= {"asset": assets.address, "cards": cards, "charts": charts, "next_invoice": next_invoice}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_OVER_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}
"""Of this host alone: those beside it are somebody else's."""
_TITLES: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.FORBIDDEN: "This is not open to you",
    HTTPStatus.METHOD_NOT_ALLOWED: "There is nothing to see here",
    HTTPStatus.CONFLICT: "That is not possible just now",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
    HTTPStatus.TOO_MANY_REQUESTS: "Not just now",
}


_OTHER_WAY: Final = "This address can't be opened like this."
"""What people are told of a method."""
_SECTIONS: Final = frozenset({"agency", "portal"})


@dataclass(frozen=True)
class PageBar:
    """What lies under a page, as HTML: `head` belongs into the document's head, `body` ends its body."""

    head: str
    body: str


BarOf = Callable[[Request], Awaitable[PageBar | None]]
"""`app.state.page_bar`: what lies under the page of a request, which may have a visit (`request.state.visit`). The
sandbox has one (`create_app`'s `extend`); in production there is none."""


async def lay_bar(request: Request) -> None:
    """Ask for the bar under this request's page, once: by whoever makes a page, before it is made."""
    ask: BarOf | None = getattr(request.app.state, "page_bar", None)
    if ask and not hasattr(request.state, "bar"):
        request.state.bar = None
        request.state.bar = await ask(request)


def page(request: Request, template: str, status: int = HTTPStatus.OK, **shown: Any) -> Response:
    """The page of a template, over the bar that was laid."""
    bar: PageBar | None = getattr(request.state, "bar", None)
    return HTMLResponse(TEMPLATES.get_template(template).render(request=request, bar=bar, **shown), status)


def guarded(response: Response, *, over_tls: bool = False) -> Response:
    """With the headers of every page: what the page itself set stays."""
    for name, value in (_HEADERS | (_OVER_TLS if over_tls else {})).items():
        response.headers.setdefault(name, value)
    return response


def signed_out(request: Request, role: Role | None, *, why: str = "", asked: bool = False) -> Response:
    """Where somebody stands whose session has ended, or never began: with the way back in. `asked`: who ended it."""
    status = HTTPStatus.OK if asked else HTTPStatus.UNAUTHORIZED
    sign_in = of_request(request).settings.sign_in_url
    return page(request, "signed_out.html", status, role=role, sign_in_url=sign_in, why=why, asked=asked)


def refusal(request: Request, problem: Problem) -> Response:
    """A page that says what is the matter, and leads back to the section's start."""
    title = _TITLES.get(problem.status, "That did not work")
    why = _OTHER_WAY if problem.status is HTTPStatus.METHOD_NOT_ALLOWED else problem.detail
    answer = page(request, "refusal.html", problem.status, title=title, why=why, start=start_of(request))
    kept = ("Retry-After", "Allow")
    answer.headers.update({name: value for name, value in problem.headers.items() if name in kept})
    return answer


def again(request: Request, form: Form, *, under_way: bool) -> Response:
    """The form that was sent, as it was and under its own key, for whoever does not know what came of it: it is being
    carried out, or nobody could say whether it was."""
    status = HTTPStatus.ACCEPTED if under_way else HTTPStatus.SERVICE_UNAVAILABLE
    return page(request, "again.html", status, form=form, under_way=under_way, why=UNSETTLED, start=start_of(request))


def start_of(request: Request) -> str | None:
    """The first page of the section that the address is in; none outside of both."""
    section = first_of(request)
    return f"/{section}" if section in _SECTIONS else None


def first_of(request: Request) -> str:
    """The first part of the address; empty for the root."""
    return request.url.path.split("/")[1]
