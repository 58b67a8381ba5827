"""What a decline means: every code of the class table at the end of billing-rules 6."""

import pytest

from billing.declines import Decline, DeclineClass, classify, reason_text

HARD = [
    "lost_card",
    "stolen_card",
    "pickup_card",
    "restricted_card",
    "security_violation",
    "invalid_account",
    "incorrect_number",
    "invalid_number",
    "expired_card",
    "card_not_supported",
    "currency_not_supported",
    "transaction_not_allowed",
    "not_permitted",
    "service_not_allowed",
    "stop_payment_order",
    "revocation_of_authorization",
    "revocation_of_all_authorizations",
    "merchant_blacklist",
    "fraudulent",
    "do_not_try_again",
]
SOFT = ["insufficient_funds", "do_not_honor", "generic_decline", "processing_error", "try_again_later", "new_in_2031"]
SECRET = ["lost_card", "stolen_card", "pickup_card", "restricted_card", "security_violation", "fraudulent"]


@pytest.mark.parametrize("code", HARD)
def test_hard_codes(code: str) -> None:
    assert classify(Decline(code="card_declined", decline_code=code)) is DeclineClass.HARD
    assert classify(Decline(code=code)) is DeclineClass.HARD


@pytest.mark.parametrize(
    "decline",
    [
        Decline(code="card_declined", decline_code="insufficient_funds", advice_code="do_not_try_again"),
        Decline(code="card_declined", decline_code="do_not_honor", advice_code="confirm_card_data"),
        Decline(code="card_declined", decline_code="do_not_honor", brand="mastercard", network_advice_code="03"),
        Decline(code="card_declined", decline_code="do_not_honor", brand="mastercard", network_advice_code="21"),
        Decline(code="card_declined", decline_code="generic_decline", outcome_type="blocked"),
        Decline(decline_code="authentication_required", advice_code="do_not_try_again"),
    ],
)
def test_hard_by_what_stands_beside_the_code(decline: Decline) -> None:
    assert classify(decline) is DeclineClass.HARD


@pytest.mark.parametrize(
    "decline",
    [
        Decline(code="authentication_required"),
        Decline(code="card_declined", decline_code="authentication_required"),
        Decline(code="authentication_required", decline_code="authentication_required", outcome_type="issuer_declined"),
    ],
)
def test_the_customer_must_act(decline: Decline) -> None:
    assert classify(decline) is DeclineClass.CUSTOMER_MUST_ACT


@pytest.mark.parametrize("code", SOFT)
def test_everything_else_is_soft(code: str) -> None:
    assert classify(Decline(code="card_declined", decline_code=code, outcome_type="issuer_declined")) is (
        DeclineClass.SOFT
    )


@pytest.mark.parametrize(
    "decline",
    [
        Decline(),
        Decline(code="card_declined", decline_code="do_not_honor", brand="visa", network_advice_code="03"),
        Decline(code="card_declined", decline_code="do_not_honor", brand="visa", network_advice_code="21"),
        Decline(code="card_declined", decline_code="do_not_honor", network_advice_code="03"),
        Decline(code="card_declined", decline_code="do_not_honor", brand="mastercard", network_advice_code="02"),
        Decline(code="card_declined", decline_code="do_not_honor", brand="mastercard", network_decline_code="03"),
        Decline(code="card_declined", decline_code="do_not_honor", advice_code="try_again_later"),
    ],
)
def test_soft_by_what_stands_beside_the_code(decline: Decline) -> None:
    assert classify(decline) is DeclineClass.SOFT


@pytest.mark.parametrize(
    ("decline", "text"),
    [
        (Decline("card_declined", "insufficient_funds"), "Your card has insufficient funds."),
        (Decline("expired_card"), "Your card has expired."),
        (Decline("expired_card", "expired_card"), "Your card has expired."),
        (Decline("authentication_required"), "Your bank asks you to confirm this payment."),
        (Decline("card_declined", "do_not_honor"), "Your bank declined the payment."),
        (Decline("card_declined", "processing_error"), "Your bank could not process the payment just now."),
        (Decline("card_declined", "revocation_of_authorization"), "Payments to us have been stopped at your bank."),
        (Decline("incorrect_cvc"), "Your card's security code is incorrect."),
        (Decline("card_declined"), "Your card was declined."),
        (Decline("card_declined", "generic_decline"), "Your card was declined."),
        (Decline("card_declined", "new_in_2031"), "Your card was declined."),
        (Decline(), "Your card was declined."),
    ],
)
def test_what_the_client_is_told(decline: Decline, text: str) -> None:
    assert reason_text(decline) == text


@pytest.mark.parametrize("code", [*SECRET, "merchant_blacklist"])
def test_what_stripe_asks_not_to_disclose_reads_like_any_decline(code: str) -> None:
    assert reason_text(Decline("card_declined", code)) == "Your card was declined."
    assert reason_text(Decline(code)) == "Your card was declined."
