"""Disputes that Stripe reports: the books are brought to what Stripe shows, and whom one stops is woken."""

import logging
from typing import Final

from activities.ports import Clock, Disputes
from adapters.postgres import disputes as books
from adapters.postgres.pool import Pool, transaction
from billing.payments import Refused
from worker.refunds import RefundKeeper

log: Final = logging.getLogger(__name__)


class DisputeKeeper:
    def __init__(self, pool: Pool, disputes: Disputes, refunds: RefundKeeper, clock: Clock) -> None:
        self._pool = pool
        self._disputes = disputes
        self._refunds = refunds
        self._clock = clock

    async def keep(self, account: str, provider_id: str) -> None:
        """Mirror the dispute as Stripe shows it now. Raises billing.payments.PaymentTrouble."""
        try:
            reading = await self._disputes.read_dispute(account, provider_id)
        except Refused as refused:
            log.error("Stripe does not show what it reported", extra={"object": provider_id, "why": str(refused)})
            return
        invoice = await self._refunds.invoice_of(account, reading.payment_intent)
        if invoice is None:
            return  # an agency's own payment is none of our business
        async with transaction(self._pool) as connection:
            await books.mirror(connection, account, invoice, reading, self._clock.now())
