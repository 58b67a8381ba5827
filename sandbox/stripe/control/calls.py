"""How a control call is read and answered: JSON in, JSON out, and a plain sentence when it makes no sense."""

import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.stripe.errors import ApiError
from sandbox.stripe.types import Json

ControlHandler = Callable[[Request], Awaitable[Json]]
E = TypeVar("E", bound=StrEnum)


class BadCall(Exception):
    """The call cannot be understood."""


def route(method: str, path: str, handler: ControlHandler) -> Route:
    """A control call's route."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except BadCall as problem:
            return JSONResponse({"error": {"message": str(problem)}}, status_code=400)
        except ApiError as refusal:
            return JSONResponse({"error": refusal.fields()}, status_code=refusal.status)

    return Route(path, answer, methods=[method])


async def read_json(request: Request) -> Json:
    """The call's JSON object; nothing is an empty one."""
    text = await request.body()
    try:
        body = json.loads(text) if text else {}
    except ValueError as problem:
        raise BadCall(f"This is not JSON: {problem}") from problem
    if not isinstance(body, dict):
        raise BadCall("The body must be a JSON object.")
    return body


def member(body: Json, name: str, choices: type[E]) -> E:
    """One of a few words."""
    try:
        return choices(str(body.get(name)))
    except ValueError as problem:
        known = ", ".join(choice.value for choice in choices)
        raise BadCall(f"{name} must be one of: {known}") from problem


def field(body: Json, name: str, kind: type[Any], default: Any = None) -> Any:
    """A value of a type, or its default when it is absent or null."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadCall(f"{name} must be of type {kind.__name__}")
    return value


def seconds(body: Json, name: str, default: float) -> float:
    """A number of seconds, whole or not."""
    return float(field(body, name, int if isinstance(body.get(name), int) else float, default))


def required(body: Json, name: str, kind: type[Any]) -> Any:
    """A value that must be there."""
    value = field(body, name, kind)
    if value is None:
        raise BadCall(f"{name} is missing")
    return value
