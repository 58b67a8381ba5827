"""A card that is saved, or lost, by a client whom no subscription speaks for yet: the next plan is charged to it."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from activities.ports import Clock, Payments, Store
from adapters.postgres import clients
from adapters.postgres.inbox import Event
from adapters.postgres.pool import Pool
from billing.payments import KeyMisused, Refused

_ENTERED: Final = "checkout.session.completed"
_MADE: Final = "customer.created"

log = logging.getLogger(__name__)


class CardKeeper:
    """Does for the client alone what a subscription does when it reads its news (activities/news.py)."""

    def __init__(self, pool: Pool, store: Store, payments: Payments, clock: Clock) -> None:
        self._pool = pool
        self._store = store
        self._payments = payments
        self._clock = clock

    async def keep(self, event: Event, subject: Mapping[str, Any]) -> None:
        """Mirror the customer's card as Stripe shows it now, with the one that was just entered on a page of ours.

        `subject` is the object that the event shows. Raises billing.payments.PaymentTrouble.
        """
        if event.type == _MADE:
            return  # nobody has entered a card yet
        customer = event.customer_id or event.object_id
        client = await clients.client_of_customer(self._pool, event.account, customer)
        if client is None:
            return
        try:
            setup = subject.get("setup_intent")
            if event.type == _ENTERED and isinstance(setup, str):
                await self._payments.adopt_card(event.account, customer, setup)
            card = await self._payments.read_card(event.account, customer)
        except (Refused, KeyMisused) as trouble:
            log.error("Stripe does not show what it reported", extra={"client": client, "why": str(trouble)})
            return
        async with self._store.transaction() as books:
            await books.set_card(client, card, self._clock.now())
