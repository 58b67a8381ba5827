"""A payment provider inside the process that answers at once: what is left is what closing a period costs us."""

from datetime import datetime
from typing import NoReturn

from activities.ports import Clock
from billing.credit_notes import CreditOrder
from billing.invoices import InvoiceStatus
from billing.payments import AccountReading, InvoiceOrder, InvoiceReading, PayAnswer
from billing.state import Attempt, Card


class StubbedPayments:
    """`activities.ports.Payments`, by shape: every invoice is issued as it was ordered, and every card pays.

    It remembers nothing, so that any process may answer: an invoice's amount stands in its provider id.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def issue(self, account: str, order: InvoiceOrder, now: datetime) -> InvoiceReading:
        total = sum(line.amount for line in order.lines)
        return InvoiceReading(
            provider_id=f"in_{order.invoice}.{total}",
            invoice=order.invoice,
            status=InvoiceStatus.OPEN,
            number="BENCH-0001",
            currency=order.currency,
            subtotal=total,
            total=total,
            amount_due=total,
            amount_paid=0,
            starting_balance=0,
            ending_balance=0,
            paid_out_of_band=False,
            hosted_url=None,
            pdf_url=None,
            intent="requires_payment_method",
        )

    async def pay(self, account: str, provider_invoice: str, attempt: Attempt) -> PayAnswer:
        made = f"{attempt.invoice}_{attempt.number}"
        amount = int(provider_invoice.rpartition(".")[2])
        return PayAnswer("paid", f"ch_{made}", f"pi_{made}", amount, self._clock.now())

    async def discard(self, account: str, order: InvoiceOrder) -> None:
        _never("discard")

    async def void(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        _never("void")

    async def send(self, account: str, provider_invoice: str, invoice: str, request: str) -> None:
        _never("send")

    async def mark_uncollectible(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        _never("mark_uncollectible")

    async def mark_paid(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        _never("mark_paid")

    async def credit(
        self, account: str, provider_invoice: str, order: CreditOrder, first_sent_at: datetime, now: datetime
    ) -> InvoiceReading:
        _never("credit")

    async def read_invoice(self, account: str, provider_invoice: str) -> InvoiceReading:
        _never("read_invoice")

    async def read_card(self, account: str, customer: str) -> Card | None:
        _never("read_card")

    async def read_account(self, account: str) -> AccountReading:
        _never("read_account")

    async def adopt_card(self, account: str, customer: str, setup_intent: str) -> Card | None:
        _never("adopt_card")


def _never(call: str) -> NoReturn:
    raise RuntimeError(f"{call}: nothing that is measured with this gateway asks for it")
