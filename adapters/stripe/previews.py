"""What lines come to with tax, asked of Stripe before there is an invoice (billing-rules 1: tax is Stripe's figure)."""

from collections.abc import Sequence
from datetime import datetime

from stripe.params import InvoiceCreatePreviewParams, InvoiceCreatePreviewParamsInvoiceItem

from adapters.stripe import keys
from adapters.stripe.connection import Connection
from billing.invoices import Line, total
from billing.payments import Taxed


class StripePreviews:
    """Every method raises billing.payments.PaymentTrouble."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection

    async def taxed(
        self,
        account: str,
        customer: str,
        currency: str,
        lines: Sequence[Line],
        rates: Sequence[str],
        asked_at: datetime,
    ) -> Taxed:
        """The lines as an invoice of the customer's would have them. Without a rate, or at zero, nobody is asked."""
        own = total(lines)
        if not rates or own == 0:
            return Taxed(0, own)
        exemption = await self._exemption(account, customer)
        wanted = _preview(currency, lines, rates, exemption)
        shown = await self._stripe.write(
            keys.invoice_preview(customer, asked_at.isoformat()),
            lambda o: self._stripe.v1.invoices.create_preview_async(wanted, o),
            account,
        )
        return Taxed(sum(tax.amount for tax in shown.total_taxes or ()), shown.total)

    async def _exemption(self, account: str, customer: str) -> str:
        found = await self._stripe.read(lambda o: self._stripe.v1.customers.retrieve_async(customer, None, o), account)
        return getattr(found, "tax_exempt", None) or "none"


def _preview(currency: str, lines: Sequence[Line], rates: Sequence[str], exemption: str) -> InvoiceCreatePreviewParams:
    """Of the customer only what moves the tax is named: a preview for the customer itself would take in what waits in
    its account to be invoiced, and our invoices leave that out."""
    items: list[InvoiceCreatePreviewParamsInvoiceItem] = [
        {"amount": line.amount, "currency": currency, "discountable": False, "tax_rates": list(rates)} for line in lines
    ]
    return {
        "currency": currency,
        "customer_details": {"tax_exempt": exemption},
        "discounts": "",
        "invoice_items": items,
    }
