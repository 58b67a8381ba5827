"""Plans: what the agency sells, the versions of each, and the end of its sale (billing-rules 2)."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from api.pages.agency import choices
from api.pages.agency.door import API, dashboard_router, show
from api.pages.agency.plan_form import NAMES, new_plan, plan_entry, read_plan
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused

router = dashboard_router("/plans")
_HERE: Final = "/agency/plans"
_ROWS: Final = 25


@router.get("")
async def list_plans(visit: Visiting, cursor: str | None = None) -> Response:
    plans = await visit.inside.get(f"{API}/plans", limit=_ROWS, cursor=cursor)
    return await show(visit, "plans/list.html", plans=plans, cursor=cursor)


@router.get("/new")
async def new(visit: Visiting) -> Response:
    return await _form(visit, new_plan(visit))


@router.post("/new")
async def create(visit: Visiting) -> Response:
    typed, body = read_plan(visit.form)
    if typed.errors:
        return await _form(visit, typed.refused())
    try:
        made = await visit.inside.send("POST", f"{API}/plans", body, key=visit.key)
    except Refused as refused:
        return await _form(visit, refused_entry(visit.form, refused, NAMES))
    return visit.go(f"{_HERE}/{made['id']}", f"{made['name']} is ready to be assigned to clients.")


@router.get("/{plan_id}")
async def read(visit: Visiting, plan_id: str, cursor: str | None = None) -> Response:
    plan, versions = await asyncio.gather(
        visit.inside.get(f"{API}/plans/{plan_id}"),
        visit.inside.get(f"{API}/plans/{plan_id}/versions", limit=_ROWS, cursor=cursor),
    )
    return await show(visit, "plans/plan.html", plan=plan, versions=versions, cursor=cursor)


@router.get("/{plan_id}/edit")
async def edit(visit: Visiting, plan_id: str) -> Response:
    plan = await visit.inside.get(f"{API}/plans/{plan_id}")
    return await _form(visit, plan_entry(plan), plan)


@router.post("/{plan_id}/edit")
async def add_version(visit: Visiting, plan_id: str) -> Response:
    plan = await visit.inside.get(f"{API}/plans/{plan_id}")
    typed, body = read_plan(visit.form)
    if typed.errors:
        return await _form(visit, typed.refused(), plan)
    try:
        made = await visit.inside.send("POST", f"{API}/plans/{plan_id}/versions", body, key=visit.key)
    except Refused as refused:
        return await _form(visit, refused_entry(visit.form, refused, NAMES), plan)
    return visit.go(
        f"{_HERE}/{plan_id}", f"Version {made['version']} is what is sold from now on. Clients who have it keep theirs."
    )


@router.get("/{plan_id}/archive")
async def ask_to_archive(visit: Visiting, plan_id: str) -> Response:
    return await show(visit, "plans/archive.html", plan=await visit.inside.get(f"{API}/plans/{plan_id}"))


@router.post("/{plan_id}/archive")
async def archive(visit: Visiting, plan_id: str) -> Response:
    here = f"{_HERE}/{plan_id}"
    try:
        plan = await visit.inside.send("POST", f"{API}/plans/{plan_id}/archive", key=visit.key)
    except Refused as refused:
        if refused.status is HTTPStatus.NOT_FOUND:
            raise
        return visit.refused(here, refused)
    return visit.go(here, f"{plan['name']} is archived. Clients who have it keep it.")


async def _form(visit: Visit, entry: Entry, plan: Json | None = None) -> Response:
    """The form of a new plan, or of a `plan`'s next version."""
    return await show(
        visit,
        "plans/form.html",
        entry.status,
        entry=entry,
        plan=plan,
        currencies=choices.currencies(),
        increments=choices.INCREMENTS,
    )
