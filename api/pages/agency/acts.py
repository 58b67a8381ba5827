"""What every act has in common: a page of its own asks once, then it is carried out and the page before says so."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from api.pages.agency import possible
from api.pages.agency.door import API, show
from api.pages.door import Visit
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused

ASK_AND_DO: Final = ["GET", "POST"]
"""A page that asks, and does what its form says."""
UNDER_WAY: Final = "This is being carried out, and takes a little longer than usual. What came of it shows here soon."


@dataclass(frozen=True)
class Order:
    """A command of the API. `names`: by the form's field those of the API that it stands for."""

    method: str
    path: str
    body: Json | None = None
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asking:
    """One act on something: `template` asks for it, and `back` is the page that leads to it."""

    visit: Visit
    template: str
    back: str
    shown: Mapping[str, Any]
    """What the template tells."""
    offered: bool = True
    """Whether the state of things allows it."""

    async def ask(self, entry: Entry | None = None, **more: object) -> Response:
        """The question; again with what is wrong, where that is so."""
        if not self.offered and not self.visit.sent:
            return self.visit.go(self.back, "That is not possible as things stand now.", bad=True)
        entry = entry or Entry()
        status = HTTPStatus.UNPROCESSABLE_ENTITY if entry.failed else HTTPStatus.OK
        shown = {**self.shown, **more, "entry": entry, "back": self.back}
        return await show(self.visit, self.template, status, **shown)

    async def carry_out(self, order: Order, said: str, **more: object) -> Response:
        """Back to the page before, with what came of it; a refusal is told where it was asked."""
        try:
            made = await self.send(order)
        except Refused as refused:
            return await self.refuse(refused, order, **more)
        return self.visit.go(self.back, UNDER_WAY if made.get("status") == "processing" else said)

    async def undo(self, order: Order, said: str) -> Response:
        """Taking something back needs no question: a button of the page before did it."""
        try:
            await self.send(order)
        except Refused as refused:
            return self.visit.go(self.back, refused.detail, bad=True)
        return self.visit.go(self.back, said)

    async def send(self, order: Order) -> Json:
        """The API's answer. Raises Refused."""
        # A PATCH is the same however often it is sent: it takes no key.
        key = None if order.method == "PATCH" else self.visit.key
        return await self.visit.inside.send(order.method, order.path, order.body, key=key)

    async def refuse(self, refused: Refused, order: Order, **more: object) -> Response:
        """The question again, with the API's words beside what was typed."""
        if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Whether it was done is not known: the form has to come again under its own key, as the browser keeps it.
            raise refused
        return await self.ask(refused_entry(self.visit.form, refused, order.names), **more)


async def about_client(visit: Visit, client_id: str, act: str) -> Asking:
    """The question of an act on the agency's client. Raises Refused for another tenant's."""
    client, subscription = await client_of(visit, client_id)
    shown = {"client": client, "subscription": subscription}
    offered = act in possible.on_client(client, subscription)
    return Asking(visit, f"acts/{act}.html", f"/agency/clients/{client_id}", shown, offered)


def on_subscription(
    client_id: str, act: str, body: Json | None = None, *, method: str = "POST", names: Json | None = None
) -> Order:
    """The order `act` on the client's subscription; empty: on the subscription itself."""
    path = f"{API}/clients/{client_id}/subscription"
    return Order(method, f"{path}/{act}" if act else path, body, names or {})


async def client_of(visit: Visit, client_id: str) -> tuple[Json, Json | None]:
    """The client, and its newest subscription where it has one. Raises Refused for another tenant's."""
    client, subscription = await asyncio.gather(
        visit.inside.get(f"{API}/clients/{client_id}"), _subscription(visit, client_id)
    )
    return client, subscription


async def _subscription(visit: Visit, client_id: str) -> Json | None:
    try:
        return await visit.inside.get(f"{API}/clients/{client_id}/subscription")
    except Refused as refused:
        if refused.status is HTTPStatus.NOT_FOUND:
            return None
        raise
