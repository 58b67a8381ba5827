"""Stripe's events at the door: is this from Stripe, is it fresh, and whom does it concern?

WebhookRefused
├── BadSignature      no secret of ours signed this body, or there is no readable signature
├── StaleTimestamp    signed more than 300 s ago, or that far ahead
└── MalformedBody     signed, but not an event
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import stripe

from adapters.stripe.readings import instant

TOLERANCE: Final = timedelta(seconds=300)

Json = Mapping[str, Any]


class WebhookRefused(Exception):
    """Base of everything for which a delivery is turned away."""


class BadSignature(WebhookRefused):
    pass


class StaleTimestamp(WebhookRefused):
    pass


class MalformedBody(WebhookRefused):
    pass


@dataclass(frozen=True)
class WebhookEvent:
    """One event. `account` is the tenant, "" for the platform's own; `payload` is the JSON text as it was signed.

    `customer` and `invoice` are Stripe's ids, where the event's object is one or names one.
    """

    id: str
    type: str
    account: str
    livemode: bool
    created_at: datetime
    object_id: str
    customer: str | None
    invoice: str | None
    payload: str


def as_if_delivered(event: Json, account: str) -> WebhookEvent:
    """An event that was read from Stripe's list on behalf of the account, in the form in which a webhook brings it."""
    return _event(json.dumps({**event, "account": account}, default=str))


def verify(body: bytes, signature: str | None, secrets: Sequence[str], now: datetime) -> WebhookEvent:
    """The event in `body`, when the header `Stripe-Signature` proves it. Raises WebhookRefused.

    `secrets` are the endpoint's one or, during a rotation, two. `now` is the wall clock's: signatures know no other.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadSignature("the body is not UTF-8") from error
    header = signature or ""
    if not any(_signed(text, header, secret) for secret in secrets):
        raise BadSignature("no secret of this endpoint signed the body")
    # The SDK checks for old timestamps only: a stolen body signed far ahead would stay good for ever.
    if abs(now.timestamp() - _timestamp(header)) > TOLERANCE.total_seconds():
        raise StaleTimestamp(f"signed at {_timestamp(header)}")
    return _event(text)


def _signed(text: str, header: str, secret: str) -> bool:
    # hmac.compare_digest raises on other than ASCII, and a header may hold anything.
    if not header.isascii():
        return False
    try:
        stripe.WebhookSignature.verify_header(text, header, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def _timestamp(header: str) -> int:
    """The time in a header that has been verified; the first, as the SDK takes it."""
    return int(next(item.removeprefix("t=") for item in header.split(",") if item.startswith("t=")))


def _event(text: str) -> WebhookEvent:
    try:
        event = json.loads(text)
        subject: Json = event["data"]["object"]
        customer, invoice = _concerned(subject, event["data"].get("previous_attributes") or {})
        return WebhookEvent(
            id=_text(event["id"]),
            type=_text(event["type"]),
            account=_text(event.get("account") or ""),
            livemode=bool(event["livemode"]),
            created_at=instant(event["created"]),
            object_id=_text(subject.get("id") or ""),
            customer=customer,
            invoice=invoice,
            payload=text,
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise MalformedBody("not an event of Stripe's") from error


def _concerned(subject: Json, before: Json) -> tuple[str | None, str | None]:
    """The customer and the invoice. A detached payment method names its customer only among what it was before."""
    kind = subject.get("object")
    customer = subject["id"] if kind == "customer" else subject.get("customer") or before.get("customer")
    invoice = subject["id"] if kind == "invoice" else subject.get("invoice")
    return _id(customer), _id(invoice)


def _id(value: object) -> str | None:
    """An id, also where the object stands expanded in its place."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
