"""The one lock of a client's books.

Whoever moves a client's usage, credits, invoices or projection locks the client's row first and everything else after
it, so nobody waits in a circle. Reporters of usage share the lock (`adapters.postgres.calls`), everybody else holds it
alone.
"""

from adapters.postgres.pool import Connection


async def lock_client(connection: Connection, client: str) -> None:
    """Hold the client's books alone until the transaction ends. Raises LookupError for an unknown client."""
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
