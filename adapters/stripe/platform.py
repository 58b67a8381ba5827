"""What Stripe says of the platform's own account: whether our key works, and where events are sent."""

from dataclasses import dataclass
from typing import Final

import stripe

from adapters.stripe.connection import Connection
from adapters.stripe.events import EVENTS

API_VERSION: Final = stripe.api_version
"""The one that the pinned SDK carries, whatever the account's default is."""
EVERY_EVENT: Final = "*"
NEEDED_EVENTS: Final = frozenset(event for event in EVENTS if event != "checkout.session.expired")
"""What the connected accounts' endpoint has to be sent. The other is taken in, and not acted on."""
_PAGE: Final = 100


@dataclass(frozen=True)
class Endpoint:
    """A registered webhook endpoint. `events` are the types that it is sent, or `EVERY_EVENT` alone."""

    url: str
    enabled: bool
    events: frozenset[str]

    def lacks(self, needed: frozenset[str]) -> frozenset[str]:
        return frozenset() if EVERY_EVENT in self.events else needed - self.events


class StripePlatform:
    """Both methods raise billing.payments.PaymentTrouble."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection

    async def try_key(self) -> None:
        """Ask for what every key of ours may read: the connected accounts."""
        await self._stripe.read(lambda o: self._stripe.v1.accounts.list_async({"limit": 1}, o), None)

    async def endpoints(self) -> tuple[Endpoint, ...]:
        """The first hundred; a restricted key may not be allowed to read them."""
        page = await self._stripe.read(
            lambda o: self._stripe.v1.webhook_endpoints.list_async({"limit": _PAGE}, o), None
        )
        return tuple(Endpoint(e.url, e.status == "enabled", frozenset(e.enabled_events)) for e in page.data)
