"""The API process's way to the control port: what the bar shows, and what it asks for, with refusals as sentences."""

from dataclasses import dataclass
from typing import Any, Final

import httpx
from starlette.requests import Request

from sandbox.caller import ApiRefused, Caller, http_client

Json = dict[str, Any]
_LOOK_SECONDS: Final = 3.0
"""A page waits no longer for what the bar shows."""
_AT_WORK: Final = "not_at_rest"


class InVain(Exception):
    """What was asked for did not come about; the message says why, to a person."""


@dataclass(frozen=True)
class Whom:
    """Whose page it is: of a client (with its agency), of an agency, or of nobody."""

    agency: str | None = None
    client: str | None = None

    @property
    def query(self) -> dict[str, str]:
        given = {"agency_id": self.agency, "client_id": self.client}
        return {name: id for name, id in given.items() if id}

    def is_about(self, entry: Json) -> bool:
        """Whether an entry of the timeline is told here."""
        return (entry["client_id"] == self.client) if self.client else self.agency in (None, entry["agency_id"])


def whom(request: Request) -> Whom:
    """As who is signed in, and on the dashboard by the address of a client's page."""
    visit = getattr(request.state, "visit", None)
    if visit is None:
        return Whom()
    caller, parts = visit.signed.caller, request.url.path.split("/")
    client = parts[3] if parts[1:3] == ["agency", "clients"] and len(parts) > 3 else ""
    return Whom(caller.agency, caller.client or client or None)


class Control:
    """The control port at `base`."""

    def __init__(self, base: str) -> None:
        self.base = base

    async def look(self, path: str, **query: str) -> Any:
        """Raises InVain."""
        try:
            async with http_client(self.base, _LOOK_SECONDS) as http:
                answer = await http.get(path, params=query)
        except httpx.HTTPError:
            raise InVain("The sandbox's control port does not answer just now.") from None
        if not answer.is_success:
            raise InVain("The sandbox's control port does not know this.")
        return answer.json()

    async def ask(self, path: str, body: Json) -> Json:
        """What came of a command. Raises InVain."""
        try:
            async with Caller(self.base) as control:
                done: Json = await control.post(path, body)
        except ApiRefused as refused:
            raise InVain(in_words(refused)) from None
        except httpx.HTTPError:
            raise InVain("The sandbox's control port does not answer just now. Please try again.") from None
        return done


def in_words(refused: ApiRefused) -> str:
    if refused.code == _AT_WORK:
        waits = refused.detail[0].lower() + refused.detail[1:]
        return f"The time machine is still at work, {waits}. Nothing is lost: look again in a moment."
    named = [f"{said.partition(': ')[2]}." for said in refused.named]
    return " ".join(named) or refused.detail
