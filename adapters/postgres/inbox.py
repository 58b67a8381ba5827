"""What Stripe reports, and our own wake-ups: stored once before they are answered, then brought to the subscriptions
that they concern, which read and acknowledge them (architecture, "Stripe's events")."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.codec import Json, decode_dunning
from adapters.postgres.pool import Connection, Pool, transaction
from billing.ledger import DUNNING_APPLIED, News

CHANNEL: Final = "retainer_inbox"
"""NOTIFY is sent on it when rows are committed: who carries them need not wait for its next look."""
LEASE: Final = timedelta(seconds=10)
"""How long a claimed row is left to who claimed it. Who dies with it is replaced after that."""
HELD_FOR: Final = timedelta(milliseconds=250)
"""How long a row is put off whose time has not come: what it is about is still being done."""
OWN: Final = ""
"""The account of our own wake-ups: `object_id` is an agency or a subscription."""


@dataclass(frozen=True)
class Event:
    """One row to be delivered. `attempts` counts this one."""

    id: int
    account: str
    event_id: str
    type: str
    object_id: str
    customer_id: str | None
    created_at: datetime
    attempts: int
    payload: Json


@dataclass(frozen=True)
class Reader:
    """A subscription that an event concerns. A finished one has no workflow to wake."""

    subscription: str
    finished: bool


async def receive(
    connection: Connection | Pool,
    *,
    account: str,
    event_id: str,
    type: str,
    object_id: str,
    customer_id: str | None,
    created_at: datetime,
    payload: Json,
    received_at: datetime,
    deliver_after: datetime | None = None,
) -> bool:
    """Store the event; False when it is known already."""
    stored: int | None = await connection.fetchval(
        """
        INSERT INTO inbox (account, event_id, type, object_id, customer_id, created_at, payload, received_at,
                           deliver_after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, event_id) DO NOTHING RETURNING id
        """,
        account,
        event_id,
        type,
        object_id,
        customer_id,
        created_at,
        payload,
        received_at,
        deliver_after or received_at,
    )
    return stored is not None


async def claim(pool: Pool, now: datetime, limit: int = 50) -> Sequence[Event]:
    """Undelivered rows that are due, for the caller alone during LEASE: then it has delivered or deferred them."""
    rows = await pool.fetch(
        """
        UPDATE inbox SET attempts = attempts + 1, deliver_after = $2 WHERE id IN (
            SELECT id FROM inbox WHERE delivered_at IS NULL AND deliver_after <= $1
            ORDER BY deliver_after, id LIMIT $3 FOR UPDATE SKIP LOCKED
        ) RETURNING id, account, event_id, type, object_id, customer_id, created_at, attempts, payload
        """,
        now,
        now + LEASE,
        limit,
    )
    return sorted((Event(*row) for row in rows), key=lambda event: event.id)


async def resolve(pool: Pool, event: int) -> tuple[Reader, ...]:
    """The subscriptions that the event concerns, entered as its readers; none for unknown accounts and objects.

    An event about an invoice of ours concerns its subscription, also when that is finished. Any other concerns the
    customer's subscriptions that are not finished, or the newest when all are. The tenant is the event's account. Our
    own wake-ups name an agency or a subscription.
    """
    rows = await pool.fetch(
        """
        WITH event AS (
            SELECT id, account, customer_id, object_id, ARRAY[object_id, payload #>> '{data,object,invoice}'] AS objects
            FROM inbox WHERE id = $1
        ), of_invoice AS (
            SELECT i.subscription_id AS id FROM event e
            JOIN invoices i ON i.account_id = e.account AND i.provider_id = ANY (e.objects)
        ), of_customer AS (
            SELECT s.id, s.finished, rank() OVER (ORDER BY s.finished, CASE WHEN s.finished THEN s.created_at END DESC)
            FROM event e
            JOIN customers c ON c.account_id = e.account AND c.customer_id IN (e.customer_id, e.object_id)
            JOIN subscriptions s ON s.client_id = c.client_id AND s.account_id = c.account_id
            WHERE NOT EXISTS (SELECT 1 FROM of_invoice)
        ), concerned AS (
            SELECT id FROM of_invoice
            UNION
            SELECT id FROM of_customer WHERE rank = 1
            UNION
            SELECT s.id FROM event e
            JOIN subscriptions s ON e.account = '' AND e.object_id IN (s.id, s.agency_id) AND NOT s.finished
        ), entered AS (
            INSERT INTO inbox_readers (inbox_id, subscription_id, agency_id)
            SELECT $1, s.id, s.agency_id FROM concerned JOIN subscriptions s ON s.id = concerned.id
            ORDER BY s.id ON CONFLICT DO NOTHING
        )
        SELECT s.id, s.finished FROM concerned JOIN subscriptions s ON s.id = concerned.id ORDER BY s.id
        """,
        event,
    )
    return tuple(Reader(*row) for row in rows)


async def signalled(pool: Pool, event: int, subscription: str, at: datetime) -> None:
    """The reader was woken; the row is delivered when all of its readers were."""
    async with transaction(pool) as connection:
        await connection.execute(
            "UPDATE inbox_readers SET signalled_at = $3 WHERE (inbox_id, subscription_id) = ($1, $2)",
            event,
            subscription,
            at,
        )
        await _conclude(connection, [event], at)


async def _conclude(connection: Connection, rows: Sequence[int], at: datetime) -> None:
    """A row is delivered when all of its readers were woken, and done when all have acknowledged it."""
    # Locked first: of two readers that end at once, the second to come must see the first.
    await connection.execute("SELECT FROM inbox WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE", rows)
    await connection.execute(
        """
        UPDATE inbox SET delivered_at = coalesce(delivered_at, CASE WHEN r.woken THEN $2::timestamptz END),
                         done_at = coalesce(done_at, CASE WHEN r.acked THEN $2::timestamptz END)
        FROM (
            SELECT inbox_id, bool_and(signalled_at IS NOT NULL OR acked_at IS NOT NULL) AS woken,
                   bool_and(acked_at IS NOT NULL) AS acked
            FROM inbox_readers WHERE inbox_id = ANY ($1::bigint[]) GROUP BY inbox_id
        ) r WHERE r.inbox_id = inbox.id
        """,
        rows,
        at,
    )


async def defer(pool: Pool, event: int, until: datetime) -> None:
    """Deliver at `until`."""
    await pool.execute("UPDATE inbox SET deliver_after = $2 WHERE id = $1 AND delivered_at IS NULL", event, until)


async def done(pool: Pool, event: int, at: datetime) -> None:
    """Nothing is to be done about the row, or it has been done without a workflow: nobody reads it any more."""
    await pool.execute(
        """
        WITH read AS (
            UPDATE inbox_readers SET signalled_at = coalesce(signalled_at, $2), read_at = coalesce(read_at, $2),
                                     acked_at = coalesce(acked_at, $2)
            WHERE inbox_id = $1
        )
        UPDATE inbox SET delivered_at = coalesce(delivered_at, $2), done_at = coalesce(done_at, $2) WHERE id = $1
        """,
        event,
        at,
    )


async def news(connection: Connection, subscription: str) -> tuple[News, ...]:
    """The rows that the subscription has not acknowledged, in the order of their arrival."""
    rows = await connection.fetch(
        """
        SELECT i.id, i.type, i.object_id, i.created_at,
               CASE WHEN i.type LIKE 'invoice.%' THEN i.object_id ELSE i.payload #>> '{data,object,invoice}' END,
               CASE WHEN i.type LIKE 'setup_intent.%' THEN i.object_id
                    WHEN i.type = 'checkout.session.completed' THEN i.payload #>> '{data,object,setup_intent}' END,
               CASE WHEN i.type = $2 THEN i.payload END
        FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id
        WHERE r.subscription_id = $1 AND r.acked_at IS NULL ORDER BY i.id
        """,
        subscription,
        DUNNING_APPLIED,
    )
    known = ((News(*row), policy) for *row, policy in rows)
    return tuple(replace(one, dunning=decode_dunning(policy)) if policy else one for one, policy in known)


async def acknowledge(connection: Connection, subscription: str, rows: Sequence[int], at: datetime) -> None:
    """The subscription has surely learned these rows. A row is done when all of its readers have."""
    await connection.execute(
        "UPDATE inbox_readers SET acked_at = $3 "
        "WHERE subscription_id = $1 AND inbox_id = ANY ($2::bigint[]) AND acked_at IS NULL",
        subscription,
        rows,
        at,
    )
    await _conclude(connection, rows, at)
