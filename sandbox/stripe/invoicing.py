"""An invoice's life: draft → open → paid, void or uncollectible; and what paying it does, however it is paid."""

from sandbox.stripe.balances import adopt_currency, move_balance
from sandbox.stripe.charging import (
    Attempt,
    Outcome,
    attempt_charge,
    authenticate,
    cancel_intent,
    create_intent,
    settle_processing,
)
from sandbox.stripe.errors import CardError, InvalidState
from sandbox.stripe.ids import random_text
from sandbox.stripe.invoice_totals import recompute, settle_with_balance
from sandbox.stripe.money import MAX_CHARGE, chargeable_unit, format_amount
from sandbox.stripe.payment_cards import default_method, owned_method, refused_card
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown


def finalize(work: Work, invoice: Record) -> None:
    """Number the invoice, fix its amounts, and make it payable; one with nothing to charge is paid at once."""
    if invoice.body["status"] != "draft":
        raise InvalidState("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    recompute(work, invoice)
    _check_amounts(invoice)
    customer = work.require("customer", invoice.body["customer"])
    total, starting, currency = (invoice.body[name] for name in ("total", "starting_balance", "currency"))
    due, ending = settle_with_balance(total, starting, currency)
    _take_number(customer, invoice)
    adopt_currency(customer, currency)
    invoice.hidden["label"] = random_text(60)
    page = f"{work.site.base_url}/i/{work.account}/{invoice.hidden['label']}"
    invoice.body.update(
        status="open",
        amount_due=due,
        amount_remaining=due,
        ending_balance=ending,
        effective_at=invoice.body["effective_at"] or work.now,
        hosted_invoice_url=page,
        invoice_pdf=f"{page}/pdf",
        customer_name=customer.body["name"],
        customer_email=customer.body["email"],
        customer_address=customer.body["address"],
    )
    invoice.body["status_transitions"]["finalized_at"] = work.now
    if ending != starting:
        move_balance(work, customer, ending - starting, currency, reason="applied_to_invoice", invoice=invoice.id)
    if due > 0:
        _open_payment(work, invoice)
    work.emit("invoice.finalized", invoice)
    if due == 0:
        _settle(work, invoice, paid=0)
        work.emit("invoice.payment_succeeded", invoice)
    work.emit_updated("invoice.updated", invoice)


def pay(work: Work, invoice: Record, *, method_id: str | None, off_session: bool) -> None:
    """Charge the invoice to a card; a refusal is a CardError whose effects are kept."""
    if invoice.body["status"] == "draft":
        finalize(work, invoice)
        if invoice.body["status"] == "paid":
            return
    require_payable(work, invoice)
    _attempt(work, invoice, _method_for(work, invoice, method_id), off_session=off_session)


def pay_with(work: Work, invoice: Record, method: Record) -> None:
    """The customer is present and pays with this card, which need not be saved."""
    require_payable(work, invoice)
    _attempt(work, invoice, method, off_session=False)


def answer_authentication(work: Work, invoice: Record, *, passed: bool) -> None:
    """The customer answers the bank's question about the payment that waits for it."""
    intent = invoice_intent(work, invoice)
    if intent.body["status"] != "requires_action":
        raise InvalidState("This payment does not wait for an authentication.")
    method = work.require("payment_method", intent.body["payment_method"])
    _conclude(work, invoice, intent, method, authenticate(work, intent, passed=passed), off_session=False)


def settle_invoice_payment(work: Work, invoice: Record, *, succeeded: bool) -> None:
    """The bank's late answer to an invoice payment that was processing."""
    intent = invoice_intent(work, invoice)
    attempt = settle_processing(work, intent, succeeded=succeeded)
    if attempt.outcome == Outcome.SUCCEEDED:
        _book_payment(work, invoice, intent)
        return
    work.emit("invoice.payment_failed", invoice)
    work.emit_updated("invoice.updated", invoice)


def pay_out_of_band(work: Work, invoice: Record) -> None:
    """The merchant says that it was paid some other way."""
    if invoice.body["status"] == "draft":
        finalize(work, invoice)
    require_payable(work, invoice)
    _close_payments(work, invoice, "automatic")
    invoice.body["amount_paid_off_stripe"] = invoice.body["amount_due"]
    _settle(work, invoice, paid=invoice.body["amount_due"])
    work.emit_updated("invoice.updated", invoice)


def void(work: Work, invoice: Record) -> None:
    """The invoice is not owed any more; the customer's balance is as if it had never been issued."""
    if invoice.body["status"] not in ("open", "uncollectible"):
        raise InvalidState(
            f"You can only pass in open or uncollectible invoices. This invoice isn't open, it is "
            f"{invoice.body['status']}."
        )
    _refuse_while_processing(work, invoice)
    _close_payments(work, invoice, "void_invoice")
    invoice.body["status"] = "void"
    invoice.body["status_transitions"]["voided_at"] = work.now
    moved = (invoice.body["ending_balance"] or 0) - invoice.body["starting_balance"]
    if moved:
        customer = work.require("customer", invoice.body["customer"])
        move_balance(
            work, customer, -moved, invoice.body["currency"], reason="unapplied_from_invoice", invoice=invoice.id
        )
    work.emit("invoice.voided", invoice)
    work.emit_updated("invoice.updated", invoice)


def mark_uncollectible(work: Work, invoice: Record) -> None:
    """The merchant gives the debt up; it can still be paid."""
    if invoice.body["status"] != "open":
        raise InvalidState(
            f"You can only mark an open invoice as uncollectible. This invoice isn't open, it is "
            f"{invoice.body['status']}."
        )
    invoice.body["status"] = "uncollectible"
    invoice.body["status_transitions"]["marked_uncollectible_at"] = work.now
    work.emit("invoice.marked_uncollectible", invoice)
    work.emit_updated("invoice.updated", invoice)


def send(work: Work, invoice: Record) -> None:
    """Mail the invoice to the customer (only the event says so: nothing leaves this machine)."""
    if invoice.body["collection_method"] != "send_invoice":
        raise InvalidState("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice.body["status"] == "draft":
        finalize(work, invoice)
    if invoice.body["status"] not in ("open", "paid"):
        raise InvalidState(f"You can't send an invoice that is {invoice.body['status']}.")
    if not invoice.body["customer_email"]:
        raise InvalidState(
            "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid "
            "email."
        )
    work.emit("invoice.sent", invoice)


def reduce_by_credit_note(work: Work, invoice: Record, amount: int) -> None:
    """A credit note lowers what an open invoice still asks for; nothing left means paid."""
    _refuse_while_processing(work, invoice)
    _change_amount_due(work, invoice, -amount)
    if invoice.body["amount_due"] == 0:
        _close_payments(work, invoice, "void_invoice")
        _settle(work, invoice, paid=0)
    work.emit_updated("invoice.updated", invoice)


def raise_by_voided_note(work: Work, invoice: Record, amount: int) -> None:
    """A voided credit note's amount is asked for again."""
    _refuse_while_processing(work, invoice)
    _change_amount_due(work, invoice, amount)
    work.emit_updated("invoice.updated", invoice)


def require_payable(work: Work, invoice: Record) -> None:
    """Refuse unless the invoice asks for money now; Stripe gives these refusals no code."""
    status = invoice.body["status"]
    if status == "paid":
        raise InvalidState("Invoice is already paid")
    if status not in ("open", "uncollectible"):
        raise InvalidState(f"You can't pay an invoice that is {status}.")
    _refuse_while_processing(work, invoice)


def invoice_payment(work: Work, invoice: Record) -> Record:
    """The invoice's default payment."""
    return work.select("invoice_payment", parent=invoice.id)[-1]


def invoice_intent(work: Work, invoice: Record) -> Record:
    """The payment intent through which the invoice is paid."""
    return work.require("payment_intent", invoice_payment(work, invoice).body["payment"]["payment_intent"])


def _attempt(work: Work, invoice: Record, method: Record, *, off_session: bool) -> None:
    intent = invoice_intent(work, invoice)
    attempt = attempt_charge(work, intent, method, off_session=off_session)
    _conclude(work, invoice, intent, method, attempt, off_session=off_session)


def _conclude(
    work: Work, invoice: Record, intent: Record, method: Record, attempt: Attempt, *, off_session: bool
) -> None:
    """Carry an attempt's end over to the invoice; declines and needed actions are raised after they are booked."""
    invoice.body["attempted"] = True
    invoice.body["attempt_count"] += 1
    if attempt.outcome == Outcome.SUCCEEDED:
        _book_payment(work, invoice, intent)
        return
    if attempt.outcome == Outcome.PROCESSING:
        work.emit_updated("invoice.updated", invoice)
        return
    needs_action = attempt.outcome == Outcome.NEEDS_ACTION
    asks_customer = attempt.decline is not None and attempt.decline.code == "authentication_required"
    if not needs_action:
        work.emit("invoice.payment_failed", invoice)
    if needs_action or (asks_customer and off_session):
        work.emit("invoice.payment_action_required", invoice)
    work.emit_updated("invoice.updated", invoice)
    raise _refusal(method, intent, attempt)


def _check_amounts(invoice: Record) -> None:
    currency = invoice.body["currency"]
    if max(abs(invoice.body["total"]), invoice.body["amount_due"]) > MAX_CHARGE:
        raise InvalidState(
            f"Amount must be no more than {format_amount(MAX_CHARGE, currency)}",
            code="amount_too_large",
            param="amount",
        )
    if invoice.body["amount_due"] % chargeable_unit(currency):
        raise InvalidState(
            f"Invalid amount. Amounts in {currency.upper()} must be evenly divisible by {chargeable_unit(currency)}.",
            code="invalid_charge_amount",
            param="amount",
        )
    fee = invoice.hidden["application_fee_amount"]
    if fee and 0 < invoice.body["amount_due"] < fee:
        raise InvalidState(
            "The application fee cannot be greater than the amount of the invoice.", param="application_fee_amount"
        )


def _change_amount_due(work: Work, invoice: Record, change: int) -> None:
    due = invoice.body["amount_due"] + change
    invoice.body.update(amount_due=due, amount_remaining=due)
    invoice.body["pre_payment_credit_notes_amount"] -= change
    invoice_intent(work, invoice).body["amount"] = due
    invoice_payment(work, invoice).body["amount_requested"] = due


def _take_number(customer: Record, invoice: Record) -> None:
    sequence = customer.body["next_invoice_sequence"]
    invoice.body["number"] = invoice.body["number"] or f"{customer.body['invoice_prefix']}-{sequence:04d}"
    customer.body["next_invoice_sequence"] = sequence + 1


def _open_payment(work: Work, invoice: Record) -> None:
    amount, currency = invoice.body["amount_due"], invoice.body["currency"]
    intent = create_intent(
        work,
        {
            "amount": amount,
            "currency": currency,
            "customer": invoice.body["customer"],
            "description": f"Payment for Invoice {invoice.body['number']}",
        },
        invoice=invoice.id,
        application_fee_amount=invoice.hidden["application_fee_amount"],
    )
    body: Json = {
        "amount_paid": None,
        "amount_requested": amount,
        "currency": currency,
        "invoice": invoice.id,
        "is_default": True,
        "livemode": False,
        "payment": {"type": "payment_intent", "payment_intent": intent.id},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    work.create("invoice_payment", body, {"parent": invoice.id})


def _method_for(work: Work, invoice: Record, method_id: str | None) -> Record:
    customer = work.require("customer", invoice.body["customer"])
    chosen = method_id or invoice.body["default_payment_method"]
    method = owned_method(work, customer.id, chosen) if chosen else default_method(work, customer)
    if method is None:
        raise InvalidState(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment.",
            code="resource_missing",
        )
    return method


def _book_payment(work: Work, invoice: Record, intent: Record) -> None:
    payment = invoice_payment(work, invoice)
    payment.body.update(status="paid", amount_paid=intent.body["amount_received"])
    payment.body["status_transitions"]["paid_at"] = work.now
    _settle(work, invoice, paid=intent.body["amount_received"])
    work.emit("invoice.payment_succeeded", invoice)
    work.emit("invoice_payment.paid", payment)
    work.emit_updated("invoice.updated", invoice)


def _settle(work: Work, invoice: Record, *, paid: int) -> None:
    invoice.body.update(status="paid", attempted=True, amount_paid=paid, amount_remaining=0)
    invoice.body["status_transitions"]["paid_at"] = work.now
    work.emit("invoice.paid", invoice)


def _close_payments(work: Work, invoice: Record, reason: str) -> None:
    for payment in work.select("invoice_payment", parent=invoice.id):
        if payment.body["status"] == "open":
            payment.body["status"] = "canceled"
            payment.body["status_transitions"]["canceled_at"] = work.now
            cancel_intent(work, work.require("payment_intent", payment.body["payment"]["payment_intent"]), reason)


def _refuse_while_processing(work: Work, invoice: Record) -> None:
    for payment in work.select("invoice_payment", parent=invoice.id):
        intent = work.require("payment_intent", payment.body["payment"]["payment_intent"])
        if intent.body["status"] == "processing":
            raise InvalidState(
                "This invoice has a payment that is still processing. Wait until it has succeeded or failed.",
                code="payment_intent_unexpected_state",
            )


def _refusal(method: Record, intent: Record, attempt: Attempt) -> CardError:
    if attempt.decline is None:
        return CardError(
            "This payment requires additional user action before it can be completed successfully. Payment can be "
            "completed using the PaymentIntent associated with the invoice.",
            code="invoice_payment_intent_requires_action",
            payment_intent=shown(intent),
        )
    charge = attempt.charge.id if attempt.charge else None
    return refused_card(method, attempt.decline, charge=charge, payment_intent=shown(intent))
