"""A client's plan: assigning one, and changing it after its exact lines and dates were shown."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from api.pages.agency.acts import ASK_AND_DO, Asking, Order, about_client, on_subscription
from api.pages.agency.door import API, dashboard_router
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused
from api.pages.typed import Typed

router = dashboard_router("/clients/{client_id}")
_MOST: Final = 100
_USUAL: Final = {"start": "now", "first_period": "bill", "collection": "automatic", "cap_action": "notify"}
_NAMES: Final = {
    "plan_id": ("plan_id",),
    "trial_days": ("trial_days",),
    "start": ("start",),
    "collection": ("collection",),
    "cap_amount": ("spend_cap",),
}


@router.api_route("/assign", methods=ASK_AND_DO)
async def assign(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "assign")
    plans = await _on_sale(visit)
    if not visit.sent:
        return await asking.ask(Entry(_USUAL), plans=_options(visit, plans))
    body, wrong = _assigned(visit, plans)
    if wrong:
        return await asking.ask(wrong, plans=_options(visit, plans))
    order = on_subscription(client_id, "", body, method="PUT", names=_NAMES)
    try:
        made = await asking.send(order)
    except Refused as refused:
        return await asking.refuse(refused, order, plans=_options(visit, plans))
    return visit.go(asking.back, _assigned_words(visit, made))


def _assigned(visit: Visit, plans: list[Json]) -> tuple[Json, Entry | None]:
    """What the form asks for, as the API takes it, and what is wrong with it."""
    typed = Typed(visit.form)
    plan = next((plan for plan in plans if plan["id"] == typed.text("plan_id")), None)
    if plan is None:
        typed.errors["plan_id"] = "Please choose a plan."
        return {}, typed.refused()
    if typed.text("start") == "first_card" and typed.text("collection") == "manual":
        typed.errors["start"] = "You collect this yourself, so there is no card to wait for: start now."
    cap = typed.money("cap_amount", plan["price"]["currency"])
    given = {
        "plan_id": plan["id"],
        "trial_days": typed.whole("trial_days"),
        "start": typed.text("start"),
        "first_period": typed.text("first_period"),
        "collection": typed.text("collection"),
        "spend_cap": {"amount": cap, "action": typed.text("cap_action")} if cap else None,
    }
    return {
        name: value for name, value in given.items() if value is not None
    }, typed.refused() if typed.errors else None


def _assigned_words(visit: Visit, made: Json) -> str:
    name = made["plan"]["name"]
    if made["status"] == "awaiting_card":
        return f"{name} is assigned. It starts as soon as the client has entered a card: ask for one."
    if made["trial_end"]:
        return f"{name} is assigned. Its trial ends on {visit.formats.moment(made['trial_end'])}."
    return f"{name} is assigned. The first invoice follows in a moment."


@router.get("/change")
async def preview(visit: Visiting, client_id: str, plan_id: str = "", effective: str = "") -> Response:
    """The choice; with a plan, what a change to it would bill and when."""
    asking = await about_client(visit, client_id, "change")
    plans = await _others(visit, asking)
    chosen = {"plan_id": plan_id, "effective": effective}
    if not plan_id or not asking.offered:
        return await asking.ask(Entry(chosen), plans=_options(visit, plans), preview=None)
    try:
        order = _change(client_id, plan_id, effective)
        shown = await visit.inside.send("POST", order.path, {**(order.body or {}), "preview": True})
    except Refused as refused:
        if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return await asking.ask(refused_entry(chosen, refused, _NAMES), plans=_options(visit, plans), preview=None)
    return await asking.ask(Entry(chosen), plans=_options(visit, plans), preview=shown)


@router.post("/change")
async def change(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "change")
    order = _change(client_id, visit.form.get("plan_id", ""), visit.form.get("effective", ""))
    try:
        made = await asking.send(order)
    except Refused as refused:
        return await asking.refuse(refused, order, plans=_options(visit, await _others(visit, asking)), preview=None)
    pending = made.get("pending_change")
    if pending:
        day = visit.formats.day(pending["at"], visit.agency.timezone)
        said = f"The plan changes to {pending['plan']['name']} on {day}. Until then it can be undone."
    else:
        said = "The plan is changed."
    return visit.go(asking.back, said)


@router.post("/undo-change")
async def undo(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "undo-change")
    order = on_subscription(client_id, "plan-changes/pending", method="DELETE")
    return await asking.undo(order, "The plan stays as it is.")


def _change(client_id: str, plan_id: str, effective: str) -> Order:
    wanted = {"effective": effective} if effective in ("now", "period_end") else {}
    return on_subscription(client_id, "plan-changes", {"plan_id": plan_id, **wanted}, names=_NAMES)


def _options(visit: Visit, plans: list[Json]) -> list[tuple[str, str]]:
    """For a choice, each with what it costs and includes."""
    f = visit.formats
    return [
        (one["id"], f"{one['name']}: {f.money(one['price'])} a month, {f.number(one['included_minutes'])} minutes")
        for one in plans
    ]


async def _on_sale(visit: Visit) -> list[Json]:
    """Every plan that can be assigned."""
    plans: list[Json] = []
    cursor: str | None = None
    while True:
        found = await visit.inside.get(f"{API}/plans", limit=_MOST, cursor=cursor)
        plans += [plan for plan in found["data"] if not plan["archived_at"]]
        cursor = found["next_cursor"]
        if cursor is None:
            return plans


async def _others(visit: Visit, asking: Asking) -> list[Json]:
    """Those to which the client can change: of its currency, and not what it has."""
    subscription = asking.shown["subscription"]
    if subscription is None:
        return []
    own = subscription["plan"]
    return [
        plan
        for plan in await _on_sale(visit)
        if plan["price"]["currency"] == own["price"]["currency"]
        and (plan["id"], plan["version"]) != (own["id"], own["version"])
    ]
