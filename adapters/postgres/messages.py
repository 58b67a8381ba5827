"""Messages to people and to agencies' programs (billing-rules 9): written with the fact that they tell, once each.

What leaves the house has a row for each delivery, made in the same transaction and carried by worker/telling.py.
"""

from adapters.ids import derived_id
from adapters.postgres.pool import Connection
from billing.notices import Channel, Notice


async def write(
    connection: Connection, agency: str, notice: Notice, *, client: str | None = None, subscription: str | None = None
) -> bool:
    """Enter the message; False for a repeat, which changes nothing. `notice.key` names its fact within the agency.

    Without a `client` it is about the agency itself.
    """
    message = derived_id("ntf", agency, notice.audience, notice.key)
    entered: str = await connection.execute(
        """
        INSERT INTO notifications (id, agency_id, client_id, subscription_id, audience, kind, title, detail,
                                   invoice_id, dedupe_key, at, in_app)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (agency_id, audience, dedupe_key) DO NOTHING
        """,
        message,
        agency,
        client,
        subscription,
        notice.audience,
        notice.kind.value,
        notice.title,
        notice.detail,
        notice.invoice,
        notice.key,
        notice.at,
        Channel.IN_APP in notice.channels,
    )
    if entered != "INSERT 0 1":
        return False
    if Channel.MAIL in notice.channels and (notice.audience == "client" or await _has_address(connection, agency)):
        await _deliver(connection, agency, message, Channel.MAIL)
    if Channel.WEBHOOK in notice.channels:
        for endpoint in await _endpoints(connection, agency):
            await _deliver(connection, agency, message, Channel.WEBHOOK, endpoint)
    return True


async def _deliver(
    connection: Connection, agency: str, message: str, channel: Channel, endpoint: str | None = None
) -> None:
    await connection.execute(
        """
        INSERT INTO message_deliveries (id, agency_id, notification_id, channel, endpoint_id, created_at, next_at)
        VALUES ($1, $2, $3, $4, $5, now(), now())
        """,
        derived_id("dlv", message, channel.value, endpoint or ""),
        agency,
        message,
        channel.value,
        endpoint,
    )


async def _has_address(connection: Connection, agency: str) -> bool:
    """Whether the agency has said where its own mail goes: to its sender's address, else to its support's."""
    known: bool = await connection.fetchval(
        "SELECT coalesce(sender_email, support_email) IS NOT NULL FROM agencies WHERE id = $1", agency
    )
    return known


async def _endpoints(connection: Connection, agency: str) -> list[str]:
    rows = await connection.fetch(
        """
        SELECT id FROM webhook_endpoints
        WHERE agency_id = $1 AND removed_at IS NULL AND disabled_at IS NULL ORDER BY id
        """,
        agency,
    )
    return [row["id"] for row in rows]
