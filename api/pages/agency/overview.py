"""The dashboard's first page: what holds billing up, what is left to set up, the figures, and what was told last."""

import asyncio
from typing import Final

from starlette.responses import Response

from api.pages import rendering
from api.pages.agency import messages, standing
from api.pages.agency.door import API, dashboard_router, show
from api.pages.door import Visiting
from api.pages.sessions import end_session

router = dashboard_router()
_LATEST: Final = 6
_FEW: Final = 5
"""Clients in each list of those who need attention."""
_FULL: Final = 80


@router.get("")
async def overview(visit: Visiting) -> Response:
    setup, summary, latest, past_due, full = await asyncio.gather(
        visit.inside.get(f"{API}/setup"),
        visit.inside.get(f"{API}/summary"),
        visit.inside.get(f"{API}/notifications", limit=_LATEST),
        visit.inside.get(f"{API}/clients", status="past_due", limit=_FEW),
        visit.inside.get(f"{API}/clients", over_percent=_FULL, limit=_FEW),
    )
    return await show(
        visit,
        "overview.html",
        setup=setup,
        holds=standing.holds(setup),
        summary=summary,
        latest=messages.told(visit.formats, latest["data"]),
        past_due=past_due,
        full=full,
    )


@router.post("/sign-out")
async def sign_out(visit: Visiting) -> Response:
    answer = rendering.signed_out(visit.request, visit.role, asked=True)
    await end_session(visit.services, visit.request, visit.signed, answer)
    return answer
