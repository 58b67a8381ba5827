"""Every refusal of the API, as `application/problem+json` (RFC 9457) with a stable `code`.

Problem
├── Unreadable              400  the request can't be parsed
├── Unauthenticated         401  no token, or a bad one
├── Forbidden               403  wrong role, permission or tier
├── NotFound                404  unknown, or another tenant's
├── MethodNotAllowed        405  with Allow
├── Conflict                409  the state of things refuses it
├── BodyTooLarge            413
├── UnsupportedMediaType    415
├── InvalidFields           422  readable, but wrong: each field is named in `errors`
├── TooManyRequests         429  with Retry-After
└── TemporarilyUnavailable  503  something we need is away; nothing was changed
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.postgres.pool import CONNECTION_LOST
from adapters.temporal import TemporalAway
from billing.payments import KeyMisused, PaymentTrouble, TryLater

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 5
DATABASE_AWAY: Final = (
    *CONNECTION_LOST,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""What a database raises that is away, or too busy."""

log = logging.getLogger(__name__)


class Problem(Exception):
    """Base of every answer that is not a success."""

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class Unreadable(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "unreadable"


class Unauthenticated(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"

    def __init__(self, detail: str = "There is nothing under this address.") -> None:
        super().__init__(detail)


class MethodNotAllowed(Problem):
    """405: the address exists, the method does not. `Allow` says which do."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__("This address does not take this method.", headers=headers)


class Conflict(Problem):
    """`code` says which state stands in the way; every conflict has its own."""

    status = HTTPStatus.CONFLICT

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)


class BodyTooLarge(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class UnsupportedMediaType(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class InvalidFields(Problem):
    """`fields` are (field, what is wrong with it)."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_fields"

    def __init__(self, *fields: tuple[str, str], code: str | None = None) -> None:
        errors = [{"field": field, "detail": detail} for field, detail in fields]
        super().__init__("The request has fields that can't be accepted.", code=code, errors=errors)


class TooManyRequests(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(self, detail: str, retry_after: timedelta) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, round(retry_after.total_seconds())))})


class TemporarilyUnavailable(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "temporarily_unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(_RETRY_SECONDS)})


def response(problem: Problem) -> Response:
    """The problem as it is sent."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """What `error` means to the caller. What nobody foresaw is logged and says nothing about itself."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error.errors())
        case HTTPException():
            return _of_status(error)
        case PaymentTrouble():
            return _of_payments(error)
        case TemporalAway():
            return TemporarilyUnavailable("The billing engine does not answer just now. Nothing was changed.")
        case _ if isinstance(error, DATABASE_AWAY):
            log.warning("database: %r", error)
            return TemporarilyUnavailable("The database does not answer just now. Nothing was changed.")
        case _:
            log.exception("unforeseen", exc_info=error)
            return Problem("Something went wrong on our side. It has been recorded.")


def on_error(request: Request, error: Exception) -> Response:
    """Exception handler of the application."""
    return response(problem_of(error))


def _invalid(errors: Iterable[Any]) -> Problem:
    found = list(errors)
    if any(error["type"] == "json_invalid" for error in found):
        return Unreadable("The body is not JSON.")
    return InvalidFields(*((_field(error["loc"]), _said(error["msg"])) for error in found))


def _field(location: tuple[int | str, ...]) -> str:
    """Where it stands, as a caller writes it: `price.amount`; the body itself is `body`."""
    path = location[1:] or location
    return ".".join(str(part) for part in path)


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _of_status(error: HTTPException) -> Problem:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(error.headers or {})
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BodyTooLarge("The body is larger than this address takes.")
        case HTTPStatus.BAD_REQUEST:
            return Unreadable("The body can't be read.")
        case _:
            log.error("unforeseen status %s: %s", error.status_code, error.detail)
            return Problem("Something went wrong on our side. It has been recorded.")


def _of_payments(error: PaymentTrouble) -> Problem:
    log.warning("Stripe: %s (%s)", error, error.request)
    match error:
        case TryLater():
            wait = error.retry_after or timedelta(seconds=_RETRY_SECONDS)
            return TooManyRequests("Stripe takes no more requests just now.", wait)
        case KeyMisused():
            return Problem("Something went wrong on our side. It has been recorded.")
        case _:
            return TemporarilyUnavailable("Stripe does not answer just now. Ask again with the same Idempotency-Key.")
