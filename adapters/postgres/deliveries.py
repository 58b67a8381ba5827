"""What delivery asks the books before it wakes anybody: most events only repeat what we did ourselves."""

from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.outbox import start_key
from adapters.postgres.pool import Connection, Pool

_CLOCK_SKEW: Final = timedelta(seconds=5)


async def in_flight(source: Connection | Pool, invoice: str) -> bool:
    """Whether an attempt on the invoice awaits its answer. One that Stripe still processes awaits the event itself."""
    flying: bool = await source.fetchval(
        """
        SELECT EXISTS (
            SELECT 1 FROM payment_attempts a JOIN subscriptions s ON s.id = a.subscription_id
            WHERE a.invoice_id = $1 AND a.result IS NULL
            AND NOT coalesce((s.state #>> '{attempt,processing}')::boolean, false)
        )
        """,
        invoice,
    )
    return flying


async def failure_known(source: Connection | Pool, invoice: str, at: datetime) -> bool:
    """Whether the failed payment that was reported at `at` is an attempt of ours that the books have settled."""
    known: bool = await source.fetchval(
        """
        SELECT EXISTS (
            SELECT 1 FROM payment_attempts
            WHERE invoice_id = $1 AND result IN ('declined', 'action_required')
            AND $2 BETWEEN first_sent_at - $3::interval AND settled_at + $3::interval
        )
        """,
        invoice,
        at,
        _CLOCK_SKEW,
    )
    return known


async def start_pending(pool: Pool, subscription: str) -> bool:
    """Whether the subscription's workflow is still to be started."""
    pending: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT 1 FROM outbox WHERE dedupe_key = $1 AND done_at IS NULL)", start_key(subscription)
    )
    return pending
