"""Which function answers which method and path, under the name that the official client gives the call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.stripe.errors import UnknownRoute
from sandbox.stripe.params import Integer, ListOf, Params, Range, Text
from sandbox.stripe.store import Record, Window
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, listed, shown


@dataclass(frozen=True)
class Page:
    """A part of a list, and whether more follows."""

    records: list[Record]
    has_more: bool


@dataclass(frozen=True)
class Call:
    """One request that passed validation: its unit of work, its parameters, the ids in its path."""

    work: Work
    path: str
    params: Json
    ids: Mapping[str, str]

    def target(self, kind: str) -> Record:
        """The object that the path names."""
        return self.work.require(kind, self.ids["id"], param=_PATH_PARAMS.get(kind, "id"), in_path=True)

    def page(self, kind: str, **equal: str | bool | list[str] | None) -> Page:
        """The page of the account's objects that the list parameters ask for."""
        limit = self.params.get("limit", 10)
        for cursor in ("starting_after", "ending_before"):
            if cursor in self.params:
                self.work.require(kind, self.params[cursor], param=cursor)
        window = Window(
            limit + 1,
            self.params.get("starting_after"),
            self.params.get("ending_before"),
            self.params.get("created", {}),
        )
        wanted = {name: value for name, value in equal.items() if value is not None}
        found = self.work.select(kind, window, **wanted)
        backwards = window.ending_before is not None
        kept = found[-limit:] if backwards else found[:limit]
        return Page(kept, len(found) > limit)


Answer = Record | Page | Json
Handler = Callable[[Call], Answer]

# How Stripe names an id in the path when there is no such object, where it is not "id".
_PATH_PARAMS = {
    "checkout.session": "session",
    "invoice": "invoice",
    "payment_intent": "intent",
    "payment_method": "payment_method",
    "setup_intent": "intent",
}
EXPAND: Params = {"expand": ListOf(item=Text())}
LIST_PARAMS: Params = {
    "limit": Integer(minimum=1, maximum=100),
    "starting_after": Text(),
    "ending_before": Text(),
    "created": Range(),
}


@dataclass(frozen=True)
class Endpoint:
    """One call of the API."""

    name: str
    method: str
    segments: tuple[str, ...]
    params: Params
    handler: Handler


@dataclass
class Router:
    """All endpoints, found by method and path."""

    endpoints: dict[tuple[str, int], list[Endpoint]] = field(default_factory=dict)

    def endpoint(self, name: str, method: str, path: str, params: Params | None = None) -> Callable[[Handler], Handler]:
        """Register a function as the answer to `method path`; `{…}` in the path is an id."""

        def register(handler: Handler) -> Handler:
            segments = tuple(path.strip("/").split("/"))
            entry = Endpoint(name, method, segments, {**EXPAND, **(params or {})}, handler)
            self.endpoints.setdefault((method, len(segments)), []).append(entry)
            return handler

        return register

    def names(self) -> set[str]:
        """What a fault can be made for."""
        return {entry.name for entries in self.endpoints.values() for entry in entries}

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
        """The endpoint and the ids in its path; literal segments win over ids."""
        segments = path.strip("/").split("/")
        best: tuple[Endpoint, dict[str, str]] | None = None
        for entry in self.endpoints.get((method, len(segments)), []):
            ids = _match(entry.segments, segments)
            if ids is not None and (best is None or len(ids) < len(best[1])):
                best = (entry, ids)
        if best is None:
            raise UnknownRoute(f"Unrecognized request URL ({method}: {path}). See https://stripe.com/docs.")
        return best


router = Router()
endpoint = router.endpoint


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    ids = {}
    for expected, actual in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            ids[expected[1:-1]] = actual
        elif expected != actual:
            return None
    return ids


def answer_body(answer: Answer, path: str) -> Json:
    """The JSON of an answer before expansion."""
    if isinstance(answer, Record):
        return shown(answer)
    if isinstance(answer, Page):
        body = listed([shown(record) for record in answer.records], path)
        return {**body, "has_more": answer.has_more}
    return answer
