"""The door of every route behind a token, always in this order:

token (401) → role, permission, tier (403) → an id that can't be one (404) → body size and type (413, 415)
→ Idempotency-Key (409, 422, or the first answer again) → fields (400, 422) → the route itself.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from adapters.telemetry.context import bind
from api import idempotency, problems
from api.problems import BodyTooLarge, Forbidden, InvalidFields, NotFound, UnsupportedMediaType
from api.services import Services, of_request
from api.tokens import Caller, Role

BODY_LIMIT: Final = 256 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_WRITES: Final = frozenset({"POST", "PUT", "PATCH"})

KNOWN_CALLER: Final = "retainer.caller"
"""Where our own pages put their session's caller, in the scope of a call in this process: no network writes there."""

Gate = Callable[[Services, Caller], Awaitable[None]]
"""Refuses a caller (Forbidden, NotFound) for more than the role."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

BEARER: Final = Security(
    HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT", description="A JWT with role and tenant.")
)
"""For the document only: the guard checks the token itself, before anything of the request is looked at."""


def guarded(
    role: Role,
    gate: Gate | None = None,
    *,
    body_limit: int = BODY_LIMIT,
    plain: bool = False,
    streamed: str | None = None,
) -> type[APIRoute]:
    """The class of routes for callers of `role` that pass `gate`.

    `plain` routes look at no body and remember no answer: they always say the same. With `streamed`, a media type, the
    routes read their bodies themselves: JSON as it was read here, a body of that type as it arrives. The answer to a
    streamed body is not remembered under an Idempotency-Key, which is therefore refused.
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()
            takes_body = self.body_field is not None or streamed is not None

            async def answer(request: Request) -> Response:
                try:
                    services = of_request(request)
                    caller = await _caller(services, request)
                    bind(role=caller.role, agency=caller.agency, client=caller.client)
                    await _authorize(services, caller, role, gate)
                    request.state.caller = caller
                    _check_ids(request)
                    bind(client=request.path_params.get("client_id"))
                    if plain:
                        return _private(await handle(request))
                    if streamed and media_type_of(request) == streamed:
                        return _private(await _streaming(request, handle))
                    await _check_body(request, body_limit, takes_body=takes_body)
                    return _private(await idempotency.answered(services, caller, request, handle))
                except Exception as error:
                    return _private(problems.on_error(request, error))

            return answer

    return GuardedRoute


async def _current(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Calling = Annotated[Caller, Depends(_current)]
"""A route's parameter: who calls it."""


async def _caller(services: Services, request: Request) -> Caller:
    """Who calls: as the token says, or as the session of one of our own pages does."""
    known: Caller | None = request.scope.get(KNOWN_CALLER)
    return known or await services.tokens.caller(request.headers.get("authorization"))


async def _authorize(services: Services, caller: Caller, role: Role, gate: Gate | None) -> None:
    if caller.role is not role:
        raise Forbidden(f"This address is for the role {role}.")
    if gate:
        await gate(services, caller)


async def _streaming(request: Request, handle: Handler) -> Response:
    if idempotency.HEADER in request.headers:
        raise InvalidFields((idempotency.HEADER, f"is not taken with {media_type_of(request)}"))
    return await handle(request)


def _check_ids(request: Request) -> None:
    if not all(_ID.fullmatch(str(value)) for value in request.path_params.values()):
        raise NotFound


async def _check_body(request: Request, limit: int, *, takes_body: bool) -> None:
    """Read the body, which the route then finds read; refuse one that is too large or of a type we don't take."""
    if request.method not in _WRITES:
        return
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    body = await limited_body(request, limit)
    if not body:
        return
    if media_type_of(request) != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    if not takes_body and body.strip() != b"{}":
        raise InvalidFields(("body", "is not taken here"))


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def limited_body(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes. Raises BodyTooLarge as soon as there is more."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    # What Starlette itself does once a body is read: the route reads it again from here.
    request._body = b"".join(chunks)
    return request._body


def too_large(limit: int) -> BodyTooLarge:
    """The refusal of a body that has more bytes."""
    return BodyTooLarge(f"The body may have {limit} bytes at most.")


def _private(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response
