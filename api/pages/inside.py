"""The pages' calls of the API: in this process, through the routes and doors of everybody (docs/adr/0031)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.guard import KNOWN_CALLER
from api.idempotency import HEADER
from api.tokens import Caller, Role

Json = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
_OF_THE_PAGE: Final = ("path_params", "endpoint", "route", "router")
"""What the routing of the page itself left in the scope."""
_OF_A_FILE: Final = frozenset({"content-type", "content-disposition"})


UNDER_WAY: Final = "This is being carried out, and takes a little longer than usual. What came of it shows here soon."
UNSETTLED: Final = (
    "It is not known whether this was done: there was no answer. Nothing that you typed is lost. Press again: what was "
    "done already is not done twice."
)
_IN_PROGRESS: Final = "request_in_progress"
_FOR_PEOPLE: Final = {
    "idempotency_key_reused": "You sent this form before, with other details. Please look what came of that first; "
    "pressing again sends it as it is now.",
    _IN_PROGRESS: UNDER_WAY,
}
"""What the API tells programs about their keys, to people whose forms have them."""
_FOR_ITS_AGENCY: Final = {
    "stripe_not_ready": "Your Stripe account is not ready to charge.",
    "agency_frozen": "Your Stripe account can't charge just now.",
}
"""What is said of the agency, to itself; with a link to its account."""
_ACCOUNT: Final = "/agency/settings/stripe"
_NO_ANSWER: Final = "There is no answer just now. Please try again in a moment."


class Refused(Exception):
    """The API's refusal: a problem with its `code`, its `detail` in words for people, and the fields that it names."""

    def __init__(self, status: int, problem: Json, role: Role | None = None) -> None:
        super().__init__(problem["detail"])
        self.status = HTTPStatus(status)
        self.code: str = problem["code"]
        self.unsettled = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        """Whether a command was carried out is not known: the same key asked again says it."""
        self.under_way = self.code == _IN_PROGRESS
        """The same command was sent before, and is not finished."""
        own = _FOR_ITS_AGENCY if role is Role.AGENCY else {}
        self.see = _ACCOUNT if self.code in own else None
        """Where it can be seen what to do about it."""
        words = _FOR_PEOPLE | own
        self.detail: str = _NO_ANSWER if self.unsettled else words.get(self.code, str(problem["detail"]))
        self.fields: dict[str, str] = {one["field"]: one["detail"] for one in problem.get("errors", ())}


@dataclass(frozen=True)
class Answered:
    """What a route sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PassedOn(Response):
    """What a route answers, piece by piece as it comes: for what may be too long to be held. A refusal is `told`."""

    def __init__(self, inside: "Inside", path: str, told: Callable[[Refused], Awaitable[Response]]) -> None:
        super().__init__()
        self._inside, self._path, self._told = inside, path, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, problem = 0, b""

        async def forward(message: Message) -> None:
            nonlocal status, problem
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._with_own(message["headers"])}
            if status < HTTPStatus.BAD_REQUEST:
                await send(message)
            else:
                problem += message.get("body", b"")

        await self._inside.page.app.router(self._inside.scope("GET", self._path), receive, forward)
        if status >= HTTPStatus.BAD_REQUEST:
            answer = await self._told(Refused(status, json.loads(problem)))
            answer.raw_headers = self._with_own(answer.raw_headers)
            await answer(scope, receive, send)

    def _with_own(self, theirs: Headers) -> Headers:
        """The page's headers beside those of the answer."""
        known = {name for name, _ in theirs} | {b"content-length"}
        return [*theirs, *(own for own in self.raw_headers if own[0] not in known)]


@dataclass(frozen=True)
class Inside:
    """Calls as one caller, while a page of theirs is made. Each raises Refused."""

    page: Request
    caller: Caller

    async def get(self, path: str, **query: object) -> Json:
        """The JSON under `path`; what is None in the query is left out."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        found: Json = json.loads((await self.fetch("GET", path, given)).body)
        return found

    async def send(self, method: str, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        """What came of a command; empty when nothing is answered. The same `key` is the same command."""
        answer = await self.fetch(method, path, "", body, key)
        made: Json = json.loads(answer.body) if answer.body else {}
        return made

    async def fetch(
        self, method: str, path: str, query: str = "", body: Json | None = None, key: str | None = None
    ) -> Answered:
        """The answer as it is. Raises Refused for one that is a refusal."""
        answer = await self._ask(method, path, query, b"" if body is None else json.dumps(body).encode(), key)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(answer.status, json.loads(answer.body), self.caller.role)
        return answer

    async def file(self, path: str) -> Response:
        """The answer to a GET that is no JSON, with its name."""
        found = await self.fetch("GET", path)
        kept = {name: value for name, value in found.headers.items() if name in _OF_A_FILE}
        return Response(found.body, headers=kept)

    def scope(self, method: str, path: str, query: str = "", body: bytes = b"", key: str | None = None) -> Scope:
        """A request of ours, as the server would have put it."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if key:
            headers.append((HEADER.lower().encode(), key.encode("latin-1", "replace")))
        scope = {name: value for name, value in self.page.scope.items() if name not in _OF_THE_PAGE}
        return scope | {
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "state": {},
            KNOWN_CALLER: self.caller,
        }

    async def _ask(self, method: str, path: str, query: str, body: bytes, key: str | None) -> Answered:
        sent: list[Message] = []
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return unread.pop() if unread else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.page.app.router(self.scope(method, path, query, body, key), receive, send)
        begun = sent[0]
        return Answered(
            begun["status"],
            {name.decode(): value.decode() for name, value in begun["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )
