"""From Stripe's objects to the business's values. Nothing is asked of Stripe here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import stripe

from billing.credit_notes import CreditNoteReading
from billing.declines import Decline
from billing.invoices import InvoiceStatus
from billing.payments import AccountReading, ChargeReading, InvoiceReading
from billing.state import Card

INVOICE_ID: Final = "invoice_id"
"""Metadata of an invoice: our id. It is how an invoice is found again when its key no longer holds."""
LINE_ID: Final = "line_id"
"""Metadata of a line: which of our lines it is."""
CREDIT_NOTE_ID: Final = "credit_note_id"
"""Metadata of a credit note: our id. Those that are made in Stripe's dashboard have none."""
PAYMENTS: Final = "payments.data.payment.payment_intent.latest_charge"
"""What an invoice is read with: its payments down to the newest charge of each."""

Intent = Literal["none", "processing", "requires_action", "requires_payment_method", "succeeded", "canceled"]

_INTENTS: Final[dict[str, Intent]] = {
    "processing": "processing",
    "requires_capture": "processing",
    "requires_action": "requires_action",
    "requires_payment_method": "requires_payment_method",
    "requires_confirmation": "requires_payment_method",
    "succeeded": "succeeded",
    "canceled": "canceled",
}

_CHARGE_STATUS: Final[dict[str, Literal["succeeded", "failed"]]] = {"succeeded": "succeeded", "failed": "failed"}
_CAPABILITY: Final[dict[str | None, Literal["active", "pending"]]] = {"active": "active", "pending": "pending"}

S = TypeVar("S", bound=stripe.StripeObject)


def expanded(value: S | str | None) -> S | None:
    """An expandable field that was asked for expanded; none where Stripe has nothing."""
    return None if isinstance(value, str) else value


def reference(value: stripe.StripeObject | str | None) -> str | None:
    """The id that an expandable field refers to, expanded or not."""
    return value if isinstance(value, str) or value is None else str(value["id"])


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def metadata(holder: stripe.StripeObject, name: str) -> str | None:
    """One value of an object's metadata; none where it is not set."""
    values = holder["metadata"]
    return str(values[name]) if values and name in values else None


def payment_intents(invoice: stripe.Invoice) -> tuple[stripe.PaymentIntent, ...]:
    """The intents through which the invoice is or was to be paid, the default one first. Needs PAYMENTS expanded."""
    payments = sorted(invoice.payments.data if invoice.payments else (), key=lambda payment: not payment.is_default)
    intents = (expanded(payment.payment.payment_intent) for payment in payments if "payment_intent" in payment.payment)
    return tuple(intent for intent in intents if intent)


def invoice_reading(
    invoice: stripe.Invoice, charges: Sequence[stripe.Charge], notes: Sequence[stripe.CreditNote] = ()
) -> InvoiceReading:
    """The invoice with these charges and notes, by time and then as given. Needs PAYMENTS expanded."""
    return InvoiceReading(
        provider_id=invoice.id,
        invoice=metadata(invoice, INVOICE_ID),
        status=InvoiceStatus(invoice.status or InvoiceStatus.DRAFT),
        number=invoice.number,
        currency=invoice.currency,
        subtotal=invoice.subtotal,
        total=invoice.total,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        starting_balance=invoice.starting_balance,
        ending_balance=invoice.ending_balance or 0,
        paid_out_of_band=bool(getattr(invoice, "amount_paid_off_stripe", None)),
        hosted_url=invoice.hosted_invoice_url,
        pdf_url=invoice.invoice_pdf,
        intent=_intent(payment_intents(invoice)),
        charges=tuple(sorted(map(charge_reading, charges), key=lambda charge: charge.created_at)),
        due_at=instant(invoice.due_date) if invoice.due_date else None,
        credit_notes=tuple(sorted(map(credit_note_reading, notes), key=lambda note: note.created_at)),
    )


def credit_note_reading(note: stripe.CreditNote) -> CreditNoteReading:
    return CreditNoteReading(
        provider_id=note.id,
        note=metadata(note, CREDIT_NOTE_ID),
        number=note.number,
        amount=note.amount,
        before_payment=note.pre_payment_amount,
        currency=note.currency,
        status="void" if note.status == "void" else "issued",
        reason=note.reason,
        memo=note.memo,
        created_at=instant(note.created),
    )


def charge_reading(charge: stripe.Charge) -> ChargeReading:
    card = _charged_card(charge)
    return ChargeReading(
        id=charge.id,
        payment_intent=reference(charge.payment_intent) or "",
        status=_CHARGE_STATUS.get(charge.status, "pending"),
        amount=charge.amount,
        created_at=instant(charge.created),
        card=card.identity if card else None,
        decline=_charge_decline(charge) if charge.status == "failed" else None,
        fee=charge.application_fee is not None,
    )


def refused_decline(error: stripe.CardError, charge: stripe.Charge | None) -> Decline:
    """Why a charge was declined: the error's codes, and what only the charge knows (brand and outcome)."""
    said, seen = error.error, _charge_decline(charge) if charge else Decline()
    if said is None:
        return seen
    return Decline(
        code=said.code or seen.code,
        decline_code=said.decline_code or seen.decline_code,
        advice_code=said.advice_code or seen.advice_code,
        network_advice_code=said.network_advice_code or seen.network_advice_code,
        network_decline_code=said.network_decline_code or seen.network_decline_code,
        brand=seen.brand,
        outcome_type=seen.outcome_type,
    )


def card_on_file(method: stripe.PaymentMethod | None) -> Card | None:
    """The payment method as a card; none when it is something else, or tells no fingerprint to know it again by."""
    card = getattr(method, "card", None)
    return _card(method.id, card) if method and card and card.fingerprint else None


def account_reading(account: stripe.Account) -> AccountReading:
    requirements = account.requirements
    due = (*(requirements.past_due or ()), *(requirements.currently_due or ())) if requirements else ()
    return AccountReading(
        account=account.id,
        charges_enabled=bool(account.charges_enabled),
        payouts_enabled=bool(account.payouts_enabled),
        details_submitted=bool(account.details_submitted),
        card_payments=_CAPABILITY.get(getattr(account.capabilities, "card_payments", None), "inactive"),
        requirements=tuple(dict.fromkeys(due)),
    )


def disconnected(account: str) -> AccountReading:
    """What is left to say of an account that took our access away."""
    return AccountReading(
        account=account,
        charges_enabled=False,
        payouts_enabled=False,
        details_submitted=False,
        card_payments="inactive",
        connected=False,
    )


def _intent(intents: Sequence[stripe.PaymentIntent]) -> Intent:
    return _INTENTS[intents[0].status] if intents else "none"


def _charge_decline(charge: stripe.Charge) -> Decline:
    """A failed charge in the words of an error. The outcome's reason is a decline code only where a bank declined."""
    outcome, card = charge.outcome, _charged_card(charge)
    by_issuer = outcome is not None and outcome.type == "issuer_declined"
    return Decline(
        code=charge.failure_code,
        decline_code=outcome.reason if outcome and by_issuer else None,
        advice_code=getattr(outcome, "advice_code", None),
        network_advice_code=getattr(outcome, "network_advice_code", None),
        network_decline_code=getattr(outcome, "network_decline_code", None),
        brand=card.brand if card else None,
        outcome_type=outcome.type if outcome else None,
    )


def _charged_card(charge: stripe.Charge) -> Card | None:
    card = getattr(charge.payment_method_details, "card", None)
    return _card(charge.payment_method or "", card) if card and card.fingerprint else None


def _card(method: str, card: stripe.PaymentMethod.Card | stripe.Charge.PaymentMethodDetails.Card) -> Card:
    return Card(
        id=method,
        fingerprint=card.fingerprint or "",
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        brand=card.brand or "unknown",
        last4=card.last4 or "",
    )
