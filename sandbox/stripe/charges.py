"""What a charge is, and what a successful one books: the merchant's balance and the platform's fee."""

from sandbox.stripe.ids import random_text
from sandbox.stripe.shapes import CHARGE, CHARGED_CARD, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown

AVAILABLE_AFTER_SECONDS = 2 * 86400

# What a charge copies from the card that it was made to.
_CARD_FIELDS = (
    "brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status",
)  # fmt: skip


def new_charge(work: Work, intent: Record, method: Record) -> Record:
    """A charge of the intent's amount to a card, before the bank has answered."""
    card = method.body["card"]
    body: Json = new(
        CHARGE,
        amount=intent.body["amount"],
        application_fee_amount=_fee_of(intent),
        billing_details=shown(method)["billing_details"],
        currency=intent.body["currency"],
        customer=intent.body["customer"],
        description=intent.body["description"],
        payment_intent=intent.id,
        payment_method=method.id,
        payment_method_details={"type": "card", "card": _charged_card(card, intent.body["amount"])},
    )
    hidden = {
        "parent": intent.id,
        "invoice": intent.hidden["parent"],
        "idempotency_key": work.idempotency_key,
        "decline_code": None,
        "label": random_text(40),
    }
    return work.create("charge", body, hidden)


def _charged_card(card: Json, amount: int) -> Json:
    return new(
        CHARGED_CARD,
        amount_authorized=amount,
        network=card["brand"],
        overcapture={"maximum_amount_capturable": amount, "status": "unavailable"},
        **{name: card[name] for name in _CARD_FIELDS},
    )


def _fee_of(intent: Record) -> int | None:
    """Never more than is charged."""
    fee: int | None = intent.body["application_fee_amount"]
    return fee and min(fee, intent.body["amount"])


def book_application_fee(work: Work, charge: Record) -> int:
    """Collect the platform's fee; it lives on the platform's account."""
    amount = charge.body["application_fee_amount"]
    if not amount:
        return 0
    fee = work.create(
        "application_fee",
        {
            "account": work.account,
            "amount": amount,
            "amount_refunded": 0,
            "application": work.site.application,
            "balance_transaction": None,
            "charge": charge.id,
            "currency": charge.body["currency"],
            "fee_source": {"charge": charge.id, "type": "charge"},
            "livemode": False,
            "originating_transaction": None,
            "refunded": False,
            "refunds": {"object": "list", "data": [], "has_more": False, "url": "/v1/application_fees/refunds"},
        },
        {"parent": charge.id},
        account=work.site.platform,
    )
    charge.body["application_fee"] = fee.id
    work.emit("application_fee.created", fee, account=work.site.platform)
    return int(amount)


def book_balance(work: Work, charge: Record, application_fee: int) -> Record:
    """The movement on the merchant's Stripe balance; the emulator charges no fees of Stripe's own."""
    amount, currency = charge.body["amount"], charge.body["currency"]
    details = [
        {"amount": application_fee, "application": work.site.application, "currency": currency,
         "description": "application fee", "type": "application_fee"},
    ]  # fmt: skip
    return work.create(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": work.now + AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "currency": currency,
            "description": charge.body["description"],
            "exchange_rate": None,
            "fee": application_fee,
            "fee_details": details if application_fee else [],
            "net": amount - application_fee,
            "reporting_category": "charge",
            "source": charge.id,
            "status": "pending",
            "type": "charge",
        },
        {"parent": charge.id},
    )
