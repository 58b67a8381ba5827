"""What Stripe has recorded of a connected account, in lists: `activities.ports.Records`, by shape.

Lists and never the search: that is behind by minutes, and does not say by how many.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import stripe
from stripe.params import DisputeRetrieveParams

from adapters.stripe.connection import Connection
from adapters.stripe.disputing import dispute_reading
from adapters.stripe.events import EVENTS
from adapters.stripe.readings import expanded, invoice_reading, reference
from adapters.stripe.refunding import refund_reading
from adapters.stripe.webhooks import as_if_delivered
from billing.payments import EventReading, InvoiceReading, Refused
from billing.reconciling import Subject
from billing.reversals import ReversalReading, Reversing

_PAGE: Final = 100
_TYPES_AT_ONCE: Final = 20
"""The most that Stripe takes in one question."""
_PAYMENTS: Final = "data.payments"
_CHARGES: Final = "data.charge"


class StripeRecords:
    def __init__(self, connection: Connection) -> None:
        self._stripe = connection

    async def events(self, account: str, since: datetime) -> AsyncIterator[Sequence[EventReading]]:
        ours = sorted(EVENTS)
        for first in range(0, len(ours), _TYPES_AT_ONCE):
            query = {"types": ours[first : first + _TYPES_AT_ONCE], "created": {"gte": int(since.timestamp())}}
            async for page in self._pages(self._stripe.v1.events.list_async, query, account):
                yield [_event(event, account) for event in page]

    async def invoices(self, account: str, since: datetime) -> AsyncIterator[Sequence[InvoiceReading]]:
        instant = int(since.timestamp())
        charges = await self._charges(account, instant)
        for query in ({"created": {"gte": instant}}, {"created": {"lt": instant}, "status": "open"}):
            listing = partial(self._pages, self._stripe.v1.invoices.list_async)
            async for page in listing({**query, "expand": [_PAYMENTS]}, account):
                yield [invoice_reading(invoice, _of(invoice, charges)) for invoice in page]

    async def reversals(self, account: str, since: datetime) -> AsyncIterator[Sequence[ReversalReading]]:
        query = {"created": {"gte": int(since.timestamp())}}
        async for refunds in self._pages(self._stripe.v1.refunds.list_async, query, account):
            yield [_refund(refund) for refund in refunds]
        listing = partial(self._pages, self._stripe.v1.disputes.list_async)
        async for disputes in listing({**query, "expand": [_CHARGES]}, account):
            yield [_dispute(dispute) for dispute in disputes]

    async def read_reversal(self, account: str, subject: Reversing, provider_id: str) -> ReversalReading | None:
        try:
            match subject:
                case Subject.REFUND:
                    refunds = self._stripe.v1.refunds
                    return _refund(
                        await self._stripe.read(lambda o: refunds.retrieve_async(provider_id, None, o), account)
                    )
                case Subject.DISPUTE:
                    disputes, params = self._stripe.v1.disputes, DisputeRetrieveParams(expand=["charge"])
                    return _dispute(
                        await self._stripe.read(lambda o: disputes.retrieve_async(provider_id, params, o), account)
                    )
        except Refused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _charges(self, account: str, since: int) -> dict[str, list[stripe.Charge]]:
        """By the intent that each was made for. An invoice's charge is never older than the invoice."""
        charges: dict[str, list[stripe.Charge]] = defaultdict(list)
        async for page in self._pages(self._stripe.v1.charges.list_async, {"created": {"gte": since}}, account):
            for charge in page:
                charges[reference(charge.payment_intent) or ""].append(charge)
        return charges

    async def _pages(self, listing: Any, query: dict[str, Any], account: str) -> AsyncIterator[Sequence[Any]]:
        position: dict[str, str] = {}
        while True:
            page = await self._stripe.read(partial(listing, {"limit": _PAGE, **query, **position}), account)
            yield page.data
            if not page.has_more:
                return
            position = {"starting_after": page.data[-1].id}


def _event(event: stripe.Event, account: str) -> EventReading:
    seen = as_if_delivered(event.to_dict(for_json=True), account)
    return EventReading(seen.id, seen.type, seen.created_at, seen.object_id, seen.customer, seen.payload)


def _of(invoice: stripe.Invoice, charges: dict[str, list[stripe.Charge]]) -> list[stripe.Charge]:
    payments = invoice.payments.data if invoice.payments else ()
    intents = [reference(p.payment.payment_intent) for p in payments if "payment_intent" in p.payment]
    return [charge for intent in intents if intent for charge in charges.get(intent, ())]


def _refund(refund: stripe.Refund) -> ReversalReading:
    seen = refund_reading(refund)
    return ReversalReading(
        subject=Subject.REFUND,
        provider_id=seen.provider_id,
        payment_intent=seen.payment_intent,
        customer=reference(refund.customer),
        status=seen.status.value,
        amount=seen.amount,
        currency=seen.currency,
    )


def _dispute(dispute: stripe.Dispute) -> ReversalReading:
    """Needs `charge` expanded: the dispute itself names no customer."""
    seen, charge = dispute_reading(dispute), expanded(dispute.charge)
    return ReversalReading(
        subject=Subject.DISPUTE,
        provider_id=seen.provider_id,
        payment_intent=seen.payment_intent,
        customer=reference(charge.customer) if charge else None,
        status=seen.status.value,
        amount=seen.amount,
        currency=seen.currency,
    )
