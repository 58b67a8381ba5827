"""From the SDK's exceptions to ours: the table "Answers" of stripe.md, in one place.

Codes are read from `error.error`: on the exception itself they are mostly None.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeGuard

import stripe

from billing.payments import KeyMisused, OutcomeUnknown, PaymentTrouble, PlatformRefused, Refused, TryLater

NO_ACCESS: Final = "account_invalid"
"""The code when an account took our access away. Any other 403 is about our own key, whatever account was named."""


def trouble(error: stripe.StripeError, account: str | None) -> PaymentTrouble:
    """What `error` means for a call made on behalf of `account` (none: for the platform itself)."""
    status = error.http_status
    message, request = _message(error), error.request_id
    if isinstance(error, stripe.IdempotencyError):
        return KeyMisused(message, request=request)
    if _try_later(error):
        return TryLater(message, retry_after=_retry_after(error), request=request)
    # Without an error body of Stripe's the answer is not Stripe's: a proxy's page says nothing about the call.
    if not _is_refusal(status) or not error.error:
        return OutcomeUnknown(message, stored=_stored(error), request=request)
    lost_access = account is not None and error.error.code == NO_ACCESS
    if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and not lost_access):
        return PlatformRefused(message, request=request)
    return Refused(message, status=status, code=error.error.code, request=request)


def _is_refusal(status: int | None) -> TypeGuard[int]:
    return status is not None and HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def _try_later(error: stripe.StripeError) -> bool:
    """409 and 429, and any refusal that Stripe itself advises to repeat; a 5xx stays an unknown outcome."""
    status, advice = error.http_status, _header(error, "stripe-should-retry")
    if isinstance(error, stripe.RateLimitError) or status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if status == HTTPStatus.CONFLICT:
        return advice != "false"
    return _is_refusal(status) and advice == "true"


def _stored(error: stripe.StripeError) -> bool:
    return _header(error, "idempotent-replayed") == "true"


def _retry_after(error: stripe.StripeError) -> timedelta | None:
    seconds = _header(error, "retry-after") or ""
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and seconds.isascii() and len(seconds) < 7 else None


def _header(error: stripe.StripeError, name: str) -> str | None:
    return (error.headers or {}).get(name)


def _message(error: stripe.StripeError) -> str:
    """Stripe's sentence with the cause of a lost connection, which the SDK keeps only as the exception's cause."""
    said = error.user_message or type(error).__name__
    cause = error.__cause__
    return f"{said} ({type(cause).__name__}: {cause})" if cause else str(said)
