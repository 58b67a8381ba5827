"""How a request to `/v1/…` goes: who asks, what fails on purpose, was it answered before, is it valid, what happens.

Everything that a request changes (objects, events, deliveries to make, the result under its idempotency key) is one
transaction. Refusals from before the endpoint ran leave nothing behind.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import sandbox.stripe.resources  # noqa: F401  (registers every endpoint)
from sandbox.stripe.errors import AccountInvalid, ApiError, ServerError, Unauthorized
from sandbox.stripe.expand import expand
from sandbox.stripe.faults import Fault, Faults
from sandbox.stripe.forms import decode_form
from sandbox.stripe.idempotency import IdempotencyKeys, Result, fingerprint_of
from sandbox.stripe.ids import new_id
from sandbox.stripe.limits import RateLimits, rate_limited
from sandbox.stripe.params import read_params
from sandbox.stripe.routing import Call, Endpoint, answer_body, router
from sandbox.stripe.types import Json
from sandbox.stripe.work import API_VERSION, Site, Work

REQUESTS_KEPT = 5_000

# Where Stripe says whether trying the same again can help.
_SHOULD_RETRY = {400: "false", 402: "false", 404: "false", 409: "true", 429: "true"}


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str


@dataclass
class Reply:
    """What goes back; `cut` means that the connection ends without a word."""

    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


CUT = Reply(cut=True)


@dataclass
class Exchange:
    """One request on its way: filled in as more is known about it."""

    request: Request
    request_id: str
    account: str = ""
    call: str = ""
    status: int = 0
    replayed: bool = False

    @property
    def key(self) -> str | None:
        """The idempotency key; a GET needs none."""
        return None if self.request.method == "GET" else self.request.headers.get("idempotency-key")

    def log_entry(self) -> Json:
        """What the request log keeps of it."""
        return {
            "request_id": self.request_id,
            "method": self.request.method,
            "path": self.request.path,
            "call": self.call,
            "account": self.account,
            "idempotency_key": self.key,
            "status": self.status,
            "replayed": self.replayed,
        }


class Api:
    """The API over one site."""

    def __init__(self, site: Site, api_key: str, faults: Faults, stopping: asyncio.Event) -> None:
        self.site = site
        self.faults = faults
        self.limits = RateLimits()
        self.keys = IdempotencyKeys(site.store)
        self.requests: deque[Json] = deque(maxlen=REQUESTS_KEPT)
        self.in_flight = 0
        self._api_key = api_key
        self._stopping = stopping

    async def answer(self, request: Request) -> Reply:
        """The reply to one request, whatever happens to it."""
        exchange = Exchange(request, new_id("request"))
        self.in_flight += 1
        try:
            reply = await self._admit(exchange)
        except ApiError as error:
            reply = self._refusal(exchange, error)
        finally:
            self.in_flight -= 1
        exchange.status = reply.status
        self.requests.append(exchange.log_entry())
        return reply

    async def _admit(self, exchange: Exchange) -> Reply:
        request = exchange.request
        exchange.account = self._authenticate(request.headers)
        entry, ids = router.find(request.method, request.path)
        exchange.call = entry.name
        self.limits.admit(exchange.account, entry.name, self.site.clock.wall())
        if self.faults.take(entry.name, Fault.REFUSE):
            return CUT
        if self.faults.take(entry.name, Fault.RATE_LIMIT):
            raise rate_limited()
        if exchange.key is None:
            return await self._perform_with_faults(exchange, entry, ids)
        self.keys.begin(exchange.account, exchange.key)
        try:
            return await self._perform_with_faults(exchange, entry, ids)
        finally:
            self.keys.end(exchange.account, exchange.key)

    async def _perform_with_faults(self, exchange: Exchange, entry: Endpoint, ids: dict[str, str]) -> Reply:
        if (early := self.faults.take(entry.name, Fault.DELAY_BEFORE)) and await self._stopped_within(early.seconds):
            return CUT
        try:
            reply = self._perform(exchange, entry, ids)
        except ApiError as error:
            reply = self._refusal(exchange, error)
        if (late := self.faults.take(entry.name, Fault.DELAY)) and await self._stopped_within(late.seconds):
            return CUT
        return CUT if self.faults.take(entry.name, Fault.DROP_ANSWER) else reply

    def _perform(self, exchange: Exchange, entry: Endpoint, ids: dict[str, str]) -> Reply:
        """Replay the stored result or run the endpoint; nothing can come between, for nothing here waits."""
        request, key = exchange.request, exchange.key
        form = decode_form("&".join(part for part in (request.query, request.body) if part))
        fingerprint = fingerprint_of(request.method, request.path, form)
        now = self.site.clock.now()
        if key and (stored := self.keys.recall(exchange.account, key, fingerprint, now)):
            exchange.replayed = True
            return self._reply(exchange, stored.status, stored.body, original=stored.request_id)
        params = read_params(entry.params, form)
        fails = self.faults.take(entry.name, Fault.ERROR_500) is not None
        work = Work(self.site, exchange.account, request_id=exchange.request_id, idempotency_key=key)
        with self.site.store.transaction():
            status, body = self._run(exchange, entry, Call(work, request.path, params, ids), fails)
            if key:
                self.keys.remember(exchange.account, key, fingerprint, now, Result(status, body, exchange.request_id))
        return self._reply(exchange, status, body)

    def _run(self, exchange: Exchange, entry: Endpoint, call: Call, fails: bool) -> tuple[int, str]:
        """The endpoint's status and body; only errors that Stripe stores come back as a result."""
        store = self.site.store
        store.execute("SAVEPOINT endpoint")
        try:
            if fails:
                raise ServerError("An unknown error occurred")
            answer = entry.handler(call)
            call.work.flush()
            body = expand(call.work, answer_body(answer, call.path), call.params.get("expand", []))
            return 200, json.dumps(body)
        except ApiError as error:
            if error.keeps_effects:
                call.work.flush()
            else:
                store.execute("ROLLBACK TO endpoint")
            if not error.stored:
                raise
            return error.status, self._error_body(exchange, error)

    def _authenticate(self, headers: Mapping[str, str]) -> str:
        """The account that the request speaks for."""
        given = _api_key_of(headers.get("authorization", ""))
        if not given:
            raise Unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        if given != self._api_key:
            raise Unauthorized(f"Invalid API Key provided: {given[:8]}{'*' * 8}{given[-4:]}")
        account = headers.get("stripe-account", self.site.platform)
        if account != self.site.platform and not self._connected(account):
            raise AccountInvalid(
                f"The provided key '{given[:8]}{'*' * 8}{given[-4:]}' does not have access to account '{account}' "
                "(or that account does not exist). Application access may have been revoked.",
                code="account_invalid",
            )
        return account

    def _connected(self, account: str) -> bool:
        record = self.site.store.load(account)
        return record is not None and record.kind == "account" and bool(record.hidden["connected"])

    def _refusal(self, exchange: Exchange, error: ApiError) -> Reply:
        return self._reply(exchange, error.status, self._error_body(exchange, error))

    def _reply(self, exchange: Exchange, status: int, body: str, original: str | None = None) -> Reply:
        headers = {
            "content-type": "application/json",
            "request-id": exchange.request_id,
            "stripe-version": exchange.request.headers.get("stripe-version", API_VERSION),
        }
        if exchange.account and exchange.account != self.site.platform:
            headers["stripe-account"] = exchange.account
        if exchange.key:
            headers["idempotency-key"] = exchange.key
        if original is not None:
            headers |= {"idempotent-replayed": "true", "original-request": original}
        if status in _SHOULD_RETRY:
            headers["stripe-should-retry"] = _SHOULD_RETRY[status]
        return Reply(status, body, headers)

    def _error_body(self, exchange: Exchange, error: ApiError) -> str:
        log_url = f"https://dashboard.stripe.com/test/logs/{exchange.request_id}"
        return json.dumps({"error": {**error.fields(), "request_log_url": log_url}})

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait, unless the faults are cleared or the process is told to stop first; whether it was."""
        ends = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self.faults.over())]
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        return self._stopping.is_set()


def _api_key_of(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    return credentials if scheme.lower() == "bearer" else ""
