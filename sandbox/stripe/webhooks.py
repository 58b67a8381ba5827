"""Where events go: registered endpoints, signed deliveries, patience with receivers, and disorder on demand.

A delivery is a row that is deleted only when its receiver said 2xx, so a killed emulator forgets none of them.
"""

import asyncio
import hashlib
import hmac
import json
import random
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from sandbox.stripe.http_post import post
from sandbox.stripe.ids import random_text
from sandbox.stripe.setups import expire_due_sessions
from sandbox.stripe.store import Record, Store
from sandbox.stripe.types import Json
from sandbox.stripe.work import Site, Work, shown

MAX_BACKOFF_SECONDS = 60.0
PATIENCE_SECONDS = 3 * 86400.0
AT_ONCE = 16
SHUFFLED_AT_ONCE = 5
IDLE_SECONDS = 0.5


class Mode(StrEnum):
    """How deliveries go out."""

    NORMAL = "normal"
    HOLD = "hold"
    SHUFFLE = "shuffle"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint."""

    id: int
    event: str
    endpoint: str
    attempts: int
    first_due_at: float


def create_webhook_endpoint(
    work: Work, url: str, *, connect: bool, enabled_events: list[str], secret: str | None = None
) -> Record:
    """A place that events are delivered to; with `connect` those of the connected accounts."""
    body: Json = {
        "api_version": None,
        "application": None,
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
    hidden = {"secret": secret or f"whsec_{random_text(32)}", "connect": connect}
    return work.create("webhook_endpoint", body, hidden)


def drop_webhook_endpoint(work: Work, endpoint: Record) -> None:
    """Forget an endpoint and everything that was still to be delivered to it."""
    work.site.store.execute("DELETE FROM deliveries WHERE endpoint = ?", endpoint.id)
    work.delete(endpoint)


def event_body(store: Store, event: Record) -> Json:
    """The event as the API shows it, with how many endpoints still wait for it."""
    waiting = store.execute("SELECT count(*) FROM deliveries WHERE event = ?", event.id).fetchone()[0]
    return shown(event) | {"pending_webhooks": waiting}


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header."""
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signature}"


class Webhooks:
    """The deliveries that are still to be made."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something new to deliver."""
        self._wake.set()

    def mode(self) -> Mode:
        """How deliveries go out at the moment."""
        return Mode(self._site.store.setting("webhook_mode", Mode.NORMAL))

    def set_mode(self, mode: Mode, *, release: bool) -> None:
        """Change how deliveries go out; holding takes in what is under way, releasing lets go what was held."""
        store = self._site.store
        with store.transaction():
            store.set_setting("webhook_mode", mode)
            if release:
                store.execute("UPDATE deliveries SET held = 0, due_at = ? WHERE held = 1", self._site.clock.wall())
            elif mode == Mode.HOLD:
                store.execute("UPDATE deliveries SET held = 1")
        self.wake()

    def counts(self) -> tuple[int, int]:
        """(deliveries under way, deliveries held)."""
        row = self._site.store.execute(
            "SELECT coalesce(sum(held = 0), 0), coalesce(sum(held = 1), 0) FROM deliveries"
        ).fetchone()
        return int(row[0]), int(row[1])

    async def run(self) -> None:
        """Deliver for as long as the process lives."""
        while True:
            self._wake.clear()
            expire_due_sessions(self._site)
            while batch := self._next_batch():
                await asyncio.gather(*(self._deliver(delivery) for delivery in batch))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)

    def _next_batch(self) -> list[Delivery]:
        shuffled = self.mode() == Mode.SHUFFLE
        rows = self._site.store.execute(
            "SELECT id, event, endpoint, attempts, first_due_at FROM deliveries WHERE held = 0 AND due_at <= ? "
            "ORDER BY due_at, id LIMIT ?",
            self._site.clock.wall(),
            -1 if shuffled else AT_ONCE,
        )
        batch = [Delivery(*row) for row in rows]
        if shuffled:
            random.shuffle(batch)
            return batch[:SHUFFLED_AT_ONCE]
        return batch

    async def _deliver(self, delivery: Delivery) -> None:
        store = self._site.store
        event, endpoint = store.load(delivery.event), store.load(delivery.endpoint)
        if event is None or endpoint is None or endpoint.body["status"] != "enabled":
            self._finish(delivery)
            return
        copies = 2 if self.mode() == Mode.DUPLICATE else 1
        delivered = [await self._send(event, endpoint) for _ in range(copies)]
        if all(delivered) or self._site.clock.wall() - delivery.first_due_at > PATIENCE_SECONDS:
            self._finish(delivery)
        else:
            self._postpone(delivery)

    async def _send(self, event: Record, endpoint: Record) -> bool:
        payload = json.dumps(event_body(self._site.store, event), indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(payload, endpoint.hidden["secret"], int(self._site.clock.wall())),
        }
        status = await post(endpoint.body["url"], payload, headers)
        return status is not None and 200 <= status < 300

    def _finish(self, delivery: Delivery) -> None:
        with self._site.store.transaction():
            self._site.store.execute("DELETE FROM deliveries WHERE id = ?", delivery.id)

    def _postpone(self, delivery: Delivery) -> None:
        wait = min(2.0**delivery.attempts, MAX_BACKOFF_SECONDS)
        with self._site.store.transaction():
            self._site.store.execute(
                "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE id = ?",
                self._site.clock.wall() + wait,
                delivery.id,
            )
