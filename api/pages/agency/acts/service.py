"""A client's service: pausing, resuming and ending it, and taking that back."""

from typing import Final

from starlette.responses import Response

from api.pages.agency.acts.asking import ASK_AND_DO, about_client, on_subscription
from api.pages.agency.acts.cancelling import Cancelling
from api.pages.agency.door import dashboard_router
from api.pages.door import Visiting
from api.pages.entries import Entry

router = dashboard_router("/clients/{client_id}")
_CANCEL: Final = {"at": "period_end", "forgive": "none"}


@router.api_route("/pause", methods=ASK_AND_DO)
async def pause(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "pause")
    if not visit.sent:
        return await asking.ask()
    said = "The pause is agreed. Until the period ends it can be undone."
    return await asking.carry_out(on_subscription(client_id, "pause"), said)


@router.post("/undo-pause")
async def undo_pause(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "undo-pause")
    order = on_subscription(client_id, "pause", method="DELETE")
    return await asking.undo(order, "The pause is taken back: service goes on.")


@router.api_route("/resume", methods=ASK_AND_DO)
async def resume(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "resume")
    if not visit.sent:
        return await asking.ask()
    return await asking.carry_out(on_subscription(client_id, "resume"), "Service goes on: a new period has begun.")


@router.api_route("/cancel", methods=ASK_AND_DO)
async def cancel(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "cancel")
    cancelling = Cancelling(visit.formats, visit.agency.timezone, asking.shown["client"], asking.shown["subscription"])
    if not visit.sent:
        usual = {"at": cancelling.times[0][0]} if asking.offered else {}
        return await asking.ask(Entry(_CANCEL | usual), cancelling=cancelling)
    body = {name: visit.form.get(name) or usual for name, usual in _CANCEL.items()}
    order = on_subscription(client_id, "cancel", body, names={name: (name,) for name in _CANCEL})
    ended = body["at"] == "now"
    said = "The subscription is cancelled." if ended else "The cancellation is agreed. Until then it can be undone."
    return await asking.carry_out(order, said, cancelling=cancelling)


@router.post("/undo-cancel")
async def undo_cancel(visit: Visiting, client_id: str) -> Response:
    asking = await about_client(visit, client_id, "undo-cancel")
    order = on_subscription(client_id, "cancel", method="DELETE")
    return await asking.undo(order, "The cancellation is taken back: the plan goes on.")
