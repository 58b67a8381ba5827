"""Which card a number is, and how Stripe's documented test cards behave when they are saved and when they are charged.

A number is never stored: only its last four digits, its brand and a salted hash that recognises it on the same account.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.stripe.declines import Decline, decline_for
from sandbox.stripe.errors import CardError
from sandbox.stripe.types import Json

SETUP_SUCCEEDS = "succeeds"
SETUP_NEEDS_AUTHENTICATION = "needs_authentication"


class Behaviour(StrEnum):
    """How a saved card reacts to a charge, besides declining with a decline code."""

    PAYS = "pays"
    NEEDS_AUTHENTICATION = "needs_authentication"
    NEEDS_AUTHENTICATION_ON_SESSION = "needs_authentication_on_session"
    PROCESSING = "processing"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class CardModel:
    """One test card: what happens when it is saved, how it reacts to charges, and how once it has been set up."""

    number: str
    brand: str = "visa"
    setup: str = SETUP_SUCCEEDS
    behaviour: str = Behaviour.PAYS
    behaviour_once_set_up: str | None = None
    funding: str = "credit"
    country: str = "US"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _refused_everywhere(number: str, decline_code: str) -> CardModel:
    return CardModel(number, setup=decline_code, behaviour=decline_code)


_PAYING = (
    CardModel("4242424242424242"),
    CardModel("4000056655665556", funding="debit"),
    CardModel("5555555555554444", "mastercard"),
    CardModel("2223003122003222", "mastercard"),
    CardModel("5200828282828210", "mastercard", funding="debit"),
    CardModel("5105105105105100", "mastercard", funding="prepaid"),
    CardModel("378282246310005", "amex"),
    CardModel("371449635398431", "amex"),
    CardModel("6011111111111117", "discover"),
    CardModel("3056930009020004", "diners"),
    CardModel("3566002020360505", "jcb", country="JP"),
    CardModel("6200000000000005", "unionpay", country="CN"),
    CardModel("4000008260000000", country="GB"),
    CardModel("4000002760000016", country="DE"),
    CardModel("4000002500000003", country="FR"),
)
_DECLINING = (
    _refused_everywhere("4000000000000002", "generic_decline"),
    _refused_everywhere("4000000000009995", "insufficient_funds"),
    _refused_everywhere("4000000000009987", "lost_card"),
    _refused_everywhere("4000000000009979", "stolen_card"),
    _refused_everywhere("4000000000000069", "expired_card"),
    _refused_everywhere("4000000000000127", "incorrect_cvc"),
    _refused_everywhere("4000000000000119", "processing_error"),
    _refused_everywhere("4000000000006975", "card_velocity_exceeded"),
    _refused_everywhere("4100000000000019", "fraudulent"),
    CardModel("4000000000000341", behaviour="generic_decline"),
)
_AUTHENTICATING = (
    CardModel(
        "4000002500003155",
        setup=SETUP_NEEDS_AUTHENTICATION,
        behaviour=Behaviour.NEEDS_AUTHENTICATION,
        behaviour_once_set_up=Behaviour.PAYS,
        country="FR",
    ),
    CardModel(
        "4000002760003184",
        setup=SETUP_NEEDS_AUTHENTICATION,
        behaviour=Behaviour.NEEDS_AUTHENTICATION,
        country="DE",
    ),
    CardModel(
        "4000008260003178",
        setup=SETUP_NEEDS_AUTHENTICATION,
        behaviour=Behaviour.NEEDS_AUTHENTICATION,
        behaviour_once_set_up="insufficient_funds",
        country="GB",
    ),
    CardModel("4000003800000446", behaviour=Behaviour.NEEDS_AUTHENTICATION_ON_SESSION, country="HU"),
)

BY_NUMBER = {card.number: card for card in (*_PAYING, *_DECLINING, *_AUTHENTICATING)}

# The names under which Stripe's test mode offers the same cards without a page: pm_card_…, tok_….
BY_NAME = {
    "visa": BY_NUMBER["4242424242424242"],
    "visa_debit": BY_NUMBER["4000056655665556"],
    "mastercard": BY_NUMBER["5555555555554444"],
    "mastercard_debit": BY_NUMBER["5200828282828210"],
    "mastercard_prepaid": BY_NUMBER["5105105105105100"],
    "amex": BY_NUMBER["378282246310005"],
    "discover": BY_NUMBER["6011111111111117"],
    "diners": BY_NUMBER["3056930009020004"],
    "jcb": BY_NUMBER["3566002020360505"],
    "unionpay": BY_NUMBER["6200000000000005"],
    "chargeDeclined": BY_NUMBER["4000000000000002"],
    "visa_chargeDeclined": BY_NUMBER["4000000000000002"],
    "visa_chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
    "chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
    "visa_chargeDeclinedLostCard": BY_NUMBER["4000000000009987"],
    "visa_chargeDeclinedStolenCard": BY_NUMBER["4000000000009979"],
    "visa_chargeDeclinedVelocityLimitExceeded": BY_NUMBER["4000000000006975"],
    "chargeDeclinedExpiredCard": BY_NUMBER["4000000000000069"],
    "chargeDeclinedIncorrectCvc": BY_NUMBER["4000000000000127"],
    "chargeDeclinedProcessingError": BY_NUMBER["4000000000000119"],
    "chargeCustomerFail": BY_NUMBER["4000000000000341"],
    "radarBlock": BY_NUMBER["4100000000000019"],
    "authenticationRequired": BY_NUMBER["4000002760003184"],
    "authenticationRequiredOnSetup": BY_NUMBER["4000002500003155"],
    "authenticationRequiredSetupForOffSession": BY_NUMBER["4000003800000446"],
    "authenticationRequiredChargeDeclinedInsufficientFunds": BY_NUMBER["4000008260003178"],
}


@dataclass(frozen=True)
class TypedCard:
    """What somebody typed into a hosted page, found to be a possible card."""

    model: CardModel
    exp_month: int
    exp_year: int


def read_typed_card(fields: Json, now: int) -> TypedCard:
    """The card in a page's fields, or the refusal in the words that Stripe shows to the person who typed it."""
    number = "".join(str(fields.get("number", "")).split())
    if not number.isdigit() or not 12 <= len(number) <= 19 or not _passes_luhn(number):
        raise typing_error("incorrect_number", "Your card number is incorrect.", "number")
    exp_month, exp_year = _read_expiry(fields, now)
    cvc = str(fields.get("cvc", "")).strip()
    if not cvc.isdigit() or len(cvc) not in (3, 4):
        raise typing_error("invalid_cvc", "Your card's security code is invalid.", "cvc")
    model = BY_NUMBER.get(number) or CardModel(number, setup="test_mode_live_card", behaviour="test_mode_live_card")
    return TypedCard(model, exp_month, exp_year)


def _read_expiry(fields: Json, now: int) -> tuple[int, int]:
    month, year = str(fields.get("exp_month", "")).strip(), str(fields.get("exp_year", "")).strip()
    if not month.isdigit() or not 1 <= int(month) <= 12:
        raise typing_error("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    today = datetime.fromtimestamp(now, UTC)
    full_year = int(year) + 2000 if year.isdigit() and len(year) == 2 else int(year) if year.isdigit() else 0
    if not today.year <= full_year <= today.year + 50:
        raise typing_error("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    if full_year == today.year and int(month) < today.month:
        raise typing_error("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    return int(month), full_year


def typing_error(code: str, message: str, param: str) -> CardError:
    """A refusal of what was typed, before any bank was asked."""
    return CardError(message, code=code, param=param)


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def fingerprint(salt: str, account: str, number: str) -> str:
    """The same for the same number on the same account, and for nothing else."""
    return hmac.new(salt.encode(), f"{account}:{number}".encode(), hashlib.sha256).hexdigest()[:16]


def decline_of(behaviour: str, *, advice_code: str | None, network_advice_code: str | None) -> Decline:
    """The decline that a behaviour stands for."""
    decline_code = "fraudulent" if behaviour == Behaviour.BLOCKED else behaviour
    return decline_for(decline_code, advice_code=advice_code, network_advice_code=network_advice_code)
