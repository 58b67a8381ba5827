"""Which refusals Stripe gives, and what each leaves behind.

ApiError
├── InvalidRequest        400, found before the endpoint ran: nothing is stored under the idempotency key
│   └── MissingResource   404 for an id in the path, 400 for one in a parameter
├── InvalidState          400 from inside the endpoint: stored under the key and replayed
├── CardError             402: stored, and what happened (a failed charge) is kept
├── ServerError           500: stored, and replayed for as long as the key lives
├── KeyReused, KeyInUse   400 and 409 about the idempotency key itself
├── Unauthorized          401
├── AccountInvalid        403
└── RateLimited           429
"""

from typing import Any

from sandbox.stripe.types import Json


class ApiError(Exception):
    """An answer in Stripe's error form."""

    status = 400
    type = "invalid_request_error"
    stored = False
    keeps_effects = False

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.details = details

    def fields(self) -> Json:
        """What the error says; keys without a value are absent, as Stripe leaves them out."""
        doc_url = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}" if self.code else None
        fields = {
            "code": self.code,
            "doc_url": doc_url,
            "message": self.message,
            "param": self.param,
            "type": self.type,
            **self.details,
        }
        return {name: value for name, value in fields.items() if value is not None}


class InvalidRequest(ApiError):
    """The request itself is wrong: no endpoint ran."""


class MissingResource(InvalidRequest):
    """There is no such object on this account."""

    def __init__(self, noun: str, object_id: str, *, param: str, in_path: bool) -> None:
        super().__init__(f"No such {noun}: '{object_id}'", code="resource_missing", param=param)
        self.status = 404 if in_path else 400


class UnknownRoute(InvalidRequest):
    """No endpoint has this method and path."""

    status = 404


class InvalidState(ApiError):
    """The object's state does not allow it; Stripe gives many of these no code at all."""

    stored = True


class CardError(ApiError):
    """The bank, or Stripe, declined the card, or its holder must act."""

    status = 402
    type = "card_error"
    stored = True
    keeps_effects = True


class ServerError(ApiError):
    """Stripe's own fault."""

    status = 500
    type = "api_error"
    stored = True


class KeyReused(ApiError):
    """The idempotency key was used with other parameters or another endpoint."""

    type = "idempotency_error"


class KeyInUse(ApiError):
    """The first request under this key has not been answered yet."""

    status = 409
    type = "idempotency_error"


class Unauthorized(ApiError):
    """No key, or not ours."""

    status = 401


class AccountInvalid(ApiError):
    """The connected account does not exist or has revoked its access."""

    status = 403


class RateLimited(ApiError):
    """Too many requests in this second."""

    status = 429
