"""Every operation of the API, as the running app itself lists them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import create_app
from api.guard import BODY_LIMIT
from api.tokens import Role
from api.usage import BODY_LIMIT as USAGE_LIMIT
from support.http import Json, site_settings
from support.servers import StripeServer

_ROLES: Final[Mapping[str, Role]] = {
    "/v1/agencies": Role.PLATFORM,
    "/v1/agency": Role.AGENCY,
    "/v1/portal": Role.CLIENT,
    "/v1/usage": Role.SERVICE,
}
_PARAMETER: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Operation:
    """One method of one path. `role` is who may call it; none: anybody may. `body` is the document's example."""

    method: str
    path: str
    role: Role | None
    route: APIRoute
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.path))

    @property
    def documented(self) -> Json:
        """What the document says of it."""
        said: Json = document()["paths"][self.path][self.method.lower()]
        return said

    @property
    def body_limit(self) -> int:
        return USAGE_LIMIT if self.role is Role.SERVICE else BODY_LIMIT

    def answers(self, address: str) -> bool:
        """Whether the address is one of this path."""
        pattern = _PARAMETER.sub(r"[^/]+", re.escape(self.path).replace(r"\{", "{").replace(r"\}", "}"))
        return re.fullmatch(pattern, address) is not None

    def address(self, ids: Mapping[str, str]) -> str:
        return _PARAMETER.sub(lambda found: ids[found[1]], self.path)


@cache
def app() -> FastAPI:
    """The app, for looking at: nothing is behind it."""
    nowhere = StripeServer("http://127.0.0.1:1", "sk_test_" + "nowhere" * 4, Path("clock"))
    return create_app(site_settings("postgresql://nobody@127.0.0.1:1/none", nowhere, 1))


@cache
def document() -> Json:
    made: Json = app().openapi()
    return made


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(_operations())


def secured() -> tuple[Operation, ...]:
    """Those that need a token."""
    return tuple(one for one in operations() if one.role)


def _operations() -> Iterator[Operation]:
    for context in iter_route_contexts(app().routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:  # pages are no operations
            continue
        for method in sorted(route.methods):
            yield Operation(method, route.path, _role(route.path), route, _example(method, route.path))


def _role(path: str) -> Role | None:
    return next((role for prefix, role in _ROLES.items() if f"{path}/".startswith(f"{prefix}/")), None)


def _example(method: str, path: str) -> Any:
    operation = document()["paths"][path][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("example")
