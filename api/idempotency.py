"""`Idempotency-Key`: one key of one caller, on one method and path, is one request, for 24 h of the system clock.

Answers show secrets and links that sign in: they are kept sealed (docs/adr/0024).
"""

import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from adapters.postgres import idempotency as keys
from adapters.sealing import CannotOpen, seal_of
from api import problems
from api.ids import new_seed
from api.problems import Conflict, InvalidFields, TemporarilyUnavailable
from api.services import Services
from api.tokens import Caller

HEADER: Final = "Idempotency-Key"
_HONOURED: Final = frozenset({"POST", "PUT", "DELETE"})
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

log = logging.getLogger(__name__)


async def answered(
    services: Services, caller: Caller, request: Request, handle: Callable[[Request], Awaitable[Response]]
) -> Response:
    """The answer of `handle`, or of the first request under the same key.

    Raises Conflict `idempotency_key_reused` for other content under the key, `request_in_progress` while the first is
    open, TemporarilyUnavailable when the answer that was given can't be opened.
    """
    key = request.headers.get(HEADER)
    if request.method not in _HONOURED or key is None:
        request.state.seed = new_seed()
        return await handle(request)
    if not _KEY.fullmatch(key):
        raise InvalidFields((HEADER, "must be 1 to 255 printable ASCII characters without spaces"))
    scope = keys.Scope(_name(caller), request.method, request.url.path, key)
    begun = await keys.begin(services.database, scope, await _content(request), datetime.now(UTC))
    match begun:
        case keys.Stored():
            return _replay(services, scope, begun)
        case keys.Reused():
            raise Conflict("idempotency_key_reused", "The key was used for another content. Take a new key.")
        case keys.InProgress():
            raise Conflict("request_in_progress", "The first request under this key is still being answered.")
        case keys.Begun():
            request.state.seed = _hash(*scope, begun.started_at.isoformat())
            request.state.update_id = _hash(*scope)
            return await _first(services, scope, request, handle)


async def _first(
    services: Services, scope: keys.Scope, request: Request, handle: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Answer and remember; what is not final (202, 5xx) is asked again under the same key."""
    response: Response | None = None
    try:
        response = await _made(request, handle)
        return response
    finally:
        final = response if response and _is_final(response) else None
        stored = _stored(services, scope, final) if final else None
        await keys.finish(services.database, scope, stored, datetime.now(UTC))


async def _made(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        return problems.on_error(request, error)


def _is_final(response: Response) -> bool:
    return response.status_code != HTTPStatus.ACCEPTED and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


def _stored(services: Services, scope: keys.Scope, response: Response) -> keys.Stored:
    kept = {name: value for name, value in response.headers.items() if name in ("content-type", "location")}
    body = seal_of(services.settings).close(_hash(*scope), bytes(response.body).decode())
    return keys.Stored(response.status_code, kept, body)


def _replay(services: Services, scope: keys.Scope, stored: keys.Stored) -> Response:
    try:
        body = seal_of(services.settings).open(_hash(*scope), stored.body)
    except CannotOpen as error:
        log.error("an answer can't be given again: SECRETS_KEY lacks the key that it was sealed by")
        raise TemporarilyUnavailable("The answer under this key can't be read just now. Ask again with it.") from error
    return Response(body, stored.status, {**stored.headers, "Idempotent-Replayed": "true"})


async def _content(request: Request) -> str:
    return _hash(request.url.query, (await request.body()).hex())


def _name(caller: Caller) -> str:
    return json.dumps([caller.role, caller.subject, caller.agency, caller.client])


def _hash(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def seed(request: Request) -> str:
    """What the ids of this request's new rows derive from."""
    made: str = request.state.seed
    return made


def update_id(request: Request) -> str:
    """The id of the command that this request is: the same key asks for the same command."""
    made: str = getattr(request.state, "update_id", None) or request.state.seed
    return made
