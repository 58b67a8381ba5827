"""What does not go on, as the books show it: each question answers how many there are, which, and since when.

Each is answered by a partial index that holds little more than what is stuck, so that its cost follows the trouble and
not the tables: `subscriptions_stuck`, `inbox_undelivered`, `inbox_readers_unread`, `outbox_undone`,
`payment_attempts_one_in_flight`, `message_deliveries_due`. Connected accounts and webhook endpoints are few. Only
`overdue` and `should_run` pass over all running subscriptions (an index on their next date would cost every step a
write): about a second for each million. Instants are business time, of messages the database's own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.logging import blotted
from adapters.postgres.message_deliveries import DUE
from adapters.postgres.outbox import START
from adapters.postgres.pool import Connection

SHOWN: Final = 5
_LONGEST_REASON: Final = 120


@dataclass(frozen=True)
class Found:
    """What a question found: `which` are the oldest, at most `SHOWN`, by ids and without anybody's name."""

    count: int
    which: tuple[str, ...] = ()
    since: datetime | None = None


async def parked(connection: Connection) -> Found:
    """Invoices that something impossible happened to; what is held for review is asked for apart."""
    query = """
        SELECT format('%s of %s, %s', p ->> 'invoice', s.id, s.agency_id) AS which,
               (p ->> 'at')::timestamptz AS since, p ->> 'cause' AS why
        FROM subscriptions s CROSS JOIN LATERAL jsonb_array_elements(s.state -> 'parked') p
        WHERE s.stuck AND NOT s.finished AND jsonb_typeof(p -> 'review') IS DISTINCT FROM 'object'
    """
    return await _found(connection, query)


async def undecided(connection: Connection, before: datetime) -> Found:
    """Invoices that were held for review before then, and of which the agency has decided nothing."""
    query = """
        SELECT format('%s of %s, %s', p ->> 'invoice', s.id, s.agency_id) AS which,
               (p ->> 'at')::timestamptz AS since, p ->> 'cause' AS why
        FROM subscriptions s CROSS JOIN LATERAL jsonb_array_elements(s.state -> 'parked') p
        WHERE s.stuck AND NOT s.finished AND jsonb_typeof(p -> 'review') = 'object' AND (p ->> 'at')::timestamptz < $1
    """
    return await _found(connection, query, before)


async def untold(connection: Connection, late: timedelta, tries: int) -> Found:
    """Messages that were to leave the house so long ago and have not, and mails that no server took so many times."""
    query = f"""
        SELECT format('%s of %s by %s, tried %s times', d.id, d.agency_id, d.channel, d.attempts) AS which,
               d.created_at AS since, d.detail AS why
        FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id
        WHERE ({DUE} AND d.next_at < now() - $1::interval)
        OR (d.status = 'pending' AND d.channel = 'mail' AND d.attempts >= $2)
    """
    return await _found(connection, query, late, tries)


async def deaf_endpoints(connection: Connection, tries: int) -> Found:
    """Webhook endpoints that were switched off, or to which a delivery has been tried so many times."""
    query = """
        SELECT format('%s of %s', e.id, e.agency_id) AS which, coalesce(e.disabled_at, failing.since) AS since,
               CASE WHEN e.disabled_at IS NOT NULL THEN 'switched off' ELSE failing.why END AS why
        FROM webhook_endpoints e LEFT JOIN LATERAL (
            SELECT min(d.created_at) AS since, min(d.detail) AS why FROM message_deliveries d
            WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.attempts >= $1
        ) failing ON true
        WHERE e.removed_at IS NULL AND (e.disabled_at IS NOT NULL OR failing.since IS NOT NULL)
    """
    return await _found(connection, query, tries)


async def parking_stopped(connection: Connection, since: datetime) -> Found:
    """The causes for which so many invoices were parked that no more are."""
    query = """
        SELECT format('%s: %s times since not parked', trouble, held_back) AS which, began_at AS since, NULL AS why
        FROM parking_stops WHERE last_at > $1
    """
    return await _found(connection, query, since)


async def unhealthy_accounts(connection: Connection) -> Found:
    """Connected accounts that cannot charge, and have subscriptions that will want to."""
    query = """
        SELECT format('%s of %s: %s, %s running', a.account_id, a.agency_id, a.state, running.number) AS which,
               a.updated_at AS since, array_to_string(a.requirements, ', ') AS why
        FROM connected_accounts a CROSS JOIN LATERAL (
            SELECT count(*) AS number FROM subscriptions s
            WHERE s.agency_id = a.agency_id AND s.account_id = a.account_id AND NOT s.finished
        ) running WHERE a.state <> 'active' AND running.number > 0
    """
    return await _found(connection, query)


async def undelivered(connection: Connection, before: datetime) -> Found:
    """Events that came before then, and have been brought to nobody."""
    query = """
        SELECT format('%s (%s) of %s, tried %s times', event_id, type, coalesce(nullif(account, ''), 'our own'),
                      attempts) AS which, received_at AS since, NULL AS why
        FROM inbox WHERE delivered_at IS NULL AND received_at < $1
    """
    return await _found(connection, query, before)


async def unread(connection: Connection, before: datetime) -> Found:
    """Events of which a subscription was told before then, and which it has not read."""
    query = """
        SELECT format('%s (%s) for %s, %s', i.event_id, i.type, r.subscription_id, r.agency_id) AS which,
               r.signalled_at AS since, NULL AS why
        FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id
        WHERE r.read_at IS NULL AND r.acked_at IS NULL AND r.signalled_at < $1
    """
    return await _found(connection, query, before)


async def uncarried(connection: Connection, before: datetime) -> Found:
    """What must reach Temporal and failed to, or was due before then."""
    query = """
        SELECT format('%s of %s, tried %s times', dedupe_key, agency_id, attempts) AS which, created_at AS since,
               last_error AS why
        FROM outbox WHERE done_at IS NULL AND (last_error IS NOT NULL OR deliver_after < $1)
    """
    return await _found(connection, query, before)


async def in_flight(connection: Connection, before: datetime) -> Found:
    """Attempts that were first sent before then, and have no outcome."""
    query = """
        SELECT format('attempt %s on %s of %s, %s', number, invoice_id, subscription_id, agency_id) AS which,
               first_sent_at AS since, NULL AS why
        FROM payment_attempts WHERE result IS NULL AND first_sent_at < $1
    """
    return await _found(connection, query, before)


async def overdue(connection: Connection, before: datetime) -> Found:
    """Subscriptions that were to do something before then, and have not."""
    query = """
        SELECT format('%s of %s', id, agency_id) AS which, next_at AS since, NULL AS why
        FROM subscriptions WHERE NOT finished AND next_at < $1
    """
    return await _found(connection, query, before)


async def failing(connection: Connection, failures: int) -> Found:
    """Steps that have failed at least so many times in a row. Since when follows from the pauses: 1, 2, 4 … 30 min."""
    query = """
        SELECT format('%s of %s, %s: failed %s times', b ->> 'key', s.id, s.agency_id, n) AS which,
               (b ->> 'until')::timestamptz - make_interval(
                   mins => CASE WHEN n <= 5 THEN (2 ^ n)::integer - 1 ELSE 31 + 30 * (n - 5) END
               ) AS since, b ->> 'why' AS why
        FROM subscriptions s CROSS JOIN LATERAL jsonb_array_elements(s.state -> 'backoff') b
        CROSS JOIN LATERAL (SELECT (b ->> 'failures')::integer AS n) failed
        WHERE s.stuck AND NOT s.finished AND n >= $1
    """
    return await _found(connection, query, failures)


async def should_run(connection: Connection, created_before: datetime, limit: int) -> list[str]:
    """The subscriptions, at most so many, of which a workflow must be running: not finished, and started."""
    query = f"""
        SELECT s.id FROM subscriptions s WHERE NOT s.finished AND s.created_at < $1 AND NOT EXISTS (
            SELECT FROM outbox o WHERE o.dedupe_key = '{START}:' || s.id AND o.done_at IS NULL
        ) LIMIT $2
    """
    return [row["id"] for row in await connection.fetch(query, created_before, limit)]


async def still_unfinished(connection: Connection, subscriptions: list[str]) -> Found:
    """Those of them that are not finished by now."""
    query = """
        SELECT format('%s of %s', id, agency_id) AS which, updated_at AS since, NULL AS why
        FROM subscriptions WHERE id = ANY ($1) AND NOT finished
    """
    return await _found(connection, query, subscriptions)


async def _found(connection: Connection, query: str, *values: Any) -> Found:
    asked = f"SELECT *, count(*) OVER () AS total FROM ({query}) found ORDER BY since, which LIMIT {SHOWN}"
    rows = await connection.fetch(asked, *values)
    if not rows:
        return Found(0)
    return Found(rows[0]["total"], tuple(_told(row["which"], row["why"]) for row in rows), rows[0]["since"])


def _told(which: str, why: str | None) -> str:
    """With the reason's first line: what others wrote is cut short, and shows what a log line may."""
    first = blotted((why or "").partition("\n")[0])
    return f"{which}: {first[:_LONGEST_REASON]}" if first else which
