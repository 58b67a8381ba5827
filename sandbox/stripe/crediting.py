"""Credit notes: on an open invoice they lower the debt, on a paid one they say how the money goes back."""

from dataclasses import dataclass

from sandbox.stripe.balances import move_balance
from sandbox.stripe.errors import InvalidState
from sandbox.stripe.ids import new_id
from sandbox.stripe.invoicing import invoice_intent, raise_by_voided_note, reduce_by_credit_note
from sandbox.stripe.refunding import refund_charge
from sandbox.stripe.shapes import CREDIT_NOTE, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, listed


@dataclass(frozen=True)
class Settlement:
    """How a paid invoice's credit note is given back; the parts add up to its amount."""

    refund: int = 0
    credit: int = 0
    out_of_band: int = 0

    @property
    def total(self) -> int:
        return self.refund + self.credit + self.out_of_band


def issue_credit_note(work: Work, invoice: Record, amount: int, settlement: Settlement) -> Record:
    """Book a credit note; the caller adds its words and announces it."""
    status = invoice.body["status"]
    if status not in ("open", "paid"):
        raise InvalidState(f"You can only create a credit note for an open or paid invoice. This one is {status}.")
    paid = status == "paid"
    already = invoice.body["post_payment_credit_notes_amount"] + invoice.body["pre_payment_credit_notes_amount"]
    left = invoice.body["total"] - already if paid else invoice.body["amount_remaining"]
    if amount > left:
        raise InvalidState(
            f"The sum of credit amount must be at most the amount left to credit ({left}).", param="amount"
        )
    if settlement.total != (amount if paid else 0):
        raise InvalidState(
            "The sum of credit_amount, refund_amount and out_of_band_amount must equal the credit note amount of a "
            "paid invoice, and be zero for an open one."
        )
    note = work.create("credit_note", _shape(work, invoice, amount, paid=paid), {"parent": invoice.id})
    if paid:
        _give_back(work, invoice, note, settlement)
    else:
        reduce_by_credit_note(work, invoice, amount)
    return note


def void_credit_note(work: Work, note: Record) -> None:
    """Take a credit note back; only while its invoice is still open."""
    invoice = work.require("invoice", note.body["invoice"])
    if note.body["status"] != "issued" or invoice.body["status"] != "open":
        raise InvalidState("You can only void an issued credit note of an open invoice.")
    note.body.update(status="void", voided_at=work.now)
    raise_by_voided_note(work, invoice, note.body["amount"])
    work.emit("credit_note.voided", note)


def _give_back(work: Work, invoice: Record, note: Record, settlement: Settlement) -> None:
    if settlement.refund:
        charge = work.require(
            "charge", invoice_intent(work, invoice).body["latest_charge"] or "", param="refund_amount"
        )
        refund = refund_charge(work, charge, settlement.refund)
        note.body["refunds"] = [
            {"amount_refunded": settlement.refund, "payment_record_refund": None, "refund": refund.id, "type": "refund"}
        ]
    if settlement.credit:
        customer = work.require("customer", note.body["customer"])
        entry = move_balance(
            work,
            customer,
            -settlement.credit,
            note.body["currency"],
            reason="credit_note",
            invoice=invoice.id,
            credit_note=note.id,
        )
        note.body["customer_balance_transaction"] = entry.id
    note.body["out_of_band_amount"] = settlement.out_of_band or None
    invoice.body["post_payment_credit_notes_amount"] += note.body["amount"]
    work.emit_updated("invoice.updated", invoice)


def _shape(work: Work, invoice: Record, amount: int, *, paid: bool) -> Json:
    earlier = len(work.select("credit_note", parent=invoice.id))
    line: Json = {
        "id": new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": f"Credit on invoice {invoice.body['number']}",
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": None,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return new(
        CREDIT_NOTE,
        amount=amount,
        currency=invoice.body["currency"],
        customer=invoice.body["customer"],
        effective_at=work.now,
        invoice=invoice.id,
        lines=listed([line], "/v1/credit_notes/lines"),
        number=f"{invoice.body['number']}-CN-{earlier + 1:02d}",
        pdf=f"{invoice.body['invoice_pdf']}?credit_note={earlier + 1}",
        post_payment_amount=amount if paid else 0,
        pre_payment_amount=0 if paid else amount,
        subtotal=amount,
        subtotal_excluding_tax=amount,
        total=amount,
        total_excluding_tax=amount,
        type="post_payment" if paid else "pre_payment",
    )
