"""A client's plan: assigning one, and changing it after its exact lines and dates were shown."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from api.fields import MOST_TRIAL_DAYS
from api.pages.agency import possible
from api.pages.agency.acts import previews
from api.pages.agency.acts.asking import ASK_AND_DO, Asking, Order, about_client, on_subscription
from api.pages.agency.acts.assigning import Assignment
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
_TIMES: Final = {
    "": ("", "As is usual", "At once for a higher or equal price, at the period's end for a lower one."),
    "now": (
        "now",
        "At once",
        "What is left of the old plan is credited, the new one is billed for the rest of the period.",
    ),
    "period_end": ("period_end", "At the period's end", "It can be undone until then."),
    "replace": ("now", "At once", "Nothing is billed yet: the new plan takes the place of the old one."),
}
"""When a change may hold: value, label and what it means."""
_CHANGED: Final = "This is not any more what you were shown. Please look again: nothing was done yet."


@router.api_route("/assign", methods=ASK_AND_DO)
async def assign(visit: Visiting, client_id: str) -> Response:
    """Its `step`: `show` what it comes to, `edit` it again, or `make` it."""
    asking = await about_client(visit, client_id, "assign")
    plans = await _on_sale(visit)
    form: Json = {"plans": _options(visit, plans), "told": None, "plan": None}
    if not visit.sent:
        return await asking.ask(Entry(_USUAL), **form)
    if visit.form.get("step") == "edit":
        return await asking.ask(Entry(visit.form), **form)
    plan = next((plan for plan in plans if plan["id"] == visit.form.get("plan_id")), None)
    if plan is None:
        return await asking.ask(Entry(visit.form, {"plan_id": "Please choose a plan."}), **form)
    body, wrong = _assigned(Typed(visit.form), plan)
    if wrong:
        return await asking.ask(wrong, **form)
    now = visit.services.clock.now()
    assignment = Assignment(visit.formats, visit.agency.timezone, asking.shown["client"], plan, body, now)
    form |= {"told": assignment.told(), "plan": plan}
    if visit.form.get("step") != "make":
        return await asking.ask(Entry(visit.form), **form)
    if visit.form.get("version") != str(plan["version"]):
        return await asking.ask(Entry(visit.form, trouble=_CHANGED), **form)

    async def tell(made: Json) -> Response:
        return visit.go(asking.back, assignment.done(made))

    order = on_subscription(client_id, "", body, method="PUT", names=_NAMES)
    return await asking.carry_out(order, tell, **form)


def _assigned(typed: Typed, plan: Json) -> tuple[Json, Entry | None]:
    """What the form asks for, as the API takes it, and what is wrong with it."""
    asked = {name: typed.text(name) or usual for name, usual in _USUAL.items() if name != "cap_action"}
    if asked["start"] == "first_card" and asked["collection"] == "manual":
        typed.errors["start"] = "You collect this yourself, so there is no card to wait for: start now."
    trial_days, cap = (
        typed.whole("trial_days", most=MOST_TRIAL_DAYS),
        typed.money("cap_amount", plan["price"]["currency"]),
    )
    body: Json = {"plan_id": plan["id"], **asked}
    body |= {} if trial_days is None else {"trial_days": trial_days}
    body |= {"spend_cap": {"amount": cap, "action": typed.text("cap_action")}} if cap else {}
    return body, typed.refused() if typed.errors else None


@router.get("/change")
async def preview(visit: Visiting, client_id: str, plan_id: str = "", effective: str = "") -> Response:
    """The choice; with a plan, what a change to it would bill and when."""
    asking = await about_client(visit, client_id, "change")
    form = await _choice(visit, asking)
    values = [value for value, _, _ in form["times"]]
    chosen = {"plan_id": plan_id, "effective": effective if effective in values or not values else values[0]}
    if not plan_id or not asking.offered:
        return await asking.ask(Entry(chosen), **form)
    try:
        form["preview"] = await _previewed(visit, _change(client_id, chosen))
    except Refused as refused:
        return await asking.ask(refused_entry(chosen, refused, _NAMES), **form)
    return await asking.ask(Entry(chosen), **form)


@router.post("/change")
async def change(visit: Visiting, client_id: str) -> Response:
    """Only as it was shown: what is not so any more is shown again."""
    asking = await about_client(visit, client_id, "change")
    order, form = _change(client_id, visit.form), await _choice(visit, asking)
    try:
        form["preview"] = await _previewed(visit, order)
    except Refused as refused:
        # What is refused now may have been done by this very form: the order itself is answered by its key.
        if refused.unsettled:
            raise
    if form["preview"] and not previews.still_so(visit.form, form["preview"], asking.shown["subscription"]):
        return await asking.ask(Entry(visit.form, trouble=_CHANGED), **form)

    async def tell(made: Json) -> Response:
        pending = made["pending_change"]
        if not pending:
            return visit.go(asking.back, "The plan is changed.")
        day = visit.formats.day(pending["at"], visit.agency.timezone)
        said = f"The plan changes to {pending['plan']['name']} on {day}. Until then it can be undone."
        return visit.go(asking.back, said)

    return await asking.carry_out(order, tell, **form)


@router.post("/undo-change")
async def undo(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "undo-change")
    order = on_subscription(client_id, "plan-changes/pending", method="DELETE")
    return await asking.undo(order, "The plan stays as it is.")


def _change(client_id: str, chosen: Mapping[str, str]) -> Order:
    effective = chosen.get("effective")
    wanted = {"effective": effective} if effective in ("now", "period_end") else {}
    return on_subscription(client_id, "plan-changes", {"plan_id": chosen.get("plan_id"), **wanted}, names=_NAMES)


async def _previewed(visit: Visit, order: Order) -> Json:
    """What the order would bill, with what the form that confirms it carries of that. Raises Refused."""
    shown = await visit.inside.send("POST", order.path, {**(order.body or {}), "preview": True})
    return {**shown, "carried": previews.carried(shown)}


async def _choice(visit: Visit, asking: Asking) -> Json:
    """What the page of a change offers."""
    subscription = asking.shown["subscription"]
    times = possible.change_times(subscription) if subscription else []
    plans = _options(visit, await _others(visit, asking))
    return {"plans": plans, "times": [_TIMES[time] for time in times], "preview": None}


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
