"""The retry policy: what follows a failed payment, and bringing ladders that run already to it (billing-rules 6)."""

import asyncio
import json
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from api.pages.agency.door import show
from api.pages.agency.lookups import client_names
from api.pages.agency.settings.door import HERE, SETTINGS, naming, settings_router, wholes
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused
from api.pages.typed import Typed

router = settings_router("/retries")
_HERE: Final = f"{HERE}/retries"
_ROWS: Final = 25
_NAMES: Final = {"gaps_days": ("dunning.gaps_days",), "final_action": ("dunning.final_action",)}


@router.get("")
async def read(visit: Visiting) -> Response:
    dunning = (await visit.inside.get(SETTINGS))["dunning"]
    gaps = ", ".join(str(days) for days in dunning["gaps_days"])
    return await _policy(visit, Entry({"gaps_days": gaps, "final_action": dunning["final_action"]}))


@router.post("")
async def change(visit: Visiting) -> Response:
    typed = Typed(visit.form)
    typed.need("gaps_days")
    gaps = wholes(typed, "gaps_days")
    entry = typed.refused()
    if not typed.errors:
        dunning = {"gaps_days": gaps, "final_action": typed.text("final_action")}
        try:
            await visit.inside.send("PATCH", SETTINGS, {"dunning": dunning})
        except Refused as refused:
            entry = refused_entry(visit.form, naming(refused, "dunning.gaps_days", gaps), _NAMES)
        else:
            return visit.go(_HERE, "Saved. It holds for debts that begin from now on.")
    return await _policy(visit, entry)


@router.get("/apply")
async def ask_to_apply(visit: Visiting, cursor: str | None = None) -> Response:
    """What would move, a page at a time, with the button that moves all of it."""
    moves = await _moves(visit, cursor)
    names = await client_names(visit, [one["client_id"] for one in moves["data"]])
    return await show(visit, "settings/apply.html", moves=moves, names=names, cursor=cursor)


@router.post("/apply")
async def apply(visit: Visiting) -> Response:
    moved = (await visit.inside.send("POST", f"{SETTINGS}/dunning/apply", key=visit.key))["moved"]
    what = "One debt gets its new dates" if moved == 1 else f"{moved} debts get their new dates"
    return visit.go(_HERE, f"Done. {what} within seconds." if moved else "No debt had to be moved.")


async def _policy(visit: Visit, entry: Entry) -> Response:
    settings, moves = await asyncio.gather(visit.inside.get(SETTINGS), _moves(visit, rows=1))
    dunning, moving = settings["dunning"], moves["total"]
    return await show(visit, "settings/retries.html", entry.status, entry=entry, dunning=dunning, moving=moving)


async def _moves(visit: Visit, cursor: str | None = None, rows: int = _ROWS) -> Json:
    """The dry run, which is a question though it is asked by POST."""
    query = urlencode({"limit": rows} | ({"cursor": cursor} if cursor else {}))
    found: Json = json.loads((await visit.inside.fetch("POST", f"{SETTINGS}/dunning/preview", query)).body)
    return found
