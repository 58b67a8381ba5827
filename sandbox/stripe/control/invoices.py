"""What people do to invoices outside the API: customers on the hosted page, merchants in the dashboard, slow banks."""

from contextlib import suppress
from enum import StrEnum

from starlette.requests import Request
from starlette.routing import Route

from sandbox.stripe import invoicing
from sandbox.stripe.cards import read_typed_card
from sandbox.stripe.control.calls import field, member, read_json, route
from sandbox.stripe.control.owners import Owners
from sandbox.stripe.crediting import Settlement, issue_credit_note
from sandbox.stripe.disputing import close_dispute, escalate_dispute, open_dispute
from sandbox.stripe.errors import CardError, InvalidState
from sandbox.stripe.payment_cards import create_payment_method
from sandbox.stripe.refunding import fail_refund, refund_charge
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown

_PAYING_NUMBER = "4242424242424242"
_DECLINING_NUMBER = "4000000000000002"
_AUTHENTICATING_NUMBER = "4000002760003184"


class CustomerAction(StrEnum):
    """What a customer can do on a hosted invoice page."""

    PAY = "pay"
    AUTHENTICATE = "authenticate"
    FAIL = "fail"


class MerchantAction(StrEnum):
    """What a merchant can do to an invoice in the dashboard, and what banks do that shows there."""

    VOID = "void"
    PAID_OUT_OF_BAND = "paid_out_of_band"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"
    SEND = "send"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"
    DISPUTE = "dispute"
    INQUIRY = "inquiry"
    DISPUTE_ESCALATED = "dispute_escalated"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class BankAnswer(StrEnum):
    """How a payment that was processing ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Invoices:
    """`{id}` is an invoice; for settling also its payment intent."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def routes(self) -> list[Route]:
        return [
            route("POST", "/hosted-invoices/{id}", self.act_as_customer),
            route("POST", "/dashboard/{id}", self.act_as_merchant),
            route("POST", "/payments/{id}/settle", self.act_as_bank),
            route("POST", "/refunds/{id}/fail", self.return_refund),
        ]

    async def act_as_customer(self, request: Request) -> Json:
        """Answers with what the page would say: paid, failed, action_required or processing, and why."""
        body, invoice_id = await read_json(request), request.path_params["id"]
        action, number = member(body, "action", CustomerAction), field(body, "number", str)
        reason = None
        try:
            self._owners.perform(invoice_id, lambda work: _on_hosted_page(work, invoice_id, action, number))
        except CardError as refusal:
            reason = refusal.message
        return self._owners.perform(invoice_id, lambda work: _page_state(work, invoice_id, reason))

    async def act_as_merchant(self, request: Request) -> Json:
        """A credit note or refund without an amount is for everything that is left."""
        body, invoice_id = await read_json(request), request.path_params["id"]
        action, amount = member(body, "action", MerchantAction), field(body, "amount", int)
        return self._owners.perform(invoice_id, lambda work: _in_dashboard(work, invoice_id, action, amount))

    async def act_as_bank(self, request: Request) -> Json:
        object_id = request.path_params["id"]
        answer = member(await read_json(request), "outcome", BankAnswer)

        def settle(work: Work) -> Json:
            intent = work.find("payment_intent", object_id)
            invoice = work.require("invoice", intent.hidden["parent"] if intent else object_id, in_path=True)
            invoicing.settle_invoice_payment(work, invoice, succeeded=answer == BankAnswer.SUCCEEDED)
            return {"invoice": shown(invoice)}

        return self._owners.perform(object_id, settle)

    async def return_refund(self, request: Request) -> Json:
        """The client's bank cannot book the refund, days after Stripe called it succeeded."""
        refund_id = request.path_params["id"]
        reason = field(await read_json(request), "reason", str) or "unknown"

        def fail(work: Work) -> Json:
            refund = work.require("refund", refund_id, in_path=True)
            fail_refund(work, refund, reason)
            return {"refund": shown(refund)}

        return self._owners.perform(refund_id, fail)


def _on_hosted_page(work: Work, invoice_id: str, action: CustomerAction, number: str | None) -> Json:
    invoice = work.require("invoice", invoice_id, in_path=True)
    invoicing.require_payable(work, invoice)
    intent = invoicing.invoice_intent(work, invoice)
    waits = intent.body["status"] == "requires_action"
    if action == CustomerAction.PAY:
        _pay(work, invoice, number or _PAYING_NUMBER)
    elif action == CustomerAction.FAIL and not waits:
        _pay(work, invoice, number or _DECLINING_NUMBER)
    else:
        if not waits:
            with suppress(CardError):
                _start_authentication(work, invoice, intent, number)
        if invoice.body["status"] != "paid":
            invoicing.answer_authentication(work, invoice, passed=action == CustomerAction.AUTHENTICATE)
    return {}


def _pay(work: Work, invoice: Record, number: str) -> None:
    fields = {"number": number, "exp_month": "12", "exp_year": "2050", "cvc": "123"}
    invoicing.pay_with(work, invoice, create_payment_method(work, read_typed_card(fields, work.now)))


def _start_authentication(work: Work, invoice: Record, intent: Record, number: str | None) -> None:
    """Pay again with the card that the bank wanted to hear about, or with one that always asks."""
    refused = (intent.body["last_payment_error"] or {}).get("payment_method", {}).get("id")
    method = work.find("payment_method", refused) if number is None else None
    if method is None:
        _pay(work, invoice, number or _AUTHENTICATING_NUMBER)
    else:
        invoicing.pay_with(work, invoice, method)


def _page_state(work: Work, invoice_id: str, reason: str | None) -> Json:
    invoice = work.require("invoice", invoice_id, in_path=True)
    if invoice.body["status"] == "paid":
        status = "paid"
    else:
        words = {"requires_action": "action_required", "processing": "processing"}
        status = words.get(invoicing.invoice_intent(work, invoice).body["status"], "failed")
    return {"status": status, "reason": reason, "invoice": shown(invoice)}


def _in_dashboard(work: Work, invoice_id: str, action: MerchantAction, amount: int | None) -> Json:
    invoice = work.require("invoice", invoice_id, in_path=True)
    made: Record | None = None
    match action:
        case MerchantAction.VOID:
            invoicing.void(work, invoice)
        case MerchantAction.PAID_OUT_OF_BAND:
            invoicing.pay_out_of_band(work, invoice)
        case MerchantAction.MARK_UNCOLLECTIBLE:
            invoicing.mark_uncollectible(work, invoice)
        case MerchantAction.SEND:
            invoicing.send(work, invoice)
        case MerchantAction.CREDIT_NOTE:
            made = _credit(work, invoice, amount)
        case MerchantAction.REFUND:
            made = refund_charge(work, _charge(work, invoice), amount)
        case _:
            made = _dispute(work, _charge(work, invoice), action)
    return {"invoice": shown(invoice), "made": shown(made) if made else None}


def _charge(work: Work, invoice: Record) -> Record:
    return work.require("charge", invoicing.invoice_intent(work, invoice).body["latest_charge"] or "")


def _dispute(work: Work, charge: Record, action: MerchantAction) -> Record:
    if action in (MerchantAction.DISPUTE, MerchantAction.INQUIRY):
        return open_dispute(work, charge, inquiry=action == MerchantAction.INQUIRY)
    known = work.select("dispute", parent=charge.id)
    if not known:
        raise InvalidState(f"Charge {charge.id} is not disputed.")
    if action == MerchantAction.DISPUTE_ESCALATED:
        escalate_dispute(work, known[0])
    else:
        close_dispute(work, known[0], won=action == MerchantAction.DISPUTE_WON)
    return known[0]


def _credit(work: Work, invoice: Record, amount: int | None) -> Record:
    """On a paid invoice the dashboard's default is to give the money back to the card."""
    paid = invoice.body["status"] == "paid"
    everything = invoice.body["amount_paid"] if paid else invoice.body["amount_remaining"]
    total = everything if amount is None else amount
    note = issue_credit_note(work, invoice, total, Settlement(refund=total) if paid else Settlement())
    work.emit("credit_note.created", note)
    return note
