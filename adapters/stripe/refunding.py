"""Refunds at Stripe: `activities.ports.Refunds`, by shape. Every method takes the connected account that it acts for.

A refund may be sent again under its key for 20 hours. Later, or when Stripe has stored a failure under it, it is
looked for among the payment's refunds by our id in its metadata, and sent only when it is not there.
"""

from datetime import datetime
from typing import Final

import stripe
from stripe.params import RefundCreateParams

from adapters.stripe import keys
from adapters.stripe.connection import Connection, replayed, stepping_over
from adapters.stripe.readings import instant, metadata, reference
from billing.refunds import RefundOrder, RefundReading, RefundStatus

REFUND_ID: Final = "refund_id"
"""Metadata of a refund: our id. Those that are made in Stripe's dashboard have none."""
_PAGE: Final = 100
_STATUS: Final[dict[str | None, RefundStatus]] = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}


class StripeRefunds:
    """Raises billing.payments.PaymentTrouble, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection
        self._refunds = connection.v1.refunds

    async def refund(self, account: str, order: RefundOrder, now: datetime) -> RefundReading:
        """Give the money back, once. `now` is business time."""
        era = keys.era(order.first_sent_at, now)
        made = await stepping_over(era, lambda series: self._refund(account, order, series))
        # What is replayed is the first answer: by now the refund may have failed.
        return await self.read_refund(account, made.id) if replayed(made) else refund_reading(made)

    async def find_refund(self, account: str, order: RefundOrder) -> RefundReading | None:
        """The refund of this order, if Stripe has it."""
        found = await self._find(account, order)
        return refund_reading(found) if found else None

    async def read_refund(self, account: str, provider_id: str) -> RefundReading:
        return refund_reading(
            await self._stripe.read(lambda o: self._refunds.retrieve_async(provider_id, None, o), account)
        )

    async def invoice_of(self, account: str, payment_intent: str) -> str | None:
        """Stripe's id of the invoice that was paid through the intent; none when no invoice was.

        Neither a charge nor a refund names one.
        """
        page = await self._stripe.read(
            lambda o: self._stripe.v1.invoice_payments.list_async(
                {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}, o
            ),
            account,
        )
        return reference(page.data[0].invoice) if page.data else None

    async def _refund(self, account: str, order: RefundOrder, series: str) -> stripe.Refund:
        found = await self._find(account, order) if series else None
        if found:
            return found
        key = keys.in_series(keys.refund(order.refund), series)
        return await self._stripe.write(key, lambda o: self._refunds.create_async(_creation(order), o), account)

    async def _find(self, account: str, order: RefundOrder) -> stripe.Refund | None:
        async def pages(options: stripe.RequestOptions) -> list[stripe.Refund]:
            page = await self._refunds.list_async({"payment_intent": order.payment_intent, "limit": _PAGE}, options)
            return [refund async for refund in page.auto_paging_iter()]

        refunds = await self._stripe.read(pages, account)
        return next((refund for refund in refunds if metadata(refund, REFUND_ID) == order.refund), None)


def refund_reading(refund: stripe.Refund) -> RefundReading:
    return RefundReading(
        provider_id=refund.id,
        refund=metadata(refund, REFUND_ID),
        payment_intent=reference(refund.payment_intent),
        amount=refund.amount,
        currency=refund.currency,
        status=_STATUS.get(refund.status, RefundStatus.PENDING),
        reason=refund.reason,
        failure=getattr(refund, "failure_reason", None),
        created_at=instant(refund.created),
    )


def _creation(order: RefundOrder) -> RefundCreateParams:
    params: RefundCreateParams = {
        "payment_intent": order.payment_intent,
        "amount": order.amount,
        "metadata": {REFUND_ID: order.refund, "invoice_id": order.invoice},
    }
    if order.reason == "duplicate" or order.reason == "requested_by_customer":
        params["reason"] = order.reason
    if order.with_fee:
        params["refund_application_fee"] = True
    return params
