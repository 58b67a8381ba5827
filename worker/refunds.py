"""Refunds that Stripe reports: made in its dashboard, or ours that go on, as one that fails after it had succeeded.

No subscription is moved by a refund, so nobody is woken: the books are brought to what Stripe shows.
"""

import logging
from typing import Final

from activities.ports import Clock, Refunds
from adapters.postgres import invoicing
from adapters.postgres import refunds as books
from adapters.postgres.pool import Pool, transaction
from billing.payments import Refused

log: Final = logging.getLogger(__name__)


class RefundKeeper:
    def __init__(self, pool: Pool, refunds: Refunds, clock: Clock) -> None:
        self._pool = pool
        self._refunds = refunds
        self._clock = clock

    async def keep(self, account: str, provider_id: str) -> None:
        """Mirror the refund as Stripe shows it now. Raises billing.payments.PaymentTrouble."""
        try:
            reading = await self._refunds.read_refund(account, provider_id)
        except Refused as refused:
            log.error("Stripe does not show what it reported", extra={"object": provider_id, "why": str(refused)})
            return
        invoice = await self.invoice_of(account, reading.payment_intent)
        if invoice is None:
            return  # an agency's own payment is none of our business
        async with transaction(self._pool) as connection:
            await books.mirror(connection, account, invoice, reading, self._clock.now())

    async def invoice_of(self, account: str, payment_intent: str | None) -> str | None:
        """Our id of the invoice that was paid through the intent; none when none of ours was."""
        if payment_intent is None:
            return None
        ours = await books.invoice_paid_by(self._pool, account, payment_intent)
        if ours:
            return ours
        provider_invoice = await self._refunds.invoice_of(account, payment_intent)
        if provider_invoice is None:
            return None
        async with transaction(self._pool) as connection:
            known = await invoicing.invoice_by_provider(connection, account, provider_invoice)
        return known.id if known else None
