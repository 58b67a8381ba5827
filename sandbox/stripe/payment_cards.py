"""Payment methods: how a card becomes one, how it is saved on a customer, and what a refusal to save it looks like."""

from datetime import UTC, datetime
from typing import Any

from sandbox.stripe.cards import BY_NAME, SETUP_NEEDS_AUTHENTICATION, SETUP_SUCCEEDS, CardModel, TypedCard, fingerprint
from sandbox.stripe.declines import Decline, decline_for
from sandbox.stripe.errors import CardError, InvalidState, MissingResource
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown

EMPTY_ADDRESS: Json = {
    "city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None,
}  # fmt: skip
NAME_PREFIX = "pm_card_"
TOKEN_PREFIX = "tok_"


def create_payment_method(
    work: Work, card: TypedCard, *, billing_details: Json | None = None, metadata: Json | None = None
) -> Record:
    """A card that belongs to nobody yet; its number is forgotten here."""
    model = card.model
    body: Json = {
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict(EMPTY_ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None,
            **(billing_details or {}),
        },
        "card": {
            "brand": model.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": model.country,
            "display_brand": model.brand,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": fingerprint(work.site.salt, work.account, model.number),
            "funding": model.funding,
            "generated_from": None,
            "last4": model.last4,
            "networks": {"available": [model.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": metadata or {},
        "type": "card",
    }  # fmt: skip
    return work.create("payment_method", body, hidden_of(model))


def hidden_of(model: CardModel) -> Json:
    """What the emulator remembers of a test card in place of its number."""
    return {
        "setup": model.setup,
        "behaviour": model.behaviour,
        "behaviour_once_set_up": model.behaviour_once_set_up,
        "advice_code": None,
        "network_advice_code": None,
    }


def named_card(work: Work, name: str) -> Record | None:
    """A new payment method for one of Stripe's test names (`pm_card_visa`, `tok_visa`), if it is one."""
    for prefix in (NAME_PREFIX, TOKEN_PREFIX):
        if name.startswith(prefix) and (model := BY_NAME.get(name.removeprefix(prefix))):
            return create_payment_method(work, TypedCard(model, 12, datetime.fromtimestamp(work.now, UTC).year + 4))
    return None


def require_method(work: Work, object_id: str, *, param: str, in_path: bool = False) -> Record:
    """The payment method with this id or test name."""
    return named_card(work, object_id) or work.require("payment_method", object_id, param=param, in_path=in_path)


def attach(work: Work, method: Record, customer: Record) -> None:
    """Save a card on a customer; the bank is asked first."""
    if method.body["customer"] not in (None, customer.id) or method.hidden.get("detached"):
        raise InvalidState(
            "The payment method you provided has already been attached to a customer or was previously used with a "
            "PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, "
            "or was detached from a Customer. It may not be used again.",
            code="payment_method_unexpected_state",
        )
    setup = method.hidden["setup"]
    if setup not in (SETUP_SUCCEEDS, SETUP_NEEDS_AUTHENTICATION):
        raise refused_card(method, decline_for(setup))
    if method.body["customer"] is None:
        method.body["customer"] = customer.id
        work.emit("payment_method.attached", method)


def detach(work: Work, method: Record) -> None:
    """Take a card off its customer for good; it can never be used again."""
    customer = work.find("customer", method.body["customer"])
    previous = {"customer": method.body["customer"]}
    method.body["customer"] = None
    method.hidden["detached"] = True
    work.emit("payment_method.detached", method, previous=previous)
    if customer is not None and customer.body["invoice_settings"]["default_payment_method"] == method.id:
        customer.body["invoice_settings"]["default_payment_method"] = None
        work.emit_updated("customer.updated", customer)


def owned_method(work: Work, customer_id: str, object_id: str) -> Record:
    """A payment method that this customer may be charged with."""
    method = require_method(work, object_id, param="payment_method")
    if method.body["customer"] == customer_id:
        return method
    if not method.saved and object_id.startswith(NAME_PREFIX):
        return method
    raise InvalidState(
        f"The customer does not have a payment method with the ID {object_id}. The payment method must be attached to "
        "the customer.",
        code="resource_missing",
        param="payment_method",
    )


def default_method(work: Work, customer: Record) -> Record | None:
    """The card that the customer's invoices are charged to."""
    return work.find("payment_method", customer.body["invoice_settings"]["default_payment_method"])


def attached_methods(work: Work, customer_id: str) -> list[Record]:
    """The customer's cards, newest first."""
    return work.select("payment_method", customer=customer_id)


def refused_card(method: Record, decline: Decline, **details: Any) -> CardError:
    """The error for a declined card, with every code that the bank or the network gave."""
    return CardError(
        decline.message,
        code=decline.code,
        param={"expired_card": "exp_month", "incorrect_cvc": "cvc", "incorrect_number": "number"}.get(decline.code),
        decline_code=decline.decline_code,
        advice_code=decline.advice_code,
        network_advice_code=decline.network_advice_code,
        network_decline_code=decline.network_decline_code,
        payment_method=shown(method),
        payment_method_type="card",
        **details,
    )


def set_default_method(work: Work, customer: Record, object_id: str | None) -> None:
    """Make a saved card the one that invoices are charged to, or none."""
    if object_id is not None:
        method = work.find("payment_method", object_id)
        if method is None or method.body["customer"] != customer.id:
            raise MissingResource(
                "PaymentMethod", object_id, param="invoice_settings[default_payment_method]", in_path=False
            )
    customer.body["invoice_settings"]["default_payment_method"] = object_id
