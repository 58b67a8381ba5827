"""Hands a message to an agency's webhook endpoint; switches off one that takes nothing for three days."""

from datetime import UTC, datetime
from typing import Final, Protocol

from activities.ports import Clock
from adapters.handover import Moot, NotTaken
from adapters.outbound import payload, signed
from adapters.postgres import webhook_endpoints
from adapters.postgres.message_deliveries import Claimed
from adapters.postgres.pool import Pool
from adapters.postgres.webhook_endpoints import Endpoint
from adapters.sealing import CannotOpen, Seal

_IDS: Final = ("client_id", "subscription_id", "invoice_id", "title", "detail")


class Sender(Protocol):
    async def send(self, url: str, body: bytes, headers: dict[str, str]) -> int: ...


class Hooks:
    def __init__(self, pool: Pool, clock: Clock, sender: Sender, seal: Seal) -> None:
        self._pool = pool
        self._clock = clock
        self._sender = sender
        self._seal = seal

    async def hand_over(self, claimed: Claimed) -> int:
        """The endpoint's status. Raises NotTaken and Moot."""
        endpoint = await webhook_endpoints.one(self._pool, claimed.agency_id, claimed.endpoint_id or "")
        if endpoint is None:
            raise Moot("the endpoint was removed")
        if endpoint.disabled_at is not None:
            raise Moot("the endpoint is switched off")
        now = datetime.now(UTC)  # receivers check it against their own clocks
        secrets = await self._secrets(endpoint, now)
        body = body_of(claimed)
        return await self._sender.send(endpoint.url, body, signed(claimed.id, body, secrets, now))

    async def _secrets(self, endpoint: Endpoint, now: datetime) -> list[str]:
        """What signs, the newest first; the row is sealed by the newest key from now on."""
        stored = [endpoint.secret]
        if endpoint.previous_secret and endpoint.previous_until and now < endpoint.previous_until:
            stored.append(endpoint.previous_secret)
        try:
            secrets = [self._seal.open(endpoint.id, one) for one in stored]
        except CannotOpen as error:
            raise NotTaken("its secret cannot be opened: SECRETS_KEY lacks the key that it was sealed by") from error
        for known, secret in zip(stored, secrets, strict=True):
            if not self._seal.is_newest(known):
                await webhook_endpoints.reseal(self._pool, endpoint.id, known, self._seal.close(endpoint.id, secret))
        return secrets

    async def given_up(self, claimed: Claimed, why: NotTaken) -> None:
        await webhook_endpoints.switch_off(self._pool, claimed, self._clock.now(), gone=why.for_good)


def body_of(claimed: Claimed) -> bytes:
    """What is sent: ids to ask the API about, and the words that the app shows."""
    data = {"id": claimed.notification_id, **{name: getattr(claimed, name) for name in _IDS}}
    return payload(claimed.kind, claimed.at, data)
