"""Each request to Stripe as it is seen from outside: by figures, one log line and one span.

Never by its address, parameters or key: a mail address is looked for by parameter, and ids are without limit.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from adapters.telemetry import metrics, tracing

OTHER: Final = "other"
_NAMES: Final[Mapping[str, str]] = {
    "post account_links": "account_links.create",
    "get accounts": "accounts.list",
    "post accounts": "accounts.create",
    "get accounts/*": "accounts.retrieve",
    "get charges": "charges.list",
    "get charges/*": "charges.retrieve",
    "post checkout/sessions": "checkout.sessions.create",
    "get country_specs/*": "country_specs.retrieve",
    "get credit_notes": "credit_notes.list",
    "post credit_notes": "credit_notes.create",
    "get customers": "customers.list",
    "post customers": "customers.create",
    "get customers/*": "customers.retrieve",
    "post customers/*": "customers.update",
    "get events": "events.list",
    "get invoices": "invoices.list",
    "post invoices": "invoices.create",
    "get invoices/*": "invoices.retrieve",
    "post invoices/*": "invoices.update",
    "delete invoices/*": "invoices.delete",
    "post invoices/*/add_lines": "invoices.add_lines",
    "post invoices/create_preview": "invoices.create_preview",
    "post invoices/*/finalize": "invoices.finalize_invoice",
    "get invoices/*/lines": "invoices.line_items.list",
    "post invoices/*/mark_uncollectible": "invoices.mark_uncollectible",
    "post invoices/*/pay": "invoices.pay",
    "post invoices/*/send": "invoices.send_invoice",
    "post invoices/*/void": "invoices.void_invoice",
    "get invoice_payments": "invoice_payments.list",
    "get disputes": "disputes.list",
    "get disputes/*": "disputes.retrieve",
    "get prices": "prices.list",
    "post prices": "prices.create",
    "get prices/*": "prices.retrieve",
    "get products": "products.list",
    "post products": "products.create",
    "post products/*": "products.update",
    "get refunds": "refunds.list",
    "post refunds": "refunds.create",
    "get refunds/*": "refunds.retrieve",
    "get setup_intents/*": "setup_intents.retrieve",
    "get tax_rates/*": "tax_rates.retrieve",
    "get webhook_endpoints": "webhook_endpoints.list",
}
"""What we call, under the name that the official client gives it."""

log = logging.getLogger(__name__)


@dataclass
class Seen:
    """One request. `result` stays `no_answer` until `answered` says otherwise."""

    call: str
    account: str
    key: str
    result: str = "no_answer"
    status: int | None = None
    request: str | None = None
    replayed: bool = False

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.result = status, result_of(status)
        self.request = headers.get("request-id")
        self.replayed = headers.get("idempotent-replayed") == "true"


@contextlib.contextmanager
def seen(method: str, url: str, headers: Mapping[str, str]) -> Iterator[Seen]:
    """Around one request; who makes it says what was answered."""
    call = Seen(call_name(method, url), headers.get("Stripe-Account", ""), headers.get("Idempotency-Key", ""))
    began = time.perf_counter()
    with tracing.span(
        f"stripe {call.call}",
        tracing.SpanKind.CLIENT,
        {"stripe.call": call.call, "stripe.account": call.account or "platform"},
    ) as span:
        try:
            yield call
        finally:
            span.set_attribute("stripe.result", call.result)
            if call.request:
                span.set_attribute("stripe.request_id", call.request)
            _tell(call, time.perf_counter() - began)


def call_name(method: str, url: str) -> str:
    """The official client's name of the call; `other` for what we never call."""
    path = urlsplit(url).path.partition("/v1/")[2]
    namespace = "checkout/" if path.startswith("checkout/") else ""
    resource, *rest = path.removeprefix(namespace).split("/")
    shape = "/".join((namespace + resource, *("*" for _ in rest[:1]), *rest[1:]))
    return _NAMES.get(f"{method.lower()} {shape}", OTHER)


def key_kind(key: str) -> str:
    """What an idempotency key of ours is of, without its ids: `invoice:attempt` (adapters/stripe/keys.py)."""
    parts = key.split(":")
    action = 3 if parts[0] == "plan" else 2
    return ":".join((parts[0], *parts[action : action + 1]))


def result_of(status: int) -> str:
    """One of five words for what Stripe answered (stripe.md, "Answers"); without an answer it is `no_answer`."""
    match status:
        case HTTPStatus.PAYMENT_REQUIRED:
            return "declined"
        case HTTPStatus.CONFLICT | HTTPStatus.TOO_MANY_REQUESTS:
            return "try_later"
        case _ if status < HTTPStatus.BAD_REQUEST:
            return "ok"
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return "refused"
        case _:
            return "failed"


def _tell(call: Seen, seconds: float) -> None:
    metrics.STRIPE_CALLS.labels(call.call, call.result).inc()
    metrics.STRIPE_SECONDS.labels(call.call).observe(seconds)
    extra = {
        "call": call.call,
        "account": call.account or None,
        "status": call.status,
        "result": call.result,
        "stripe_request_id": call.request,
        "milliseconds": round(seconds * 1000, 1),
        "key_kind": key_kind(call.key) or None,
        "replayed": call.replayed or None,
    }
    log.info("stripe call", extra={name: value for name, value in extra.items() if value is not None})
