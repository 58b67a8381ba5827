"""All invoices of an agency, a batch at a time: neither memory nor a transaction grows with how many there are."""

from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from adapters.postgres.invoices import TAX
from adapters.postgres.pool import Pool

BATCH: Final = 1000

_BATCH: Final = f"""
    SELECT i.id, i.number, i.client_id, c.name AS client_name, c.external_id,
           CASE WHEN i.kind <> 'custom' THEN i.subscription_id END AS subscription_id, i.kind, i.status, i.currency,
           i.total, {TAX} AS tax,
           coalesce(i.starting_balance, 0) - coalesce(i.ending_balance, i.starting_balance, 0) AS balance_applied,
           coalesce(i.amount_due, i.total) AS amount_due, coalesce(i.amount_paid, 0) AS amount_paid,
           i.paid_out_of_band, i.created_at, i.issued_at, i.settled_at
    FROM invoices i JOIN clients c ON c.id = i.client_id
    WHERE i.agency_id = $1 AND ($2::timestamptz IS NULL OR (i.created_at, i.id) > ($2, $3::text))
    ORDER BY i.created_at, i.id LIMIT $4
"""


async def invoice_batches(pool: Pool, agency: str, batch: int = BATCH) -> AsyncIterator[list[asyncpg.Record]]:
    """The oldest first; amounts are minor units. What is issued meanwhile comes at the end."""
    after = (None, None)
    while True:
        rows = await pool.fetch(_BATCH, agency, *after, batch)
        if rows:
            yield rows
        if len(rows) < batch:
            return
        after = (rows[-1]["created_at"], rows[-1]["id"])
