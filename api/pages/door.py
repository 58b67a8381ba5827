"""The door of every page: who is signed in, whose forms these are, and what a browser may do with the answer.

session (kindly said when it has ended) → role → CSRF token of a form → the page → headers. A refusal is a page, too.
"""

import base64
import json
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.postgres.agencies import Agency
from adapters.telemetry.context import bind
from api import problems
from api.guard import limited_body, media_type_of
from api.pages import cookies, rendering
from api.pages.formats import Formats, formats_of
from api.pages.inside import Inside, Refused
from api.pages.sessions import Signed, same_csrf, signed_in
from api.problems import Forbidden, Problem, Unauthenticated, UnsupportedMediaType
from api.services import Services, of_request
from api.tenant import own_agency
from api.tokens import Role

FORM: Final = "application/x-www-form-urlencoded"
FORM_LIMIT: Final = 64 * 1024
_MOST_FIELDS: Final = 500
_NO_BILLING: Final = frozenset({"permission_required", "billing_not_available"})
_SAID: Final = "said-"
_SAID_LASTS: Final = timedelta(minutes=1)
_SAID_CHARACTERS: Final = 400
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Form(Mapping[str, str]):
    """The fields of a form that was sent, trimmed; of a name that comes more than once `all` gives each."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = [(name, value.strip()) for name, value in fields]
        self._last = dict(self._fields)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def all(self, name: str) -> list[str]:
        return [value for given, value in self._fields if given == name]


@dataclass(frozen=True)
class Visit:
    """One request for a page, by somebody who is signed in."""

    request: Request
    services: Services
    signed: Signed
    agency: Agency
    formats: Formats
    form: Form
    """Empty for a page that is only read."""
    inside: Inside
    """The API, as this person may use it."""

    @property
    def role(self) -> Role:
        return self.signed.caller.role

    @property
    def sent(self) -> bool:
        """Whether this is a form that was sent, and not only a page that is asked for."""
        return self.request.method == "POST"

    @property
    def key(self) -> str:
        """The form's own key: a form that is sent twice is one command (http-api.md, `Idempotency-Key`)."""
        return self.form.get("key", "") or self.new_key()

    def new_key(self) -> str:
        """For a form of this page."""
        return secrets.token_urlsafe(16)

    def page(self, template: str, status: int = HTTPStatus.OK, **shown: object) -> Response:
        """The page of a template, which knows the visit and what is `shown`."""
        answer = rendering.page(self.request, template, status, visit=self, said=_said(self), **shown)
        cookies.drop(self.request, answer, _SAID + self.role)
        return answer

    def go(self, path: str, said: str = "", *, bad: bool = False) -> Response:
        """On to another page after a command; that page tells first what was `said`."""
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
        if said:
            told = {"kind": "bad" if bad else "good", "text": said[:_SAID_CHARACTERS]}
            value = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
            cookies.put(self.request, answer, _SAID + self.role, value, _SAID_LASTS)
        return answer

    def leave(self, url: str, where: str) -> Response:
        """On to a page that is not ours. Not by a redirect: a form's may lead only where the policy says beforehand,
        and an agency's pages at Stripe may have an address of its own."""
        return self.page("leaving.html", url=url, where=where)


def _current(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


Visiting = Annotated[Visit, Depends(_current)]
"""A route's parameter: who looks, and with what."""


def page_router(role: Role, prefix: str) -> APIRouter:
    """Pages for those who are signed in with `role`; not in the document, which is of the API."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    request.state.visit = await _visit(request, role)
                    await rendering.lay_bar(request)
                    response = await handle(request)
                except Exception as error:
                    await rendering.lay_bar(request)
                    response = _refusal(request, error, role)
                return rendering.guarded(response, over_tls=cookies.over_tls(request))

            return answer

    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)


async def _visit(request: Request, role: Role) -> Visit:
    services = of_request(request)
    signed = await signed_in(services, request, role)
    bind(role=role, agency=signed.caller.agency, client=signed.caller.client)
    agency = await own_agency(services, signed.caller)
    return Visit(
        request=request,
        services=services,
        signed=signed,
        agency=agency,
        formats=formats_of(request, agency.timezone),
        form=await _form(request, signed),
        inside=Inside(request, signed.caller),
    )


async def _form(request: Request, signed: Signed) -> Form:
    """Raises Forbidden for a form that is not from a page of this session."""
    if request.method in ("GET", "HEAD"):
        return Form()
    if media_type_of(request) != FORM:
        raise UnsupportedMediaType("A form is expected.")
    text = (await limited_body(request, FORM_LIMIT)).decode("utf-8", "replace")
    try:
        form = Form(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise problems.Unreadable("The form has too many fields.") from error
    if not same_csrf(signed, form.get("csrf", "")):
        raise Forbidden("This form is not from a page of yours, or you have signed in anew since.", code="csrf")
    return form


def _refusal(request: Request, error: Exception, role: Role) -> Response:
    """A page that says what is the matter: never a bare code, and what can be done."""
    if isinstance(error, Refused):
        problem = Problem(error.detail, code=error.code)
        problem.status = error.status
    else:
        problem = problems.problem_of(error)
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit and visit.role is Role.CLIENT and problem.code in _NO_BILLING:
        return visit.page("portal/no_billing.html", problem.status, sections=(), code=problem.code)
    if isinstance(problem, Unauthenticated):
        return rendering.signed_out(request, role)
    return rendering.refusal(request, problem, visit)


def _said(visit: Visit) -> dict[str, str] | None:
    """What the command before has to tell, by a cookie of our own."""
    text = cookies.read(visit.request, _SAID + visit.role)
    try:
        said = json.loads(base64.urlsafe_b64decode(text)) if text else None
        return {"kind": str(said["kind"]), "text": str(said["text"])} if said else None
    except (ValueError, TypeError, KeyError):
        return None
