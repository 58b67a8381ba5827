"""What one attempt to charge a card does to its payment intent, and which charge it leaves behind."""

from dataclasses import dataclass
from enum import StrEnum

from sandbox.stripe.cards import Behaviour, decline_of
from sandbox.stripe.charges import book_application_fee, book_balance, new_charge
from sandbox.stripe.declines import Decline, decline_for
from sandbox.stripe.errors import InvalidState
from sandbox.stripe.ids import random_text
from sandbox.stripe.money import format_amount, minimum_charge
from sandbox.stripe.payment_cards import refused_card
from sandbox.stripe.shapes import PAYMENT_INTENT, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work

_SUCCESS_OUTCOME: Json = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    NEEDS_ACTION = "needs_action"
    PROCESSING = "processing"


@dataclass(frozen=True)
class Attempt:
    """An attempt's end; a decline says why, everything that reached the bank has a charge."""

    outcome: Outcome
    charge: Record | None = None
    decline: Decline | None = None


def create_intent(work: Work, body: Json, *, invoice: str, application_fee_amount: int | None) -> Record:
    """A payment intent that waits for a card."""
    full: Json = new(
        PAYMENT_INTENT,
        application_fee_amount=application_fee_amount,
        **body,
    )
    intent = work.create("payment_intent", full, {"parent": invoice})
    intent.body["client_secret"] = f"{intent.id}_secret_{random_text(25)}"
    work.emit("payment_intent.created", intent)
    return intent


def attempt_charge(work: Work, intent: Record, method: Record, *, off_session: bool) -> Attempt:
    """Charge the intent's amount to the card, once."""
    _require_live_charges(work)
    _require_the_minimum(intent)
    behaviour = method.hidden["behaviour"]
    on_session_only = behaviour == Behaviour.NEEDS_AUTHENTICATION_ON_SESSION
    if behaviour == Behaviour.PROCESSING:
        return _start_processing(work, intent, method)
    if behaviour == Behaviour.NEEDS_AUTHENTICATION or (on_session_only and not off_session):
        if off_session:
            return decline_charge(work, intent, method, decline_for("authentication_required"))
        return _ask_for_action(work, intent, method)
    if behaviour == Behaviour.PAYS or on_session_only:
        return _succeed(work, intent, method)
    return decline_charge(work, intent, method, _decline_now(method))


def authenticate(work: Work, intent: Record, *, passed: bool) -> Attempt:
    """The cardholder answers the bank's question; what the card does afterwards is up to the card."""
    method = work.require("payment_method", intent.body["payment_method"])
    intent.body["next_action"] = None
    if not passed:
        decline = Decline(
            "authentication_failed",
            "We are unable to authenticate your payment method. "
            "Please choose a different payment method and try again.",
            code="payment_intent_authentication_failure",
        )
        _require_new_method(intent, method, decline, None)
        work.emit("payment_intent.payment_failed", intent)
        return Attempt(Outcome.DECLINED, None, decline)
    afterwards = method.hidden["behaviour_once_set_up"] or Behaviour.PAYS
    if afterwards == Behaviour.PAYS:
        return _succeed(work, intent, method, authenticated=True)
    return decline_charge(work, intent, method, decline_for(afterwards))


def settle_processing(work: Work, intent: Record, *, succeeded: bool) -> Attempt:
    """The bank's late answer to a payment that was processing."""
    if intent.body["status"] != "processing":
        raise InvalidState(f"This PaymentIntent is not processing but {intent.body['status']}.")
    charge = work.require("charge", intent.body["latest_charge"])
    method = work.require("payment_method", charge.body["payment_method"])
    intent.body["processing"] = None
    if succeeded:
        return _complete(work, intent, charge)
    return _fail(work, intent, method, charge, decline_for("generic_decline"))


def cancel_intent(work: Work, intent: Record, reason: str) -> None:
    """Nothing will be charged through this intent any more."""
    if intent.body["status"] in ("succeeded", "canceled"):
        return
    intent.body.update(status="canceled", canceled_at=work.now, cancellation_reason=reason, next_action=None)
    work.emit("payment_intent.canceled", intent)


def decline_charge(work: Work, intent: Record, method: Record, decline: Decline) -> Attempt:
    """The bank, or Stripe, says no: a failed charge stays in the books."""
    charge = new_charge(work, intent, method)
    return _fail(work, intent, method, charge, decline)


def _require_live_charges(work: Work) -> None:
    # Stripe gives this refusal no code.
    account = work.any_account("account", work.account)
    if account is not None and not account.body["charges_enabled"]:
        raise InvalidState("Your account cannot currently make live charges.")


def _require_the_minimum(intent: Record) -> None:
    currency = intent.body["currency"]
    if intent.body["amount"] < minimum_charge(currency):
        least = format_amount(minimum_charge(currency), currency)
        raise InvalidState(f"Amount must be at least {least}.", code="amount_too_small", param="amount")


def _decline_now(method: Record) -> Decline:
    hidden = method.hidden
    return decline_of(
        hidden["behaviour"], advice_code=hidden["advice_code"], network_advice_code=hidden["network_advice_code"]
    )


def _succeed(work: Work, intent: Record, method: Record, *, authenticated: bool = False) -> Attempt:
    charge = new_charge(work, intent, method)
    if authenticated:
        charge.body["payment_method_details"]["card"]["three_d_secure"] = {
            "authentication_flow": "challenge", "electronic_commerce_indicator": "05", "exemption_indicator": None,
            "result": "authenticated", "result_reason": None, "transaction_id": None, "version": "2.2.0",
        }  # fmt: skip
    return _complete(work, intent, charge)


def _complete(work: Work, intent: Record, charge: Record) -> Attempt:
    amount = charge.body["amount"]
    charge.body.update(
        status="succeeded",
        paid=True,
        captured=True,
        amount_captured=amount,
        outcome=dict(_SUCCESS_OUTCOME),
        receipt_url=f"{work.site.base_url}/receipts/{charge.hidden['label']}",
    )
    fee = book_application_fee(work, charge)
    charge.body["balance_transaction"] = book_balance(work, charge, fee).id
    intent.body.update(
        status="succeeded",
        amount_received=amount,
        latest_charge=charge.id,
        payment_method=charge.body["payment_method"],
        last_payment_error=None,
        next_action=None,
    )
    work.emit("charge.succeeded", charge)
    work.emit("payment_intent.succeeded", intent)
    return Attempt(Outcome.SUCCEEDED, charge)


def _fail(work: Work, intent: Record, method: Record, charge: Record, decline: Decline) -> Attempt:
    charge.body.update(
        status="failed",
        failure_code=decline.code,
        failure_message=decline.message,
        outcome={
            "advice_code": decline.advice_code,
            "network_advice_code": decline.network_advice_code,
            "network_decline_code": decline.network_decline_code,
            "network_status": "not_sent_to_network" if decline.is_block else "declined_by_network",
            "reason": "highest_risk_level" if decline.is_block else decline.decline_code,
            "risk_level": "highest" if decline.is_block else "normal",
            "risk_score": 90 if decline.is_block else 20,
            "seller_message": decline.seller_message,
            "type": decline.outcome_type,
        },
    )
    charge.hidden["decline_code"] = decline.decline_code
    _require_new_method(intent, method, decline, charge)
    work.emit("charge.failed", charge)
    work.emit("payment_intent.payment_failed", intent)
    return Attempt(Outcome.DECLINED, charge, decline)


def _require_new_method(intent: Record, method: Record, decline: Decline, charge: Record | None) -> None:
    intent.body.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=refused_card(method, decline, charge=charge.id if charge else None).fields(),
        latest_charge=charge.id if charge else intent.body["latest_charge"],
    )


def _ask_for_action(work: Work, intent: Record, method: Record) -> Attempt:
    intent.body.update(
        status="requires_action",
        payment_method=method.id,
        last_payment_error=None,
        next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
    )
    work.emit("payment_intent.requires_action", intent)
    return Attempt(Outcome.NEEDS_ACTION)


def _start_processing(work: Work, intent: Record, method: Record) -> Attempt:
    charge = new_charge(work, intent, method)
    charge.body["status"] = "pending"
    intent.body.update(
        status="processing",
        payment_method=method.id,
        latest_charge=charge.id,
        last_payment_error=None,
        next_action=None,
        processing={"type": "card", "card": {}},
    )
    work.emit("charge.pending", charge)
    work.emit("payment_intent.processing", intent)
    return Attempt(Outcome.PROCESSING, charge)
