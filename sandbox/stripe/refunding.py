"""Giving money back, wholly or in part, with the platform's fee in proportion when asked."""

from sandbox.stripe.errors import InvalidState
from sandbox.stripe.money import format_amount
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work


def refund_charge(
    work: Work,
    charge: Record,
    amount: int | None,
    *,
    reason: str | None = None,
    metadata: dict[str, str] | None = None,
    with_application_fee: bool = False,
) -> Record:
    """Refund an amount, or everything that is left."""
    body = charge.body
    if body["status"] != "succeeded":
        raise InvalidState(f"This charge did not succeed: it is {body['status']}.", param="charge")
    if any(not dispute.body["is_charge_refundable"] for dispute in work.select("dispute", parent=charge.id)):
        raise InvalidState(f"Charge {charge.id} has been charged back; cannot issue a refund.", code="charge_disputed")
    left = body["amount"] - body["amount_refunded"]
    if left == 0:
        raise InvalidState(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount > left:
        raise InvalidState(
            f"Refund amount ({format_amount(amount, body['currency'])}) is greater than unrefunded amount on charge "
            f"({format_amount(left, body['currency'])})",
            param="amount",
        )
    if with_application_fee:
        _refund_fee(work, charge, amount)
    body["amount_refunded"] += amount
    body["refunded"] = body["amount_refunded"] == body["amount"]
    refund = work.create("refund", _shape(charge, amount, reason, metadata or {}), {"parent": charge.id})
    work.emit("refund.created", refund)
    work.emit_updated("charge.refunded", charge)
    return refund


def fail_refund(work: Work, refund: Record, reason: str) -> None:
    """The client's bank sends the money back: the charge counts as less refunded again."""
    if refund.body["status"] not in ("pending", "succeeded"):
        raise InvalidState(f"This refund is already {refund.body['status']}.")
    charge = work.require("charge", refund.body["charge"])
    charge.body["amount_refunded"] -= refund.body["amount"]
    charge.body["refunded"] = False
    refund.body.update(status="failed", failure_reason=reason)
    work.emit("refund.failed", refund)
    work.emit_updated("refund.updated", refund)


def _shape(charge: Record, amount: int, reason: str | None, metadata: dict[str, str]) -> Json:
    return {
        "amount": amount,
        "balance_transaction": None,
        "charge": charge.id,
        "currency": charge.body["currency"],
        "customer": charge.body["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": metadata,
        "payment_intent": charge.body["payment_intent"],
        "payment_method": charge.body["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _refund_fee(work: Work, charge: Record, amount: int) -> None:
    fee = work.any_account("application_fee", charge.body["application_fee"])
    if fee is None:
        raise InvalidState(
            "Cannot refund the application fee of a charge that has none.", param="refund_application_fee"
        )
    fee.body["amount_refunded"] += fee.body["amount"] * amount // charge.body["amount"]
    fee.body["refunded"] = fee.body["amount_refunded"] >= fee.body["amount"]
    work.emit_updated("application_fee.refunded", fee, account=work.site.platform)
