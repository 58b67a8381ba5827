"""A client's debt: trying it now, giving it more days, and deciding on an invoice that is held."""

import asyncio
from typing import Final

from starlette.responses import Response

from api.pages.agency.acts.asking import ASK_AND_DO, PAYMENT_UNDER_WAY, about_client, on_subscription
from api.pages.agency.door import API, dashboard_router
from api.pages.door import Visiting
from api.pages.entries import Entry
from api.pages.inside import Json
from api.pages.typed import Typed
from billing.money import ceiling

router = dashboard_router("/clients/{client_id}")
_USUAL_DAYS: Final = "7"


@router.api_route("/retry", methods=ASK_AND_DO)
async def retry(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "retry")
    if not visit.sent:
        return await asking.ask()

    async def tell(made: Json) -> Response:
        if made["open_invoices"]:
            owed = visit.formats.money(made["amount_due"])
            declined = f"The bank declined: {owed} is still open. Its reason is with the invoice."
            return visit.go(asking.back, declined, bad=True)
        if not asking.shown["subscription"]["open_invoices"]:
            return visit.go(asking.back, "What was held goes on: it is issued in a moment.")
        return visit.go(asking.back, "The payment went through: nothing is open any more.")

    return await asking.carry_out(on_subscription(client_id, "retry"), tell, under_way=PAYMENT_UNDER_WAY)


@router.api_route("/extend", methods=ASK_AND_DO)
async def extend(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "extend")
    if not visit.sent:
        return await asking.ask(Entry({"days": _USUAL_DAYS}))
    typed = Typed(visit.form)
    days = typed.whole("days")
    if days is None:
        typed.errors.setdefault("days", "Please say how many days.")
        return await asking.ask(typed.refused())

    async def tell(made: Json) -> Response:
        ladder = made["ladder"]
        when = f" to {visit.formats.moment(ladder['next_attempt_at'])}" if ladder else ""
        return visit.go(asking.back, f"The next attempt is moved{when}.")

    order = on_subscription(client_id, "extend", {"days": days}, names={"days": ("days",)})
    return await asking.carry_out(order, tell)


@router.api_route("/review", methods=ASK_AND_DO)
async def review(visit: Visiting, client_id: str) -> Response:
    """Of several held invoices the API decides on the one that was held first, so that is shown."""
    asking = await about_client(visit, client_id, "review")
    subscription = asking.shown["subscription"]
    parked = subscription["parked_invoices"] if subscription else []
    invoices = await asyncio.gather(*(visit.inside.get(f"{API}/invoices/{one}") for one in parked))
    held = next((one for one in invoices if _awaits_word(one)), None)
    shown: Json = {"held": held, "others": [one for one in invoices if one is not held]}
    if held:
        shown["too_large"] = held["total"]["amount"] > ceiling(held["total"]["currency"])
    if not visit.sent:
        return await asking.ask(**shown)
    decision, reason = visit.form.get("decision", ""), visit.form.get("reason")
    if decision == "reject" and not reason:
        return await asking.ask(Entry(visit.form, {"reason": "Please say why: it stays with the overage."}), **shown)
    body = {"decision": decision, **({"reason": reason} if reason else {})}
    order = on_subscription(client_id, "review", body, names={"reason": ("reason",)})
    words = {
        "approve": "The invoice is approved, and issued as it is.",
        "reject": "The overage is rejected, and never billed.",
    }
    return await asking.carry_out(order, words.get(decision, ""), **shown)


def _awaits_word(invoice: Json) -> bool:
    """Whether it is held for a decision: by a review, or because it can never be charged at once."""
    if invoice["review"]:
        return not invoice["review"]["decision"]
    return bool(invoice["usage"]) and invoice["total"]["amount"] > ceiling(invoice["total"]["currency"])
