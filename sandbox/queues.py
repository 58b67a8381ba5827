"""What is under way outside the workflows: rows of inbox and outbox, messages, the emulator's webhooks and requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import httpx

from adapters.postgres.inbox import CHANNEL, HELD_FOR, LEASE
from adapters.postgres.message_deliveries import DUE
from adapters.postgres.pool import CONNECTION_LOST
from billing.steps import ReadNews
from sandbox.clock import Queues
from sandbox.emulator import Emulator

_WAITING = f"""
    SELECT dedupe_key || coalesce(' (' || last_error || ')', '') AS what, deliver_after AS at, attempts > 0 AS begun
    FROM outbox WHERE done_at IS NULL
    UNION ALL
    SELECT 'message ' || n.kind || ' by ' || d.channel, d.created_at, false
    FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id WHERE {DUE}
    UNION ALL
    SELECT 'event ' || type, deliver_after, attempts > 0 FROM inbox WHERE delivered_at IS NULL
    UNION ALL
    SELECT 'event ' || inbox.type || ' unread by ' || reader.subscription_id, inbox.deliver_after, true
    FROM inbox_readers AS reader JOIN inbox ON inbox.id = reader.inbox_id
    JOIN subscriptions ON subscriptions.id = reader.subscription_id AND NOT subscriptions.finished
    WHERE reader.read_at IS NULL AND reader.acked_at IS NULL
    AND NOT subscriptions.state->'backoff' @> jsonb_build_array(jsonb_build_object('key', $1::text))
"""
# An event that could not be read is read again after a pause, for which time has to pass. A message that was not taken
# waits on the system's clock: no time of the sandbox's brings it on.


class Watch:
    """Looks at the queues. What does not answer is under way.

    A row rings for its carrier when it is written. One that is put off does not ring again when its time has come: the
    worker looks by itself every quarter of a second, and whoever waits for the row here rings for it at once.
    """

    def __init__(self, pool: asyncpg.Pool, emulator: Emulator) -> None:
        self._pool = pool
        self._emulator = emulator
        self._put_off: set[tuple[str, datetime]] = set()
        """What was seen to wait for its time."""

    async def look(self, now: datetime) -> Queues:
        """What is due at `now`, and when the next falls due. Events that are held on purpose wait for their release.

        The rows are read first, because that is cheap, and again after the emulator: what it delivers becomes a row.
        """
        rows = await self._rows(now)
        if rows.under_way:
            return rows
        under_way = await self._emulator_under_way()
        return Queues(under_way, None) if under_way else await self._rows(now)

    async def _rows(self, now: datetime) -> Queues:
        try:
            waiting = await self._pool.fetch(_WAITING, ReadNews().key)
            await self._ring_for(waiting, now)
        except CONNECTION_LOST as error:
            return Queues([f"postgres does not answer: {error!r}"], None)
        busy = [row for row in waiting if row["at"] <= now or (row["begun"] and _is_carried(row["at"] - now))]
        return Queues(
            [row["what"] for row in busy], min((row["at"] for row in waiting if row not in busy), default=None)
        )

    async def _ring_for(self, waiting: Sequence[asyncpg.Record], now: datetime) -> None:
        """Once for each row that was put off until now."""
        ahead = {(row["what"], row["at"]) for row in waiting if row["at"] > now}
        due = {(row["what"], row["at"]) for row in waiting if row["at"] <= now}
        come, self._put_off = self._put_off & due, ahead
        if come:
            await self._pool.execute("SELECT pg_notify($1, '')", CHANNEL)

    async def _emulator_under_way(self) -> list[str]:
        try:
            pending = await self._emulator.ask("pending")
        except httpx.HTTPError as error:
            return [f"stripe does not answer: {error!r}"]
        words = {"webhooks_due": "webhooks to deliver", "requests_in_flight": "requests to Stripe"}
        return [f"{pending[name]} {word}" for name, word in words.items() if pending[name]]


def _is_carried(again_in: timedelta) -> bool:
    """Whether a row is claimed by who carries it. One that is held waits for something that may need time to pass: for
    an attempt without an answer, or an invoice whose issuing failed, and both are tried again after a pause."""
    return HELD_FOR < again_in <= LEASE
