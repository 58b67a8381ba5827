"""What the bar's buttons do: each passes on to the control port, and leads back to the page that it was pressed on."""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.pages.form import Form, read_form
from api.problems import NotFound
from billing.periods import boundary
from sandbox.bodies import rfc3339
from sandbox.web import rendering
from sandbox.web.asking import Control, InVain, Json, Whom
from sandbox.web.choices import BEHAVIOURS
from sandbox.web.door import sandbox_router
from sandbox.web.errands import COOKIE, PATIENCE_SECONDS, Errand, Errands, News
from sandbox.web.links import own_path

_COOKIE_SECONDS: Final = 300


def router(control: Control, errands: Errands) -> APIRouter:
    routes = sandbox_router()

    async def sent(doing: Coroutine[Any, Any, News], form: Form) -> Response:
        errand = errands.begin(doing, own_path(form.get("back", "")) or control.base)
        if await errand.waited(PATIENCE_SECONDS):
            return _back(errand)
        return RedirectResponse(f"/sandbox/errands/{errand.id}", HTTPStatus.SEE_OTHER)

    @routes.post("/advance")
    async def advance(request: Request) -> Response:
        form = await read_form(request)
        return await sent(_advanced(control, form, request), form)

    @routes.post("/card")
    async def card(request: Request) -> Response:
        form = await read_form(request)
        return await sent(_typed(control, form), form)

    @routes.post("/behaviour")
    async def behaviour(request: Request) -> Response:
        form = await read_form(request)
        return await sent(_behaves(control, form), form)

    @routes.post("/bank")
    async def bank(request: Request) -> Response:
        form = await read_form(request)
        return await sent(_answered(control, form), form)

    @routes.get("/errands/{id}")
    async def at_work(id: str, request: Request) -> Response:
        """Where a browser waits: it looks again by itself until all is done."""
        errand = errands.find(id)
        if errand is None:
            raise NotFound("The sandbox was restarted meanwhile: nothing is being waited for any more.")
        if errand.task.done():
            return _back(errand)
        try:
            now = (await control.look("/clock"))["now"]
        except InVain:
            now = None
        shown = now and rendering.moment(request, now)
        return rendering.page("at_work.html", now=shown, bar=None)

    return routes


def _back(errand: Errand) -> Response:
    """To the page where it was asked for, which tells what came of it."""
    answer = RedirectResponse(errand.back, HTTPStatus.SEE_OTHER)
    answer.set_cookie(COOKIE, errand.id, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax")
    return answer


async def _advanced(control: Control, form: Form, request: Request) -> News:
    whom, given = _whom(form), form.get("zone")
    zone = given if given in available_timezones() else None
    clock = await control.look("/clock", **whom.query)
    done = await control.ask("/clock/advance", _journey(form.get("by", ""), clock, zone or rendering.UTC))
    title = f"It is {rendering.moment(request, done['now'], zone)} now"
    told = [fact for fact in done["facts"] if whom.is_about(fact)]
    return News(f"{title}." if told else f"{title}. Nothing happened here meanwhile.", facts=tuple(told))


def _journey(by: str, clock: Json, zone: str) -> Json:
    """What the time machine is asked for. Raises InVain."""
    match by:
        case "day":
            return {"days": 1}
        case "month":
            return {"to": rfc3339(boundary(datetime.fromisoformat(clock["now"]), zone, 1))}
        case "event" if clock["next"]:
            return {"to": rfc3339(datetime.fromisoformat(clock["next"]["at"]) + timedelta(seconds=1))}
        case _:
            raise InVain("Nothing is to come by itself: there is no event to move to.")


async def _typed(control: Control, form: Form) -> News:
    whom = _whom(form)
    done = await control.ask("/cards", {"client_id": whom.client, "number": form.get("number", ""), "rest": True})
    if done["status"] == "refused":
        return News(f"Stripe's page refused the card: {done['reason']}", bad=True)
    return News("The card is on file.", facts=tuple(fact for fact in done["facts"] if whom.is_about(fact)))


async def _behaves(control: Control, form: Form) -> News:
    behaviour = form.get("behaviour", "")
    await control.ask("/cards/behaviour", {"client_id": form.get("client", ""), "behaviour": behaviour})
    return News(f"From now on the card on file {dict(BEHAVIOURS).get(behaviour, behaviour)}. No time has passed.")


async def _answered(control: Control, form: Form) -> News:
    whom = _whom(form)
    done = await control.ask("/bank", {"client_id": whom.client, "outcome": form.get("outcome", "")})
    return News("The bank has answered.", facts=tuple(fact for fact in done["facts"] if whom.is_about(fact)))


def _whom(form: Form) -> Whom:
    return Whom(form.get("agency") or None, form.get("client") or None)
