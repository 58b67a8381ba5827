"""The control API: time, trouble, people outside the product, and a look into the books. On loopback, without login."""

from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.problems import InvalidFields, NotFound, Problem, on_error, response
from api.tokens import Caller, issue
from sandbox import bodies
from sandbox.ahead import next_event
from sandbox.bodies import rfc3339
from sandbox.check import check
from sandbox.clock import NotAtRest
from sandbox.emulator import EmulatorRefused
from sandbox.mailbox import mailbox
from sandbox.people import People
from sandbox.seed import TOKEN_LIFETIME
from sandbox.sight import client_seen
from sandbox.stack import PROCESSES, Sandbox
from sandbox.timeline import settled, timeline
from sandbox.web.door import check_host
from sandbox.web.everybody import everybody

Json = dict[str, Any]


class StillMoving(Problem):
    """`waited_for` stands in the detail: what was still under way when patience was over."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "not_at_rest"


def create_control(sandbox: Sandbox) -> FastAPI:
    """The application over a running sandbox."""
    app = FastAPI(title="Retainer sandbox", redirect_slashes=False, dependencies=[Depends(check_host)])
    _time(app, sandbox)
    _books(app, sandbox)
    _people(app, sandbox, People(sandbox))
    _trouble(app, sandbox)
    for router in everybody(sandbox):
        app.include_router(router)
    for refused in (Problem, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(refused, on_error)
    app.add_exception_handler(NotAtRest, _on_not_at_rest)
    app.add_exception_handler(EmulatorRefused, _on_refused)
    return app


def _time(app: FastAPI, sandbox: Sandbox) -> None:
    @app.get("/clock")
    async def clock(agency_id: str | None = None, client_id: str | None = None) -> Json:
        """The time, and what happens next by itself: to all, to an agency's clients, or to one client."""
        now = sandbox.machine.now()
        event = await next_event(sandbox.pool, now, agency_id, client_id)
        return {"now": rfc3339(now), "next": event.as_json() if event else None}

    @app.get("/bar")
    async def bar(agency_id: str | None = None, client_id: str | None = None) -> Json:
        """What the bar under a page shows, in one answer: the clock, and the client where the agency has such a one."""
        own = client_id if client_id and await _of_agency(sandbox, agency_id, client_id) else None
        seen = await client_seen(sandbox, own) if own else None
        return {"clock": await clock(agency_id, client_id), "client": seen}

    @app.post("/clock/advance")
    async def advance(call: bodies.Advance) -> Json:
        now = sandbox.machine.now()
        target = now + timedelta(days=call.days) if call.days else call.to
        assert target, "the call's own check: days or to"
        if target < now:
            raise InvalidFields(("to", f"is in the past: it is {rfc3339(now)} in the sandbox"))
        last = await settled(sandbox.pool)
        journey = await sandbox.machine.advance(target.astimezone(UTC))
        facts = await timeline(sandbox.pool, after=last)
        return {
            "now": rfc3339(journey.now),
            "steps": journey.steps,
            "moved": journey.moved,
            "facts": [entry.as_json() for entry in facts],
        }


def _books(app: FastAPI, sandbox: Sandbox) -> None:
    @app.get("/check")
    async def invariants() -> Json:
        await sandbox.machine.rest()
        report = await check(sandbox)
        return report.as_json()

    @app.get("/timeline")
    async def story(client_id: str | None = None, after: int = 0) -> Json:
        await _known(sandbox, client_id)
        return {"data": [entry.as_json() for entry in await timeline(sandbox.pool, client_id, after=after)]}

    @app.get("/clients")
    async def clients() -> Json:
        rows = await sandbox.pool.fetch(
            """
            SELECT clients.id, clients.name, clients.external_id, agencies.id AS agency_id, agencies.name AS agency,
                   agencies.timezone AS zone
            FROM clients JOIN agencies ON agencies.id = clients.agency_id ORDER BY clients.created_at, clients.id
            """
        )
        return {"data": [dict(row) for row in rows]}

    @app.get("/clients/{client_id}")
    async def client(client_id: str) -> Json:
        return await client_seen(sandbox, client_id)

    @app.get("/books")
    async def books() -> Json:
        found: Json = await sandbox.emulator.ask("books")
        return found

    @app.get("/pids")
    async def pids() -> Json:
        running = sandbox.supervisor.pids()
        return {name: running[name] for name in PROCESSES}

    @app.post("/tokens")
    async def tokens(call: bodies.MakeToken) -> Json:
        caller = Caller(call.role, "sandbox", call.agency_id or "", call.client_id or "", frozenset(call.permissions))
        return {"token": issue(sandbox.settings, caller, TOKEN_LIFETIME)}

    @app.get("/mail")
    async def mail(client_id: str | None = None) -> Json:
        await _known(sandbox, client_id)
        return {"data": await mailbox(sandbox, client_id)}


async def _of_agency(sandbox: Sandbox, agency: str | None, client: str) -> bool:
    own = "SELECT EXISTS (SELECT FROM clients WHERE (agency_id, id) = ($1, $2))"
    return bool(await sandbox.pool.fetchval(own, agency, client))


async def _known(sandbox: Sandbox, client_id: str | None) -> None:
    known = "SELECT 1 FROM clients WHERE id = $1"
    if client_id is not None and not await sandbox.pool.fetchval(known, client_id):
        raise NotFound("There is no such client.")


def _people(app: FastAPI, sandbox: Sandbox, people: People) -> None:
    @app.post("/cards")
    async def type_card(call: bodies.TypeCard) -> Json:
        last = await settled(sandbox.pool)
        said = await people.type_card(call)
        if call.rest:
            await sandbox.machine.rest()
            said["facts"] = [entry.as_json() for entry in await timeline(sandbox.pool, after=last)]
        return said

    @app.post("/cards/behaviour")
    async def behaviour(call: bodies.CardBehaviour) -> Json:
        return await people.set_behaviour(call)

    @app.post("/bank")
    async def bank(call: bodies.BankAnswer) -> Json:
        last = await settled(sandbox.pool)
        said = await people.at_the_bank(call)
        await sandbox.machine.rest()
        return {**said, "facts": [entry.as_json() for entry in await timeline(sandbox.pool, after=last)]}

    @app.post("/hosted-invoices")
    async def hosted(call: bodies.HostedInvoice) -> Json:
        return await people.on_hosted_page(call)

    @app.post("/dashboard")
    async def dashboard(call: bodies.Dashboard) -> Json:
        return await people.in_dashboard(call)

    @app.post("/accounts")
    async def account(call: bodies.AccountAct) -> Json:
        return await people.at_stripe(call)


def _trouble(app: FastAPI, sandbox: Sandbox) -> None:
    @app.post("/webhooks")
    async def webhooks(call: bodies.Webhooks) -> Json:
        said: Json = await sandbox.emulator.tell("webhooks", call.model_dump(exclude_none=True))
        return said

    @app.post("/faults")
    async def fault(call: bodies.Fault) -> Json:
        body = call.model_dump()
        said: Json = await sandbox.emulator.tell("faults", {k: v for k, v in body.items() if k != "seconds" or v})
        return said

    @app.delete("/faults")
    async def no_faults() -> Json:
        await sandbox.emulator.clear_faults()
        return {"faults": []}

    @app.post("/kill")
    async def kill(call: bodies.Kill) -> Json:
        return {"process": call.process, "pid": sandbox.supervisor.kill(call.process)}


async def _on_not_at_rest(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAtRest)
    return response(StillMoving(f"Still waiting for: {'; '.join(error.waited_for)}"))


async def _on_refused(request: Request, error: Exception) -> Response:
    return response(InvalidFields(("body", str(error)), code="refused"))
