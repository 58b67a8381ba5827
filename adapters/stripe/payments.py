"""What the subscription's activities need of Stripe: `activities.ports.Payments`, by shape.

A declined card is an answer. Everything else that is not a result raises billing.payments.PaymentTrouble, and only
billing.payments.PaymentTrouble.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import stripe

from adapters.stripe import keys
from adapters.stripe.connection import Call, Connection, replayed
from adapters.stripe.crediting import Crediting
from adapters.stripe.issuing import Issuing
from adapters.stripe.readings import (
    PAYMENTS,
    account_reading,
    card_on_file,
    charge_reading,
    disconnected,
    expanded,
    invoice_reading,
    payment_intents,
    reference,
    refused_decline,
)
from adapters.stripe.troubles import NO_ACCESS
from billing.credit_notes import CreditOrder
from billing.declines import Decline, DeclineClass, classify
from billing.invoices import InvoiceStatus
from billing.payments import (
    AccountReading,
    ChargeReading,
    InvoiceOrder,
    InvoiceReading,
    OutcomeUnknown,
    PayAnswer,
    Refused,
)
from billing.state import Attempt, Card

_DEFAULT_CARD: Final = "invoice_settings.default_payment_method"
# What an on-session payment answers: to the rules it is the same wish of the bank's as an off-session one's.
_ACT_CODES: Final = frozenset({"invoice_payment_intent_requires_action", "payment_intent_action_required"})
_MUST_ACT: Final = Decline(code="authentication_required")

_OVER: Final = (InvoiceStatus.PAID, InvoiceStatus.VOID)


class StripePayments:
    """The payment provider of the workflows. Every method takes the connected account that it acts for."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection
        self._issuing = Issuing(connection)
        self._crediting = Crediting(connection)

    async def issue(self, account: str, order: InvoiceOrder, now: datetime) -> InvoiceReading:
        """Create, fill, compare and finalize (adapters.stripe.issuing). `now` is business time."""
        invoice, not_mailed = await self._issuing.issue(account, order, now)
        return replace(await self._reading(account, invoice), not_mailed=not_mailed)

    async def discard(self, account: str, order: InvoiceOrder) -> None:
        """Delete what an invoice that is not to be issued has left at Stripe. Repeatable."""
        await self._issuing.discard(account, order)

    async def pay(self, account: str, provider_invoice: str, attempt: Attempt) -> PayAnswer:
        """Charge the attempt's card, once: the same attempt again brings the first answer again.

        Amounts are minor units. "Already paid" and the like raise Refused: read before judging (stripe.md, "Answers").
        """
        answer = await self._stripe.write(
            keys.invoice_attempt(attempt.invoice, attempt.number),
            lambda options: self._charge(provider_invoice, attempt, options),
            account,
        )
        if isinstance(answer, stripe.CardError):
            return await self._declined(account, answer)
        if answer.status != "paid" and replayed(answer):
            answer = await self._retrieve(account, provider_invoice)
        return _pay_answer(answer)

    async def void(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        """Void the invoice and read it. One that was paid, or voided, meanwhile is only read: believe its status."""
        return await self._settle(
            account,
            provider_invoice,
            keys.invoice_void(invoice),
            lambda o: self._stripe.v1.invoices.void_invoice_async(provider_invoice, None, o),
        )

    async def mark_paid(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        """Paid elsewhere, the agency says. One that was paid, or voided, meanwhile is only read."""
        return await self._settle(
            account,
            provider_invoice,
            keys.invoice_out_of_band(invoice),
            lambda o: self._stripe.v1.invoices.pay_async(provider_invoice, {"paid_out_of_band": True}, o),
        )

    async def mark_uncollectible(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        """Write the invoice off. One that is not open any more is only read."""
        return await self._settle(
            account,
            provider_invoice,
            keys.invoice_uncollectible(invoice),
            lambda o: self._stripe.v1.invoices.mark_uncollectible_async(provider_invoice, None, o),
            over=(*_OVER, InvoiceStatus.UNCOLLECTIBLE),
        )

    async def credit(
        self, account: str, provider_invoice: str, order: CreditOrder, first_sent_at: datetime, now: datetime
    ) -> InvoiceReading:
        """Make the credit note and read the invoice. One that is not open any more is only read."""
        before = await self.read_invoice(account, provider_invoice)
        if _credited(before, order):
            return before
        try:
            await self._crediting.make(account, provider_invoice, order, first_sent_at, now)
        except (OutcomeUnknown, Refused):
            after = await self.read_invoice(account, provider_invoice)
            if not _credited(after, order):
                raise
            return after
        return await self.read_invoice(account, provider_invoice)

    async def read_invoice(self, account: str, provider_invoice: str) -> InvoiceReading:
        """The invoice, every charge ever tried on it and its credit notes: a call for each of these that there are."""
        return await self._reading(account, await self._retrieve(account, provider_invoice))

    async def send(self, account: str, provider_invoice: str, invoice: str, request: str) -> None:
        """Have Stripe mail the open invoice to the client, once for each request."""
        await self._stripe.put(
            keys.invoice_send(invoice, request),
            lambda o: self._stripe.v1.invoices.send_invoice_async(provider_invoice, None, o),
            account,
        )

    async def read_card(self, account: str, customer: str) -> Card | None:
        """The customer's default card; none when detached, deleted or never saved."""
        return card_on_file(await self._default_method(account, customer))

    async def read_account(self, account: str) -> AccountReading:
        """The connected account's health; one that no longer lets us in reads as not connected."""
        try:
            # Asked by the platform about the account, not on its behalf: so the options stay behind.
            read = await self._stripe.read(lambda _: self._stripe.v1.accounts.retrieve_async(account), account)
        except Refused as refusal:
            if refusal.code != NO_ACCESS:
                raise
            return disconnected(account)
        return account_reading(read)

    async def adopt_card(self, account: str, customer: str, setup_intent: str) -> Card | None:
        """Make the card of a succeeded setup intent the customer's default, and read the default.

        A setup intent that has not succeeded, whose card is gone, or after which a newer card was saved changes
        nothing. Another customer's raises Refused.
        """
        intent = await self._stripe.read(
            lambda o: self._stripe.v1.setup_intents.retrieve_async(setup_intent, {"expand": ["payment_method"]}, o),
            account,
        )
        if reference(intent.customer) != customer:
            raise Refused(f"{setup_intent} is not of {customer}", status=400, code="other_customer")
        method = expanded(intent.payment_method)
        current = await self._default_method(account, customer)
        if intent.status != "succeeded" or method is None or reference(method.customer) != customer:
            return card_on_file(current)
        # Events come late and out of order: the story of an older card must not push out a newer one.
        if current and (current.id == method.id or current.created > method.created):
            return card_on_file(current)
        return await self._make_default(account, customer, setup_intent, method.id)

    async def _settle(
        self,
        account: str,
        provider_invoice: str,
        key: str,
        call: Call[stripe.Invoice],
        over: tuple[InvoiceStatus, ...] = _OVER,
    ) -> InvoiceReading:
        """End the invoice and read it, unless it is `over` already; what is refused or lost is believed when it shows.

        Repeated as often as need be: an invoice ends but once.
        """
        before = await self.read_invoice(account, provider_invoice)
        if before.status in over:
            return before
        try:
            await self._stripe.put(key, call, account)
        except (OutcomeUnknown, Refused):
            after = await self.read_invoice(account, provider_invoice)
            if after.status is before.status:
                raise
            return after
        return await self.read_invoice(account, provider_invoice)

    async def _charge(
        self, provider_invoice: str, attempt: Attempt, options: stripe.RequestOptions
    ) -> stripe.Invoice | stripe.CardError:
        try:
            return await self._stripe.v1.invoices.pay_async(
                provider_invoice,
                {"payment_method": attempt.card.id, "off_session": not attempt.on_session, "expand": [PAYMENTS]},
                options,
            )
        except stripe.CardError as decline:
            return decline

    async def _declined(self, account: str, error: stripe.CardError) -> PayAnswer:
        charge = await self._charge_of(account, error)
        decline = refused_decline(error, charge)
        intent = reference(error.error.payment_intent) if error.error else None
        return _unpaid(decline, charge_reading(charge) if charge else None, intent)

    async def _charge_of(self, account: str, error: stripe.CardError) -> stripe.Charge | None:
        """The declined charge, which alone knows the card's brand and the outcome; none when none was made."""
        charge = error.error.charge if error.error else None
        if not charge:
            return None
        return await self._stripe.read(lambda o: self._stripe.v1.charges.retrieve_async(charge, None, o), account)

    async def _retrieve(self, account: str, provider_invoice: str) -> stripe.Invoice:
        return await self._stripe.read(
            lambda o: self._stripe.v1.invoices.retrieve_async(provider_invoice, {"expand": [PAYMENTS]}, o), account
        )

    async def _reading(self, account: str, invoice: stripe.Invoice) -> InvoiceReading:
        """With the charges of each intent on which anything was tried: an intent itself shows only its latest."""
        tried = [intent.id for intent in payment_intents(invoice) if intent.latest_charge]
        newest_first = [charge for intent in tried for charge in await self._charges(account, intent)]
        credited = invoice.pre_payment_credit_notes_amount or invoice.post_payment_credit_notes_amount
        notes = await self._crediting.of_invoice(account, invoice.id) if credited else []
        return invoice_reading(invoice, newest_first[::-1], notes[::-1])

    async def _charges(self, account: str, intent: str) -> Sequence[stripe.Charge]:
        async def pages(options: stripe.RequestOptions) -> list[stripe.Charge]:
            page = await self._stripe.v1.charges.list_async({"payment_intent": intent, "limit": 100}, options)
            return [charge async for charge in page.auto_paging_iter()]

        return await self._stripe.read(pages, account)

    async def _default_method(self, account: str, customer: str) -> stripe.PaymentMethod | None:
        try:
            read = await self._stripe.read(
                lambda o: self._stripe.v1.customers.retrieve_async(customer, {"expand": [_DEFAULT_CARD]}, o), account
            )
        except Refused:
            # Of a deleted customer nothing is left that could be expanded.
            read = await self._stripe.read(
                lambda o: self._stripe.v1.customers.retrieve_async(customer, None, o), account
            )
            if not getattr(read, "deleted", False):
                raise
        return _default_of(read)

    async def _make_default(self, account: str, customer: str, setup_intent: str, method: str) -> Card | None:
        updated = await self._stripe.put(
            keys.card_default(setup_intent),
            lambda o: self._stripe.v1.customers.update_async(
                customer, {"invoice_settings": {"default_payment_method": method}, "expand": [_DEFAULT_CARD]}, o
            ),
            account,
        )
        return await self.read_card(account, customer) if replayed(updated) else card_on_file(_default_of(updated))


def _credited(reading: InvoiceReading, order: CreditOrder) -> bool:
    """Whether nothing is left to be done: the note is there, or the invoice is not open any more."""
    return reading.status is not InvoiceStatus.OPEN or any(note.note == order.note for note in reading.credit_notes)


def _default_of(customer: stripe.Customer) -> stripe.PaymentMethod | None:
    settings = getattr(customer, "invoice_settings", None)  # a deleted customer has nothing but its id
    return expanded(settings.default_payment_method) if settings else None


def _pay_answer(invoice: stripe.Invoice) -> PayAnswer:
    """What a payment that was not refused came to, from the invoice and its default intent."""
    intents = payment_intents(invoice)
    intent = intents[0] if intents else None
    latest = expanded(intent.latest_charge) if intent else None
    charge = charge_reading(latest) if latest else None
    if invoice.status == "paid":
        return PayAnswer(
            "paid",
            charge=charge.id if charge else None,
            payment_intent=intent.id if intent else None,
            amount=charge.amount if charge else invoice.amount_paid,
            at=charge.created_at if charge else None,
        )
    if intent and intent.status == "requires_action":
        return _unpaid(_MUST_ACT, charge, intent.id)
    if charge and charge.decline:
        return _unpaid(charge.decline, charge, charge.payment_intent)
    return PayAnswer("processing", payment_intent=intent.id if intent else None)


def _unpaid(decline: Decline, charge: ChargeReading | None, intent: str | None) -> PayAnswer:
    decline = _MUST_ACT if decline.code in _ACT_CODES else decline
    must_act = classify(decline) is DeclineClass.CUSTOMER_MUST_ACT
    return PayAnswer(
        "action_required" if must_act else "declined",
        charge=charge.id if charge else None,
        payment_intent=charge.payment_intent if charge else intent,
        amount=charge.amount if charge else 0,
        at=charge.created_at if charge else None,
        decline=decline,
    )
