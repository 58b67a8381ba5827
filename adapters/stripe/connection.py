"""The one connection to Stripe: every read and every write of the system goes through it.

A write names its idempotency key. The SDK would make up a random one where none is given, so that each retry would be
a new charge; the transport refuses to send such a request, whoever built it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import stripe

from adapters.stripe import keys
from adapters.stripe.calls import seen
from adapters.stripe.troubles import trouble
from billing.payments import OutcomeUnknown

TIMEOUT_SECONDS: Final = 20.0
"""Half of a step's time, so that one lost answer still leaves room for one more try. The SDK's own default is 80."""

_STORED_FAILURES: Final = 40
"""How many stored failures are stepped over: two for each try of a step, on its backoff an outage of seven hours."""

T = TypeVar("T")
Call = Callable[[stripe.RequestOptions], Awaitable[T]]
"""A call of the SDK that still waits for its options: whose account it is for, and its key."""


class WriteWithoutKey(RuntimeError):
    """A write was about to leave without a key of ours: a defect, never an answer of Stripe's."""


class Connection:
    """Stripe's services (`v1`), and the two ways to call them."""

    def __init__(self, client: stripe.StripeClient, transport: stripe.HTTPXClient) -> None:
        self.v1 = client.v1
        self.oauth = client.oauth
        self._client = client
        self._transport = transport

    async def read(self, call: Call[T], account: str | None) -> T:
        """Ask, on behalf of `account` (none: of the platform). Raises billing.payments.PaymentTrouble."""
        return await _answered(call, {"stripe_account": account}, account)

    async def write(self, key: str, call: Call[T], account: str | None) -> T:
        """Change something under `key`; the same key and content again brings the first answer again.

        Raises billing.payments.PaymentTrouble.
        """
        return await _answered(call, {"stripe_account": account, "idempotency_key": key}, account)

    async def put(self, key: str, call: Call[T], account: str | None) -> T:
        """A write that may happen twice without harm: a failure that is stored under its key is stepped over.

        Raises billing.payments.PaymentTrouble.
        """
        return await stepping_over(0, lambda series: self.write(keys.in_series(key, series), call, account))

    async def ask_connect(self, path: str, key: str, **params: str) -> Mapping[str, object]:
        """A write to Connect's own address, where OAuth answers. Raises stripe.StripeError."""
        answer = await self._client.raw_request_async("post", path, base="connect", idempotency_key=key, **params)
        body: Mapping[str, object] = answer.data
        return body

    async def close(self) -> None:
        await self._transport.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it without types


def connect(api_key: str, api_base: str | None = None, *, timeout: float = TIMEOUT_SECONDS) -> Connection:
    """A connection for one event loop, to Stripe itself unless `api_base` says otherwise; `timeout` in seconds.

    Retries are the caller's: the SDK makes none.
    """
    transport = _KeyedTransport(timeout=timeout)
    client = stripe.StripeClient(
        api_key,
        base_addresses={
            "api": (api_base or stripe.DEFAULT_API_BASE).rstrip("/"),
            "connect": (api_base or stripe.DEFAULT_CONNECT_API_BASE).rstrip("/"),
        },
        max_network_retries=0,
        http_client=transport,
    )
    return Connection(client, transport)


class _KeyedTransport(stripe.HTTPXClient):
    """Sends no write without a key of ours: ours hold a colon, the random ones that the SDK makes up do not.

    Every request passes here, and is seen (adapters/stripe/calls.py).
    """

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        if method != "get" and ":" not in headers.get("Idempotency-Key", ""):
            raise WriteWithoutKey(f"{method} {url}")
        with seen(method, url, headers) as call:
            body, status, answered = await super().request_async(method, url, headers, post_data)
            call.answered(status, answered)
        return body, status, answered


async def _answered(call: Call[T], options: stripe.RequestOptions, account: str | None) -> T:
    try:
        return await call(options)
    except stripe.StripeError as error:
        raise trouble(error, account) from error


async def stepping_over(era: int, act: Callable[[str], Awaitable[T]]) -> T:
    """What `act` comes to under the first series of keys that holds no stored failure.

    Stripe repeats a stored 5xx for as long as it keeps the key. Only a repeated one is stepped over: each try of an
    outage uses up one series at most. `era` is how many key lifetimes ago the first send was.
    """
    failures = 0
    while True:
        try:
            return await act(f"{era}.{failures}" if era or failures else "")
        except OutcomeUnknown as failure:
            if not failure.stored or failures == _STORED_FAILURES:
                raise
            failures += 1


def replayed(answer: stripe.StripeObject) -> bool:
    """Whether this is what Stripe answered earlier under the same key: by now the object may have moved on."""
    response = answer.last_response
    return response is not None and response.headers.get("Idempotent-Replayed") == "true"
