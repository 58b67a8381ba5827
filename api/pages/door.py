"""The door of every page: who is signed in, whose forms these are, and what a browser may do with the answer.

session (kindly said when it has ended) → role → CSRF token of a form → the page → headers. A refusal is a page, too.
"""

import base64
import json
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.postgres.agencies import Agency
from adapters.telemetry.context import bind
from api import problems
from api.pages import cookies, rendering
from api.pages.form import Form, is_sent, read_form
from api.pages.formats import Formats, formats_of
from api.pages.inside import UNDER_WAY, Inside, PassedOn, Refused
from api.pages.sessions import Signed, same_csrf, signed_in
from api.problems import Forbidden, Problem, Unauthenticated
from api.services import Services, of_request
from api.tenant import own_agency, own_client
from api.tokens import Caller, Role, Rows

_NO_BILLING: Final = frozenset({"permission_required", "billing_not_available"})
_SAID: Final = "said-"
_SAID_LASTS: Final = timedelta(minutes=1)
_SAID_CHARACTERS: Final = 400
_KINDS: Final = frozenset({"good", "bad", "info"})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


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
        return is_sent(self.request)

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
        return self._go(path, said, "bad" if bad else "good")

    def under_way(self, path: str, said: str = UNDER_WAY) -> Response:
        """On to the page that will show what came of a command that is not finished."""
        return self._go(path, said, "info")

    def refused(self, path: str, refused: Refused) -> Response:
        """On to another page after a command that was refused. Raises `refused` when nobody knows whether it was done:
        then the form has to come again."""
        if refused.unsettled:
            raise refused
        return self.under_way(path) if refused.under_way else self.go(path, refused.detail, bad=True)

    def _go(self, path: str, said: str, kind: str) -> Response:
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
        if said:
            told = {"kind": kind, "text": said[:_SAID_CHARACTERS]}
            value = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
            cookies.put(self.request, answer, _SAID + self.role, value, _SAID_LASTS)
        return answer

    def passed_on(self, path: str) -> Response:
        """What the API answers to a GET, passed on while it is sent; a refusal as a page."""
        return PassedOn(self.inside, path, lambda refused: _refusal(self.request, refused, self.role))

    def leave(self, url: str, where: str) -> Response:
        """On to a page that is not ours. Not by a redirect: a form's may lead only where the policy says beforehand,
        and an agency's pages at Stripe may have an address of its own."""
        return self.page("leaving.html", url=url, where=where)


async def _current(request: Request) -> Visit:
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
                    response = await _refusal(request, error, role)
                return rendering.guarded(response, over_tls=cookies.over_tls(request))

            return answer

    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)


async def _visit(request: Request, role: Role) -> Visit:
    services = of_request(request)
    signed = await signed_in(services, request, role)
    form = await read_form(request)
    if is_sent(request) and not same_csrf(signed, form.get("csrf", "")):
        raise Forbidden("This form is not from a page of yours, or you have signed in anew since.", code="csrf")
    bind(role=role, agency=signed.caller.agency, client=signed.caller.client)
    agency = await own_agency(services, signed.caller)
    looking = signed.caller if is_sent(request) else await _known(services, signed.caller, agency)
    return Visit(
        request=request,
        services=services,
        signed=signed,
        agency=agency,
        formats=formats_of(request, agency.timezone),
        form=form,
        inside=Inside(request, looking),
    )


async def _known(services: Services, caller: Caller, agency: Agency) -> Caller:
    """The caller with what each call of a page would read of them. Not for a form, whose command may change it."""
    client = await own_client(services, caller, caller.client) if caller.client else None
    return replace(caller, rows=Rows(agency, client))


async def _refusal(request: Request, error: Exception, role: Role) -> Response:
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
    under_way = isinstance(error, Refused) and error.under_way
    if is_sent(request) and (under_way or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        return rendering.again(request, await read_form(request), under_way=under_way)
    return rendering.refusal(request, problem)


def _said(visit: Visit) -> dict[str, str] | None:
    """What the command before has to tell, by a cookie of our own."""
    text = cookies.read(visit.request, _SAID + visit.role)
    try:
        said = json.loads(base64.urlsafe_b64decode(text)) if text else None
        return {"kind": str(said["kind"]), "text": str(said["text"])} if said and said["kind"] in _KINDS else None
    except (ValueError, TypeError, KeyError):
        return None
