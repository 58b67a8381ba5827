"""Each HTTP request as it is seen from outside: its id, its figures, one log line and one span.

The line names the route by its template: an address holds ids, and a query may hold a token.
"""

import logging
import re
import time
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from opentelemetry.trace import Span, Status, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.telemetry import metrics, tracing
from adapters.telemetry.context import bound
from api import problems

REQUEST_ID: Final = "X-Request-Id"
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds, by machines."""
UNMATCHED: Final = "unmatched"

log = logging.getLogger(__name__)


class ObserveRequests:
    """Around the whole application: every answer carries its X-Request-Id, what nobody foresaw included.

    The id is the caller's own, where it has a usable form. A `traceparent` is honoured.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        answer = _Answer(given if _GIVEN_ID.fullmatch(given) else uuid4().hex, send)
        span = tracing.span(_method(scope), tracing.SpanKind.SERVER, {"retainer.request_id": answer.id}, headers)
        began = time.perf_counter()
        with bound(request_id=answer.id), span as recording, tracing.in_log_lines():
            try:
                await self._app(scope, receive, answer.send)
            except Exception as error:
                if answer.status:
                    raise  # it has begun: only the connection can say that it is broken
                await problems.response(problems.problem_of(error))(scope, receive, answer.send)
            finally:
                _tell(scope, answer.status or 0, time.perf_counter() - began, recording)


class _Answer:
    """What is sent, on its way out."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.id = request_id
        self.status: int | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.id
        await self._send(message)


def _tell(scope: Scope, status: int, seconds: float, span: Span) -> None:
    """Status 0: the caller went away before there was an answer."""
    method, route = _method(scope), _route(scope)
    metrics.HTTP_REQUESTS.labels(method, route, str(status)).inc()
    metrics.HTTP_SECONDS.labels(method, route).observe(seconds)
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
    level = logging.DEBUG if route in _PROBES else logging.INFO
    extra = {"method": method, "route": route, "status": status, "milliseconds": round(seconds * 1000, 1)}
    log.log(level, "request", extra=extra)


def _method(scope: Scope) -> str:
    """Anybody may send any word as a method: only those that exist are told apart."""
    method: str = scope["method"]
    return method if method in _METHODS else "other"


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", UNMATCHED)
