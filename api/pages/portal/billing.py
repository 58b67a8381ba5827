"""The billing page: plan, usage, invoices, card, and what the client has to know and may do about it."""

import asyncio
from typing import Any, Final

from starlette.responses import Response

from api.pages import charts
from api.pages.door import Visiting
from api.pages.inside import Json, Refused
from api.pages.portal import plan, sums
from api.pages.portal.door import API, SECTIONS, billing_zone, portal_router
from api.pages.portal.notice import Told, notice
from api.pages.upcoming import next_invoice

router = portal_router("/billing")
_HERE: Final = "/portal/billing"
_INVOICES: Final = 10
_STRIPE: Final = "Stripe"


@router.get("")
async def read(visit: Visiting, card: str = "") -> Response:
    """`card=back`: from Stripe's page, where a card may have been entered that is still on its way to us."""
    billing, daily, invoices = await asyncio.gather(
        visit.inside.get(API),
        visit.inside.get(f"{API}/usage/daily"),
        visit.inside.get(f"{API}/invoices", limit=_INVOICES),
    )
    sub, zone = billing["subscription"], billing_zone(visit, daily)
    return visit.page(
        "portal/billing.html",
        sections=SECTIONS,
        billing=billing,
        zone=zone,
        notice=notice(Told(visit.formats, visit.agency.name, billing, zone)),
        plan=plan,
        agreed=list(plan.agreed(visit.formats, visit.agency.name, zone, sub)) if sub else [],
        by_hand=plan.by_hand(sub),
        coming=next_invoice(billing),
        chart=_chart(billing, daily),
        invoices=invoices,
        sums=sums,
        now=visit.services.clock.now(),
        back=card == "back",
    )


@router.post("/card")
async def new_card(visit: Visiting) -> Response:
    """On to Stripe's page, and back to this one."""
    own = f"{visit.services.settings.public_base_url}{_HERE}?card=back"
    try:
        page = await visit.inside.send("POST", f"{API}/payment-method-sessions", {"return_url": own}, key=visit.key)
    except Refused as refused:
        return visit.refused(_HERE, refused)
    return visit.leave(page["url"], _STRIPE)


@router.post("/pay")
async def pay_now(visit: Visiting) -> Response:
    """Charge the card on file for the invoice that the form names."""
    invoice = visit.form.get("invoice", "")
    try:
        paid = await visit.inside.send("POST", f"{API}/invoices/{invoice}/payments", key=visit.key)
    except Refused as refused:
        return visit.refused(_HERE, refused)
    match paid["status"]:
        case "action_required" if paid["action_url"]:
            return visit.leave(paid["action_url"], _STRIPE)
        case "failed" | "action_required":
            return visit.go(_HERE, _declined(paid), bad=True)
        case "processing":
            return visit.under_way(
                _HERE, "The payment is on its way. What came of it shows here; there is nothing more to do."
            )
        case _:
            return visit.go(_HERE, "The payment went through. Thank you.")


def _declined(paid: Json) -> str:
    why = paid["reason"] or "The bank did not say why."
    return f"The payment did not go through. {why} Nothing was charged."


def _chart(billing: Json, daily: Json) -> dict[str, Any] | None:
    """Minutes a day over the whole period, days ahead included; none without a period."""
    period = billing["subscription"] and billing["subscription"]["current_period"]
    if not period:
        return None
    minutes = {day["date"]: float(day["minutes"]) for day in daily["data"]}
    days = [day.isoformat() for day in charts.days_of(period, daily["timezone"])]
    return {"drawn": charts.bars([(day, minutes.get(day, 0.0)) for day in days]), "days": daily["data"]}
