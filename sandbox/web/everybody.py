"""The control port's own page: who is in the sandbox, and a link to log in as each of them."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.pages import assets
from api.problems import NotFound
from api.tokens import MANAGE_BILLING, Caller, Role, issue
from sandbox.bodies import rfc3339
from sandbox.stack import Sandbox
from sandbox.web import rendering
from sandbox.web.door import SandboxRoute

HAND_OVER: Final = timedelta(minutes=1)
"""How long the token in a link signs in; each click makes another."""
_SHOWN: Final = 100
"""Clients of one agency that the page lists."""
_AGENCIES: Final = "SELECT id, name, timezone FROM agencies ORDER BY created_at, id LIMIT $1"
_CLIENTS: Final = """
    SELECT id, name, agency_id, count FROM (
        SELECT id, name, agency_id, row_number() OVER own AS number, count(*) OVER (PARTITION BY agency_id) AS count
        FROM clients WINDOW own AS (PARTITION BY agency_id ORDER BY created_at, id)
    ) AS numbered WHERE number <= $1 ORDER BY agency_id, number
"""


def everybody(sandbox: Sandbox) -> Sequence[APIRouter]:
    """The routes, with what their page is dressed in."""
    router = APIRouter(route_class=SandboxRoute, include_in_schema=False)

    @router.get("/")
    async def page(request: Request) -> Response:
        agencies = await sandbox.pool.fetch(_AGENCIES, _SHOWN)
        clients = await sandbox.pool.fetch(_CLIENTS, _SHOWN)
        shown = [
            {**agency, "clients": [one for one in clients if one["agency_id"] == agency["id"]]} for agency in agencies
        ]
        now = rendering.moment(request, rfc3339(sandbox.machine.now()))
        return rendering.page("everybody.html", agencies=shown, now=now, bar=None)

    @router.get("/login/agency/{agency_id}")
    async def as_agency(agency_id: str) -> Response:
        await _one(sandbox, "SELECT id FROM agencies WHERE id = $1", agency_id)
        return _log_in(sandbox, Caller(Role.AGENCY, "sandbox", agency_id))

    @router.get("/login/client/{client_id}")
    async def as_client(client_id: str) -> Response:
        found = await _one(sandbox, "SELECT agency_id FROM clients WHERE id = $1", client_id)
        return _log_in(
            sandbox, Caller(Role.CLIENT, "sandbox", found["agency_id"], client_id, frozenset({MANAGE_BILLING}))
        )

    return router, rendering.router, assets.router


async def _one(sandbox: Sandbox, query: str, id: str) -> Any:
    found = await sandbox.pool.fetchrow(query, id) if id.isprintable() else None
    if found is None:
        raise NotFound("There is nobody with this id in the sandbox.")
    return found


def _log_in(sandbox: Sandbox, caller: Caller) -> Response:
    token = issue(sandbox.settings, caller, HAND_OVER)
    answer = RedirectResponse(f"{sandbox.url('api')}/login?token={token}", HTTPStatus.SEE_OTHER)
    answer.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return answer
