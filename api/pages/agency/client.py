"""A client's own pages: how it stands and what will happen, its invoices, what would follow, and its history."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.responses import Response

from api.pages.agency import coming, debts, expected, messages, trail
from api.pages.agency.door import API, dashboard_router, show
from api.pages.agency.lookups import can_charge, client_of
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused
from api.pages.typed import Typed

router = dashboard_router("/clients/{client_id}")
_INVOICES: Final = 10
"""A page of invoices, each of which is asked for with its attempts."""
_LINES: Final = 25
_MONTHS: Final = 12
_FORECAST_NAMES: Final = {"minutes": ["minutes_per_month"], "fails": ["card"]}
ForecastField = Annotated[str, Query(max_length=40)]


@router.get("")
async def overview(visit: Visiting, client_id: str) -> Response:
    client, subscription = await client_of(visit, client_id)
    owed = await visit.inside.get(f"{_of(client_id)}/debts")
    schedule = await _schedule(visit, client_id) if subscription else []
    return await show(
        visit,
        "clients/overview.html",
        client=client,
        subscription=subscription,
        charges=await can_charge(visit),
        owed=debts.told(visit.formats, owed, client, subscription),
        coming=coming.told(visit.formats, schedule, client, subscription),
    )


@router.get("/invoices")
async def invoices(visit: Visiting, client_id: str, cursor: str | None = None) -> Response:
    client, page = await asyncio.gather(
        visit.inside.get(_of(client_id)),
        visit.inside.get(f"{_of(client_id)}/invoices", limit=_INVOICES, cursor=cursor),
    )
    whole = await asyncio.gather(*(visit.inside.get(f"{API}/invoices/{one['id']}") for one in page["data"]))
    tried = [messages.tried(visit.formats, one) for one in whole]
    return await show(
        visit, "clients/invoices.html", client=client, invoices=tried, next=page["next_cursor"], cursor=cursor
    )


@router.get("/forecast")
async def forecast(visit: Visiting, client_id: str, minutes: ForecastField = "", fails: ForecastField = "") -> Response:
    """`minutes` a month, as so far unless given; `fails`: the day from which the card declines."""
    client, subscription = await client_of(visit, client_id)
    entry, drawn, standstill = Entry({"minutes": minutes.strip(), "fails": fails.strip()}), None, None
    if subscription:
        entry, found = await _forecast(visit, client_id, entry)
        drawn = expected.drawn(visit.formats, found) if found else None
        standstill = coming.standstill(visit.formats, await _schedule(visit, client_id))
    return await show(
        visit,
        "clients/forecast.html",
        entry.status,
        client=client,
        subscription=subscription,
        entry=entry,
        forecast=drawn,
        standstill=standstill,
    )


@router.get("/history")
async def history(visit: Visiting, client_id: str, cursor: str | None = None) -> Response:
    client, page = await asyncio.gather(
        visit.inside.get(_of(client_id)),
        visit.inside.get(f"{API}/audit", client_id=client_id, limit=_LINES, cursor=cursor),
    )
    lines = [trail.line(visit.formats, entry) for entry in page["data"]]
    return await show(
        visit, "clients/history.html", client=client, lines=lines, next=page["next_cursor"], cursor=cursor
    )


async def _schedule(visit: Visit, client_id: str) -> list[Json]:
    found: list[Json] = (await visit.inside.get(f"{_of(client_id)}/subscription/schedule"))["data"]
    return found


async def _forecast(visit: Visit, client_id: str, entry: Entry) -> tuple[Entry, Json | None]:
    """What the API foresees; none, and what is wrong, for figures that it refuses."""
    typed = Typed(entry.values)
    asked: dict[str, Any] = {"months": _MONTHS, "minutes_per_month": typed.whole("minutes")}
    if fails := typed.text("fails"):
        try:
            asked["card"] = f"fails_on:{date.fromisoformat(fails)}"
        except ValueError:
            typed.errors["fails"] = "Please give a day, such as 2027-01-31."
    if typed.errors:
        return typed.refused(), None
    try:
        return entry, await visit.inside.get(f"{_of(client_id)}/subscription/forecast", **asked)
    except Refused as refused:
        return refused_entry(entry.values, refused, _FORECAST_NAMES), None


def _of(client_id: str) -> str:
    return f"{API}/clients/{client_id}"
