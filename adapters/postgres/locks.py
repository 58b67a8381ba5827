"""The one lock of a client's books.

Whoever moves a client's usage, credits, invoices or projection locks the client's row first and everything else after
it, so nobody waits in a circle. Reporters of usage share the lock (`adapters.postgres.calls`), everybody else holds it
alone.

A row's lock is not fair: who comes to share it goes past those who wait to hold it alone, and reports that overlap
without a gap would keep a period from closing for as long as they come. So there are turns, by advisory locks, whose
queues are: reporters share the turns of their clients, and who found the row taken takes the client's turn before it
waits for the row. Reports that come later wait behind it.
"""

from typing import Final
from zlib import crc32

from adapters.postgres.pool import Connection

TURNS: Final = 0x7265_7461
"""The class of the advisory locks that are turns."""
_HOW_MANY: Final = 128
"""Clients have turns in common, so that a report of thousands of clients holds few. A wait is short, whoever's."""


def turn_of(client: str) -> int:
    """The client's turn."""
    return crc32(client.encode()) % _HOW_MANY


async def lock_client(connection: Connection, client: str) -> None:
    """Hold the client's books alone until the transaction ends. Raises LookupError for an unknown client."""
    if await connection.fetchval("SELECT id FROM clients WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", client):
        return
    await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", TURNS, turn_of(client))
    if await connection.fetchval("SELECT id FROM clients WHERE id = $1 FOR NO KEY UPDATE", client) is None:
        raise LookupError(f"no client {client}")


async def lock_client_of(connection: Connection, subscription: str) -> str:
    """Hold the books of the subscription's client alone, and name the client. Raises LookupError."""
    client: str | None = await connection.fetchval("SELECT client_id FROM subscriptions WHERE id = $1", subscription)
    if client is None:
        raise LookupError(f"no subscription {subscription}")
    await lock_client(connection, client)
    return client


async def lock_client_of_invoice(connection: Connection, invoice: str) -> str:
    """Hold the books of the invoice's client alone, and name the client. Raises LookupError."""
    client: str | None = await connection.fetchval("SELECT client_id FROM invoices WHERE id = $1", invoice)
    if client is None:
        raise LookupError(f"no invoice {invoice}")
    await lock_client(connection, client)
    return client
