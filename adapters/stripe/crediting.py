"""Credit notes at Stripe: made once under one key, and looked for once that no longer holds."""

from datetime import datetime

import stripe
from stripe.params import CreditNoteCreateParams

from adapters.stripe import keys
from adapters.stripe.connection import Connection, stepping_over
from adapters.stripe.readings import CREDIT_NOTE_ID, metadata
from billing.credit_notes import CreditOrder

_PAGE = 100


class Crediting:
    """Raises billing.payments.PaymentTrouble, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection
        self._notes = connection.v1.credit_notes

    async def make(
        self, account: str, provider_invoice: str, order: CreditOrder, first_sent_at: datetime, now: datetime
    ) -> None:
        """Lower what the open invoice asks for. `now` is business time."""

        async def under(series: str) -> None:
            if series and await self._find(account, provider_invoice, order):
                return
            key = keys.in_series(keys.credit_note(order.note), series)
            params = _creation(provider_invoice, order)
            await self._stripe.write(key, lambda o: self._notes.create_async(params, o), account)

        await stepping_over(keys.era(first_sent_at, now), under)

    async def of_invoice(self, account: str, provider_invoice: str) -> list[stripe.CreditNote]:
        """The invoice's credit notes, the newest first."""

        async def pages(options: stripe.RequestOptions) -> list[stripe.CreditNote]:
            page = await self._notes.list_async({"invoice": provider_invoice, "limit": _PAGE}, options)
            return [note async for note in page.auto_paging_iter()]

        return await self._stripe.read(pages, account)

    async def _find(self, account: str, provider_invoice: str, order: CreditOrder) -> bool:
        notes = await self.of_invoice(account, provider_invoice)
        return any(metadata(note, CREDIT_NOTE_ID) == order.note for note in notes)


def _creation(provider_invoice: str, order: CreditOrder) -> CreditNoteCreateParams:
    params: CreditNoteCreateParams = {
        "invoice": provider_invoice,
        "amount": order.amount,
        # Telling the client is the agency's word: what is owed stands on the portal.
        "email_type": "none",
        "metadata": {CREDIT_NOTE_ID: order.note},
    }
    if order.reason:
        params["reason"] = order.reason
    if order.memo:
        params["memo"] = order.memo
    return params
