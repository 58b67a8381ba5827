"""A running sandbox as the commands see it from outside: over its HTTP APIs, with refusals as sentences for people."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.caller import ApiRefused, Caller
from sandbox.home import Home
from sandbox.stack import url

START = "`python -m sandbox up` starts one, `python -m sandbox demo` plays a year in one."
Json = dict[str, Any]


class CannotTell(Exception):
    """What was asked for cannot be shown; the message says why, and what to do."""


@dataclass(frozen=True)
class Whom:
    """A client, whose agency's zone its times are shown in."""

    id: str
    name: str
    external_id: str | None
    agency_id: str
    agency: str
    zone: str


class Reader:
    """Asks the control API, and the product's API in the name of a client's agency."""

    def __init__(self, api: str, control: Caller) -> None:
        self._api = api
        self._control = control

    async def client(self, named: str) -> Whom:
        """The client with this id, external id or name. CannotTell when there is none, or more than one."""
        known = [Whom(**client) for client in (await self._control.get("/clients"))["data"]]
        found = [client for client in known if named.lower() in _names(client)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(f"{client.id} ({client.agency})" for client in found)
            raise CannotTell(f"{named!r} is more than one client: {ids}.")
        names = ", ".join(client.external_id or client.id for client in known)
        raise CannotTell(f"There is no client {named!r}. " + (f"There are: {names}." if names else "There are none."))

    async def timeline(self, client: Whom | None) -> list[Json]:
        entries: list[Json] = (await self._control.get("/timeline", **({"client_id": client.id} if client else {})))[
            "data"
        ]
        return entries

    async def subscription(self, client: Whom, path: str = "", **query: str | int) -> Json:
        """What the agency's API says of the client's subscription."""
        body = {"role": "agency", "agency_id": client.agency_id}
        token = (await self._control.post("/tokens", body))["token"]
        async with Caller(self._api, token) as agency:
            said: Json = await agency.get(f"/v1/agency/clients/{client.id}/subscription{path}", **query)
        return said


def _names(client: Whom) -> set[str]:
    return {client.id.lower(), client.name.lower(), (client.external_id or client.id).lower()}


@contextlib.asynccontextmanager
async def reader(data: Path) -> AsyncIterator[Reader]:
    """A reader of the sandbox that runs in this folder. CannotTell when none does, or when it refuses."""
    home = Home(data)
    if not home.exists():
        raise CannotTell(f"There is no sandbox in {data}. {START}")
    kept = home.open()
    try:
        async with Caller(url(kept, "control")) as control:
            yield Reader(url(kept, "api"), control)
    except httpx.TransportError:
        raise CannotTell(f"The sandbox in {data} is not running. {START}") from None
    except ApiRefused as refused:
        raise CannotTell(" ".join([refused.detail, *refused.named])) from None
