"""What is agreed with a client beside its plan: the spend cap, who collects, and the card that is asked for."""

from starlette.responses import Response

from api.pages.agency.acts.asking import ASK_AND_DO, Order, about_client, on_subscription
from api.pages.agency.door import API, dashboard_router
from api.pages.door import Visiting
from api.pages.entries import Entry
from api.pages.inside import Json
from api.pages.typed import Typed, major

router = dashboard_router("/clients/{client_id}")


@router.api_route("/spend-cap", methods=ASK_AND_DO)
async def spend_cap(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "spend-cap")
    subscription = asking.shown["subscription"]
    if not visit.sent or subscription is None:
        return await asking.ask(Entry(_cap_typed(subscription["spend_cap"] if subscription else None)))
    typed = Typed(visit.form)
    amount = typed.money("amount", subscription["plan"]["price"]["currency"])
    if typed.errors:
        return await asking.ask(typed.refused())
    cap = {"amount": amount, "action": typed.text("action")} if amount else None
    names = {"action": ("spend_cap.action",), "amount": ("spend_cap",)}
    order = on_subscription(client_id, "", {"spend_cap": cap}, method="PATCH", names=names)
    limit = f"Overage is limited to {visit.formats.money(amount)} a period."
    return await asking.carry_out(order, limit if amount else "Overage is not limited.")


def _cap_typed(cap: Json | None) -> dict[str, str]:
    if cap is None:
        return {"amount": "", "action": "notify"}
    return {"amount": major(cap["amount"]["amount"], cap["amount"]["currency"]), "action": cap["action"]}


@router.api_route("/collection", methods=ASK_AND_DO)
async def collection(visit: Visiting, client_id: str) -> Response:
    """To the other way of collecting than the one that is agreed."""
    asking = await about_client(visit, client_id, "collection")
    if not visit.sent:
        return await asking.ask()
    order = on_subscription(client_id, "", {"collection": visit.form.get("collection")}, method="PATCH")
    manual = visit.form.get("collection") == "manual"
    said = (
        "From the next period on you collect by yourself." if manual else "From the next period on the card is charged."
    )
    return await asking.carry_out(order, said)


@router.api_route("/card-request", methods=ASK_AND_DO)
async def card_request(visit: Visiting, client_id: str) -> Response:
    """After it the link itself is shown, for where mail is off."""
    asking = await about_client(visit, client_id, "card-request")
    if not visit.sent:
        return await asking.ask(url=None)

    async def show_link(made: Json) -> Response:
        return await asking.ask(url=made["url"])

    order = Order("POST", f"{API}/clients/{client_id}/card-requests")
    return await asking.carry_out(order, show_link, url=None)
