"""One invoice at Stripe, from nothing to final: create, fill, read and compare, finalize (stripe.md, "issue").

Each call may be lost, and the whole may be repeated from any point. While the keys hold, sending again is safe. When
they are too old, or Stripe has stored a failure under one, the invoice is looked up by customer, time and metadata,
and goes on from where it stands; only what is known not to have happened is sent, under the next series of keys.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import stripe
from stripe.params import InvoiceAddLinesParamsLine, InvoiceCreateParams

from adapters.stripe import keys
from adapters.stripe.connection import Connection, replayed, stepping_over
from adapters.stripe.readings import INVOICE_ID, LINE_ID, PAYMENTS, metadata
from billing.invoices import Line, application_fee
from billing.payments import InvoiceOrder, LinesDiffer, Refused

_CLOCK_SKEW: Final = timedelta(hours=1)
_PAGE: Final = 100


class Issuing:
    """Issues invoices over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection
        self._invoices = connection.v1.invoices

    async def issue(self, account: str, order: InvoiceOrder, now: datetime) -> tuple[stripe.Invoice, str | None]:
        """The final invoice, with PAYMENTS expanded, and why Stripe refuses to mail it, if it does.

        Raises LinesDiffer and every other PaymentTrouble.
        """
        era = keys.era(order.created_at, now)
        return await stepping_over(era, lambda series: self._issue(account, order, series, now))

    async def _issue(
        self, account: str, order: InvoiceOrder, series: str, now: datetime
    ) -> tuple[stripe.Invoice, str | None]:
        provider, tried = (order.provider_id, True) if order.provider_id else await self._begin(account, order, series)
        # While the first keys hold, sending the lines again cannot double them. Else only an empty draft gets lines.
        if not series and not order.provider_id:
            await self._add_lines(account, order, provider, series)
        invoice = await self._read(account, provider)
        if invoice.status == "draft" and not invoice.lines.data:
            await self._add_lines(account, order, provider, series)
            invoice = await self._read(account, provider)
        await self._compare(account, order, invoice)
        if invoice.status == "draft":
            invoice = await self._finalize(account, order, invoice, series, now, tried=tried)
        return invoice, await self._send(account, order, invoice, series)

    async def _begin(self, account: str, order: InvoiceOrder, series: str) -> tuple[str, bool]:
        """The id of the invoice at Stripe, and whether an earlier try made it: looked up first where the first keys
        cannot be trusted any more."""
        found = await self._find(account, order) if series else None
        if found:
            return found, True
        key = keys.in_series(keys.invoice_create(order.invoice), series)
        created = await self._stripe.write(key, lambda o: self._invoices.create_async(_creation(order), o), account)
        return created.id, replayed(created)

    async def discard(self, account: str, order: InvoiceOrder) -> None:
        """Leave nothing of an invoice that is not to be issued: drafts are deleted, what was issued unseen is voided.

        Looked up, because the answer that named it may have been lost. Raises Refused for one that was paid.
        """
        for invoice in await self._made(account, order):
            if invoice.status == "draft":
                await self._delete(account, keys.draft_delete(invoice.id), invoice.id)
            elif invoice.status != "void":
                await self._void(account, keys.invoice_void(order.invoice), invoice.id)

    async def _delete(self, account: str, key: str, provider: str) -> None:
        await self._stripe.put(key, lambda o: self._invoices.delete_async(provider, None, o), account)

    async def _void(self, account: str, key: str, provider: str) -> None:
        await self._stripe.put(key, lambda o: self._invoices.void_invoice_async(provider, None, o), account)

    async def _find(self, account: str, order: InvoiceOrder) -> str | None:
        found = await self._made(account, order)
        # An issued one is the invoice; a second draft can only be what a request still under way left behind.
        found.sort(key=lambda invoice: (invoice.status == "draft", invoice.created, invoice.id))
        return found[0].id if found else None

    async def _made(self, account: str, order: InvoiceOrder) -> list[stripe.Invoice]:
        since = int((order.created_at - _CLOCK_SKEW).timestamp())

        async def search(options: stripe.RequestOptions) -> list[stripe.Invoice]:
            page = await self._invoices.list_async(
                {"customer": order.customer, "created": {"gte": since}, "limit": _PAGE}, options
            )
            return [invoice async for invoice in page.auto_paging_iter()]

        recent = await self._stripe.read(search, account)
        return [invoice for invoice in recent if metadata(invoice, INVOICE_ID) == order.invoice]

    async def _add_lines(self, account: str, order: InvoiceOrder, provider: str, series: str) -> None:
        lines = [_line(order.invoice, number, line) for number, line in enumerate(order.lines, start=1)]
        key = keys.in_series(keys.invoice_lines(order.invoice), series)
        await self._stripe.write(key, lambda o: self._invoices.add_lines_async(provider, {"lines": lines}, o), account)

    async def _read(self, account: str, provider: str) -> stripe.Invoice:
        """The invoice as it stands, or LinesDiffer when somebody, we included, has deleted the draft."""
        try:
            invoice = await self._stripe.read(
                lambda o: self._invoices.retrieve_async(provider, {"expand": [PAYMENTS]}, o), account
            )
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            raise LinesDiffer(f"the draft {provider} was deleted", request=refusal.request) from refusal
        if getattr(invoice, "deleted", False):
            raise LinesDiffer(f"the draft {provider} was deleted")
        return invoice

    async def _compare(self, account: str, order: InvoiceOrder, invoice: stripe.Invoice) -> None:
        """Refuse an invoice that is not exactly our lines; a draft is deleted first, so that nobody can send it."""
        if await self._lines(account, invoice) == _expected(order) and invoice.currency == order.currency:
            return
        if invoice.status == "draft":
            await self._delete(account, keys.invoice_delete(order.invoice), invoice.id)
        raise LinesDiffer(f"the lines of {invoice.id} ({invoice.status}) are not exactly ours")

    async def _lines(self, account: str, invoice: stripe.Invoice) -> list[tuple[str, int, str]]:
        """Line id, amount and currency of every line, sorted; an invoice itself carries only the first ten."""
        lines = list(invoice.lines.data)
        if invoice.lines.has_more:

            async def all_lines(options: stripe.RequestOptions) -> list[stripe.InvoiceLineItem]:
                page = await self._invoices.line_items.list_async(invoice.id, {"limit": _PAGE}, options)
                return [line async for line in page.auto_paging_iter()]

            lines = await self._stripe.read(all_lines, account)
        return sorted((metadata(line, LINE_ID) or "", line.amount, line.currency) for line in lines)

    async def _finalize(
        self, account: str, order: InvoiceOrder, draft: stripe.Invoice, series: str, now: datetime, *, tried: bool
    ) -> stripe.Invoice:
        key = keys.in_series(keys.invoice_finalize(order.invoice), series)
        try:
            await self._set_fee(account, order, draft, now, tried=tried)
            return await self._stripe.write(
                key,
                lambda o: self._invoices.finalize_invoice_async(
                    draft.id, {"auto_advance": False, "expand": [PAYMENTS]}, o
                ),
                account,
            )
        except Refused:
            # The agency may have finalized it in its dashboard since it was read.
            current = await self._read(account, draft.id)
            if current.status == "draft":
                raise
            return current

    async def _set_fee(
        self, account: str, order: InvoiceOrder, draft: stripe.Invoice, now: datetime, *, tried: bool
    ) -> None:
        """The fee of what will be charged now. One that an earlier try set does not show, and is overwritten: the
        customer's balance may have moved since."""
        fee = application_fee(order.levies.fee_percent, draft.total, draft.starting_balance, order.currency)
        if fee or (tried and order.levies.fee_percent):
            await self._stripe.put(
                keys.invoice_fee(order.invoice, fee, now.isoformat()),
                lambda o: self._invoices.update_async(draft.id, {"application_fee_amount": fee}, o),
                account,
            )

    async def _send(self, account: str, order: InvoiceOrder, invoice: stripe.Invoice, series: str) -> str | None:
        """Have Stripe mail it, where that was ordered; why it refuses to. The invoice is final all the same.

        Whether it has mailed it does not show: after a day it is mailed again.
        """
        if order.days_until_due is None or invoice.status != "open":
            return None
        key = keys.in_series(keys.invoice_send(order.invoice), series)
        try:
            await self._stripe.write(key, lambda o: self._invoices.send_invoice_async(invoice.id, None, o), account)
        except Refused as refusal:
            return str(refusal)
        return None


def _creation(order: InvoiceOrder) -> InvoiceCreateParams:
    """Every default that Stripe would take from the customer or the account is said explicitly."""
    creation: InvoiceCreateParams = {
        "customer": order.customer,
        "currency": order.currency,
        "description": order.description,
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "automatic_tax": {"enabled": False},
        "payment_settings": {"payment_method_types": ["card"]},
        "metadata": {**dict(order.metadata), INVOICE_ID: order.invoice},
    }
    if order.levies.tax_rates:
        creation["default_tax_rates"] = list(order.levies.tax_rates)
    if order.days_until_due is None:
        return {**creation, "collection_method": "charge_automatically"}
    return {**creation, "collection_method": "send_invoice", "days_until_due": order.days_until_due}


def _line(invoice: str, number: int, line: Line) -> InvoiceAddLinesParamsLine:
    params: InvoiceAddLinesParamsLine = {
        "amount": line.amount,
        "description": line.description,
        "discountable": False,
        "metadata": {LINE_ID: _line_id(invoice, number)},
    }
    if line.period_start and line.period_end:
        params["period"] = {"start": int(line.period_start.timestamp()), "end": int(line.period_end.timestamp())}
    return params


def _line_id(invoice: str, number: int) -> str:
    return f"{invoice}-{number}"


def _expected(order: InvoiceOrder) -> list[tuple[str, int, str]]:
    lines = enumerate(order.lines, start=1)
    return sorted((_line_id(order.invoice, number), line.amount, order.currency) for number, line in lines)
