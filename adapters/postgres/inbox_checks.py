"""Whether what Stripe reported has taken effect: I10 of billing-rules 10, as far as the books show it.

That nothing takes effect twice is a unique key. Here is looked for what was accepted, and then forgotten.
"""

from datetime import datetime
from typing import Final

from adapters.postgres.compared import Compared, counted
from adapters.postgres.pool import Connection

_UNDELIVERED: Final = """
    SELECT format('%s %s has not taken effect', type, event_id) FROM inbox
    WHERE delivered_at IS NULL AND ($1::timestamptz IS NULL OR received_at < $1) ORDER BY id
"""
_UNREAD: Final = """
    SELECT format('%s %s was brought to %s and never read', i.type, i.event_id, r.subscription_id)
    FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id JOIN subscriptions s ON s.id = r.subscription_id
    JOIN connected_accounts a ON a.account_id = s.account_id
    WHERE r.read_at IS NULL AND r.acked_at IS NULL AND r.signalled_at < $1 AND a.state <> 'disconnected' ORDER BY i.id
"""


async def taken_in(connection: Connection, before: datetime | None = None) -> Compared:
    """I10: every accepted event was delivered, and read by whom it concerns.

    `before`: what came later may still be under way. Without it all must be at rest; then an event is read as soon as
    it is delivered, or waits for its subscription's next try. What a disconnected account reported waits until it is
    back.
    """
    events = await connection.fetchval("SELECT count(*) FROM inbox")
    rows = await connection.fetch(_UNDELIVERED, before)
    if before:
        rows += await connection.fetch(_UNREAD, before)
    told = f"{counted(events, 'event')} accepted, each taken in once"
    return Compared("I10", told, tuple(row[0] for row in rows))
