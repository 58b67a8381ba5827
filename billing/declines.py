"""What a declined payment means for the card, and what the client may be told (billing-rules 6, last table)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HARD_CODES: Final = _codes(
    """
    lost_card stolen_card pickup_card restricted_card security_violation invalid_account incorrect_number
    invalid_number expired_card card_not_supported currency_not_supported transaction_not_allowed not_permitted
    service_not_allowed stop_payment_order revocation_of_authorization revocation_of_all_authorizations
    merchant_blacklist fraudulent do_not_try_again
    """
)
_HARD_ADVICE: Final = frozenset({"do_not_try_again", "confirm_card_data"})
# Mastercard's own numbers: other networks use the same two digits for other things.
_HARD_MASTERCARD_ADVICE: Final = frozenset({"03", "21"})
_CUSTOMER_MUST_ACT: Final = "authentication_required"

# What Stripe asks not to disclose (lost, stolen, pickup, suspected fraud, block lists) is absent on purpose: it reads
# like any decline without a reason, and so does every code that we do not know.
_ANY_DECLINE: Final = "Your card was declined."
_BANK_SAYS_NO: Final = "Your bank declined the payment."
_BANK_TRY_LATER: Final = "Your bank could not process the payment just now."
_LIMIT: Final = "Your card has reached its spending limit."
_NUMBER: Final = "Your card number is incorrect."
_SECURITY_CODE: Final = "Your card's security code is incorrect."
_EXPIRY: Final = "Your card's expiry date is incorrect."
_ADDRESS: Final = "Your billing address does not match your card."
_KIND: Final = "Your card does not support this kind of payment."
_STOPPED: Final = "Payments to us have been stopped at your bank."
_REASONS: Final = {
    "authentication_required": "Your bank asks you to confirm this payment.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "currency_not_supported": "Your card does not support this currency.",
    "invalid_account": "Your card's account is not valid any more.",
    "new_account_information_available": "Your bank has issued new details for your card.",
    "duplicate_transaction": "Your bank took this for a repeated payment.",
    "card_velocity_exceeded": _LIMIT,
    "withdrawal_count_limit_exceeded": _LIMIT,
    "incorrect_number": _NUMBER,
    "invalid_number": _NUMBER,
    "incorrect_cvc": _SECURITY_CODE,
    "invalid_cvc": _SECURITY_CODE,
    "invalid_expiry_month": _EXPIRY,
    "invalid_expiry_year": _EXPIRY,
    "incorrect_address": _ADDRESS,
    "incorrect_zip": _ADDRESS,
    "card_not_supported": _KIND,
    "transaction_not_allowed": _KIND,
    "not_permitted": _KIND,
    "service_not_allowed": _KIND,
    "stop_payment_order": _STOPPED,
    "revocation_of_authorization": _STOPPED,
    "revocation_of_all_authorizations": _STOPPED,
    "call_issuer": _BANK_SAYS_NO,
    "do_not_honor": _BANK_SAYS_NO,
    "do_not_try_again": _BANK_SAYS_NO,
    "no_action_taken": _BANK_SAYS_NO,
    "approve_with_id": _BANK_SAYS_NO,
    "issuer_not_available": _BANK_TRY_LATER,
    "processing_error": _BANK_TRY_LATER,
    "reenter_transaction": _BANK_TRY_LATER,
    "try_again_later": _BANK_TRY_LATER,
}


class DeclineClass(StrEnum):
    """What a decline means for the card: never again, not without the client, or again later (billing-rules 6)."""

    HARD = "hard"
    CUSTOMER_MUST_ACT = "customer_must_act"
    SOFT = "soft"


@dataclass(frozen=True)
class Decline:
    """What Stripe said about a failed charge, in Stripe's own words; None where it said nothing."""

    code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    network_advice_code: str | None = None
    network_decline_code: str | None = None
    brand: str | None = None
    outcome_type: str | None = None


def classify(decline: Decline) -> DeclineClass:
    """The class of a decline (billing-rules 6, last table); codes that we do not know are soft.

    Hard wins over customer must act: a network that forbids another try is obeyed whatever the code beside it.
    """
    if _is_hard(decline):
        return DeclineClass.HARD
    if _CUSTOMER_MUST_ACT in (decline.code, decline.decline_code):
        return DeclineClass.CUSTOMER_MUST_ACT
    return DeclineClass.SOFT


def reason_text(decline: Decline) -> str:
    """One sentence that the client may be told. Lost, stolen and suspected fraud read like any other decline.

    The decline code speaks first: beside it, `code` mostly says no more than card_declined.
    """
    said = decline.decline_code or decline.code or ""
    return _REASONS.get(said, _ANY_DECLINE)


def _is_hard(decline: Decline) -> bool:
    return (
        decline.code in _HARD_CODES
        or decline.decline_code in _HARD_CODES
        or decline.advice_code in _HARD_ADVICE
        or (decline.brand == "mastercard" and decline.network_advice_code in _HARD_MASTERCARD_ADVICE)
        or decline.outcome_type == "blocked"
    )
