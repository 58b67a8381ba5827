"""What Stripe and the card networks say when a payment is declined, by decline code."""

from dataclasses import dataclass, replace

_DECLINED = "Your card was declined."
_NOT_SUPPORTED = "Your card does not support this type of purchase."
_BANK_SAYS_NO = "The bank did not return any further details with this decline."


@dataclass(frozen=True)
class Decline:
    """One reason for a refusal: for the program (codes), for the customer (message), for the merchant."""

    decline_code: str
    message: str = _DECLINED
    code: str = "card_declined"
    advice_code: str | None = "try_again_later"
    network_decline_code: str | None = "05"
    network_advice_code: str | None = None
    seller_message: str = _BANK_SAYS_NO
    outcome_type: str = "issuer_declined"

    @property
    def is_block(self) -> bool:
        """Whether Stripe itself refused, before asking the bank."""
        return self.outcome_type == "blocked"


_FINAL = "do_not_try_again"
_CHECK_CARD = "confirm_card_data"

_KNOWN = (
    Decline("generic_decline"),
    Decline("do_not_honor"),
    Decline("insufficient_funds", "Your card has insufficient funds.", network_decline_code="51"),
    Decline("lost_card", advice_code=_FINAL, network_decline_code="41"),
    Decline("stolen_card", advice_code=_FINAL, network_decline_code="43"),
    Decline("pickup_card", advice_code=_FINAL, network_decline_code="04"),
    Decline("restricted_card", advice_code=_FINAL, network_decline_code="62"),
    Decline("security_violation", network_decline_code="63"),
    Decline("invalid_account", _NOT_SUPPORTED, advice_code=_CHECK_CARD, network_decline_code="14"),
    Decline("card_not_supported", _NOT_SUPPORTED, advice_code=_FINAL, network_decline_code="57"),
    Decline("currency_not_supported", _NOT_SUPPORTED, advice_code=_FINAL, network_decline_code="57"),
    Decline("transaction_not_allowed", advice_code=_FINAL, network_decline_code="57"),
    Decline("service_not_allowed", advice_code=_FINAL, network_decline_code="57"),
    Decline("not_permitted", advice_code=_FINAL, network_decline_code="57"),
    Decline("stop_payment_order", advice_code=_FINAL, network_decline_code="R0", network_advice_code="21"),
    Decline("revocation_of_authorization", advice_code=_FINAL, network_decline_code="R1", network_advice_code="21"),
    Decline("revocation_of_all_authorizations", advice_code=_FINAL, network_decline_code="R3",
            network_advice_code="21"),
    Decline("do_not_try_again", advice_code=_FINAL, network_decline_code="R0", network_advice_code="03"),
    Decline("merchant_blacklist", advice_code=_FINAL),
    Decline("try_again_later", network_decline_code="91"),
    Decline("card_velocity_exceeded", network_decline_code="65"),
    Decline("withdrawal_count_limit_exceeded", network_decline_code="65"),
    Decline("test_mode_live_card", "Your card was declined. Your request was in test mode, but used a non test card. "
            "For a list of valid test cards, visit: https://stripe.com/docs/testing.", advice_code=None),
    Decline("expired_card", "Your card has expired.", "expired_card", _CHECK_CARD, "54"),
    Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc", _CHECK_CARD, "82"),
    Decline("incorrect_number", "Your card number is incorrect.", "incorrect_number", _CHECK_CARD, "14"),
    Decline("invalid_number", "Your card number is incorrect.", "invalid_number", _CHECK_CARD, "14"),
    Decline("processing_error", "An error occurred while processing your card. Try again in a little bit.",
            "processing_error", network_decline_code="96"),
    Decline("authentication_required", "Your card was declined. This transaction requires authentication.",
            "authentication_required", None, "1A"),
    Decline("fraudulent", advice_code=None, network_decline_code=None, outcome_type="blocked",
            seller_message="Stripe blocked this payment as too risky."),
)  # fmt: skip

_BY_CODE = {decline.decline_code: decline for decline in _KNOWN}


def decline_for(
    decline_code: str, *, advice_code: str | None = None, network_advice_code: str | None = None
) -> Decline:
    """What is said for a decline code; one that is not listed reads like a plain decline under its own name."""
    decline = _BY_CODE.get(decline_code) or replace(_BY_CODE["generic_decline"], decline_code=decline_code)
    return replace(
        decline,
        advice_code=advice_code or decline.advice_code,
        network_advice_code=network_advice_code or decline.network_advice_code,
    )
