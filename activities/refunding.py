"""Carrying a refund out: what will be sent is committed before it is sent, what came of it after (stripe.md)."""

from temporalio import activity

from activities.messages import MAKE_REFUND, RefundStart
from activities.ports import Clock, Payments, RefundBooks, Refunds
from activities.troubles import account_not_ready, for_temporal
from billing.payments import KeyMisused, Refused
from billing.refunds import RefundOrder, RefundRow


class Refunding:
    def __init__(self, books: RefundBooks, refunds: Refunds, payments: Payments, clock: Clock) -> None:
        self._books = books
        self._refunds = refunds
        self._payments = payments
        self._clock = clock

    @activity.defn(name=MAKE_REFUND)
    async def make_refund(self, start: RefundStart) -> None:
        """Returns when Stripe has the refund, or has refused it. Repeatable from any point."""
        row = await self._books.refund(start.refund)
        if row.made:
            return
        with for_temporal():
            begun = await self._begun(row)
            if begun:
                await self._make(begun)

    async def _begun(self, row: RefundRow) -> RefundRow | None:
        """The refund with the payment that it is taken from; none when it was refused before it was sent."""
        if row.first_sent_at:
            return row
        try:
            reading = await self._payments.read_invoice(row.account_id, await self._books.provider_invoice(row))
        except Refused:
            if (await self._payments.read_account(row.account_id)).connected:
                raise
            # Nothing was sent yet, so nothing can be made: the agency learns it, and may ask again once it is back.
            await self._books.refused(row, "The Stripe account is not connected any more.", self._clock.now())
            return None
        paid = next((charge for charge in reversed(reading.charges) if charge.status == "succeeded"), None)
        if paid is None:
            await self._books.refused(row, "No payment through Stripe is on the invoice.", self._clock.now())
            return None
        return await self._books.begin(row, paid.payment_intent, paid.fee, self._clock.now())

    async def _make(self, row: RefundRow) -> None:
        order = _order(row)
        try:
            reading = await self._refunds.refund(row.account_id, order, self._clock.now())
        except (Refused, KeyMisused) as trouble:
            await self._judge(row, order, trouble)
            return
        await self._books.made(row, reading, self._clock.now())

    async def _judge(self, row: RefundRow, order: RefundOrder, trouble: Refused | KeyMisused) -> None:
        """A refusal says nothing of what happened before it: first look for the refund, then at the account."""
        account = await self._payments.read_account(row.account_id)
        if not account.connected:
            # It may have been made before the account left: only the account, connected again, can show that.
            await self._books.waits(row, self._clock.now())
            raise account_not_ready(account) from trouble
        found = await self._refunds.find_refund(row.account_id, order)
        if found:
            await self._books.made(row, found, self._clock.now())
        else:
            await self._books.refused(row, str(trouble), self._clock.now())


def _order(row: RefundRow) -> RefundOrder:
    assert row.payment_intent_id, "it has begun"
    assert row.first_sent_at, "it has begun"
    return RefundOrder(
        refund=row.id,
        invoice=row.invoice_id,
        payment_intent=row.payment_intent_id,
        amount=row.amount,
        reason=row.reason,
        with_fee=bool(row.with_fee),
        first_sent_at=row.first_sent_at,
    )
