"""What every act has in common: a page of its own asks once, then it is carried out and the page before says so."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from api.pages.agency import possible
from api.pages.agency.door import API, show
from api.pages.agency.lookups import can_charge, client_of
from api.pages.door import Visit
from api.pages.entries import Entry, refused_entry
from api.pages.inside import UNDER_WAY, Json, Refused

ASK_AND_DO: Final = ["GET", "POST"]
"""A page that asks, and does what its form says."""
PAYMENT_UNDER_WAY: Final = "The payment is on its way. What came of it shows here."

Then: TypeAlias = str | Callable[[Json], Awaitable[Response]]
"""What follows a command: the page before with these words, or what is made of the API's answer."""


@dataclass(frozen=True)
class Order:
    """A command of the API. `names`: by the form's field those of the API that it stands for; `codes`: by a refusal's
    code the field that it is about."""

    method: str
    path: str
    body: Json | None = None
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asking:
    """One act on something: `template` asks for it, and `back` is the page that leads to it."""

    visit: Visit
    template: str
    back: str
    shown: Mapping[str, Any]
    """What the template tells."""
    offered: bool = True
    """Whether the state of things allows it. What it does not allow is not asked: the page could not say what of."""

    async def ask(self, entry: Entry | None = None, **more: object) -> Response:
        """The question; again with what is wrong, where that is so."""
        if not self.offered:
            return self.visit.go(self.back, "That is not possible as things stand now.", bad=True)
        entry = entry or Entry()
        shown = {**self.shown, **more, "entry": entry, "back": self.back}
        return await show(self.visit, self.template, entry.status, **shown)

    async def carry_out(self, order: Order, then: Then, *, under_way: str = UNDER_WAY, **more: object) -> Response:
        """The command, and what follows it. A refusal is told where it was asked, which shows `more`."""
        try:
            made = await self._send(order)
        except Refused as refused:
            # Also of what is not offered any more: a form that is sent twice is answered twice, by its key.
            if refused.under_way or not self.offered:
                return self.visit.refused(self.back, refused)
            return await self.ask(refused_entry(self.visit.form, refused, order.names, order.codes), **more)
        return await self._follow(made, then, under_way)

    async def undo(self, order: Order, said: str) -> Response:
        """Taking something back needs no question: a button of the page before did it."""
        try:
            made = await self._send(order)
        except Refused as refused:
            return self.visit.refused(self.back, refused)
        return await self._follow(made, said, UNDER_WAY)

    async def _send(self, order: Order) -> Json:
        # A PATCH is the same however often it is sent: it takes no key.
        key = None if order.method == "PATCH" else self.visit.key
        return await self.visit.inside.send(order.method, order.path, order.body, key=key)

    async def _follow(self, made: Json, then: Then, under_way: str) -> Response:
        if made.get("status") == "processing":
            return self.visit.under_way(self.back, under_way)
        return self.visit.go(self.back, then) if isinstance(then, str) else await then(made)


async def about_client(visit: Visit, client_id: str, act: str) -> Asking:
    """The question of an act on the agency's client. Raises Refused for another tenant's."""
    client, subscription = await client_of(visit, client_id)
    shown = {"client": client, "subscription": subscription}
    offered = act in possible.on_client(client, subscription, charges=await can_charge(visit))
    return Asking(visit, f"acts/{act}.html", f"/agency/clients/{client_id}", shown, offered)


def on_subscription(
    client_id: str, act: str, body: Json | None = None, *, method: str = "POST", names: Json | None = None
) -> Order:
    """The order `act` on the client's subscription; empty: on the subscription itself."""
    path = f"{API}/clients/{client_id}/subscription"
    return Order(method, f"{path}/{act}" if act else path, body, names or {})
