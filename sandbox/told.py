"""What people were told, by mail and webhook: each message that was delivered, with whom it went to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

_DELIVERED: Final = """
    SELECT d.id, d.channel, n.kind, n.title, n.audience, n.at, c.name AS client, a.name AS agency
    FROM message_deliveries d
    JOIN notifications n ON n.id = d.notification_id
    JOIN agencies a ON a.id = n.agency_id
    LEFT JOIN clients c ON c.id = n.client_id
    WHERE d.agency_id = $1 AND d.status = 'delivered' AND NOT d.id = ANY ($2::text[])
    ORDER BY n.at, d.id
"""


@dataclass(frozen=True)
class Told:
    """A message that reached somebody: the client's people, or the agency's. `at` is the instant of its fact."""

    id: str
    channel: str
    kind: str
    title: str
    audience: str
    at: datetime
    client: str | None
    agency: str

    def __str__(self) -> str:
        whom = self.client if self.audience == "client" else self.agency
        return f"{self.channel} to {whom}: {self.kind if self.channel == 'webhook' else self.title}"


async def delivered(pool: asyncpg.Pool, agency: str, known: Collection[str] = ()) -> list[Told]:
    """What was delivered to an agency and its clients, but for the messages that are `known`."""
    return [Told(**row) for row in await pool.fetch(_DELIVERED, agency, list(known))]
