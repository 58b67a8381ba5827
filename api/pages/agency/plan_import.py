"""Prices of the agency's own Stripe account that become plans."""

from typing import Final

from starlette.responses import Response

from api.pages.agency import choices
from api.pages.agency.door import API, dashboard_router, show
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Refused
from api.pages.typed import Typed

router = dashboard_router("/plans/import")
_ROWS: Final = 25
_NAMES: Final = {
    "price": ("stripe_price_id", "overage_rate.currency"),
    "name": ("name",),
    "tier": ("tier",),
    "included_minutes": ("included_minutes",),
    "overage_rate": ("overage_rate",),
    "call_increment_seconds": ("call_increment_seconds",),
}


@router.get("")
async def choose(visit: Visiting, cursor: str | None = None) -> Response:
    return await _form(visit, Entry({"tier": "standard"}), cursor)


@router.post("")
async def take(visit: Visiting, cursor: str | None = None) -> Response:
    """The chosen price comes with its currency, which is the rate's."""
    price, _, currency = visit.form.get("price", "").partition(" ")
    typed = Typed(visit.form)
    typed.need("tier", "included_minutes", "overage_rate")
    if not price:
        typed.errors["price"] = "Please choose a price."
    body = {
        "stripe_price_id": price,
        "tier": typed.text("tier"),
        "included_minutes": typed.whole("included_minutes"),
        "overage_rate": typed.rate("overage_rate", currency) if currency else None,
        "call_increment_seconds": typed.whole("call_increment_seconds") or 60,
    }
    if typed.errors:
        return await _form(visit, typed.refused(), cursor)
    if name := typed.text("name"):
        body["name"] = name
    try:
        made = await visit.inside.send("POST", f"{API}/plans/import", body, key=visit.key)
    except Refused as refused:
        return await _form(visit, refused_entry(visit.form, refused, _NAMES), cursor)
    return visit.go(f"/agency/plans/{made['id']}", f"{made['name']} is a plan now, at the price that Stripe has.")


async def _form(visit: Visit, entry: Entry, cursor: str | None) -> Response:
    """Without a Stripe account there is nothing to choose from: the page says so, and where to connect one."""
    try:
        prices = await visit.inside.get(f"{API}/stripe/prices", limit=_ROWS, cursor=cursor)
    except Refused as refused:
        if refused.code != "stripe_not_ready":
            raise
        prices = None
    return await show(
        visit,
        "plans/import.html",
        entry.status,
        entry=entry,
        prices=prices,
        cursor=cursor,
        increments=choices.INCREMENTS,
    )
