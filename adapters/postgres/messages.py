"""Messages to people and to agencies' programs (billing-rules 9): written with the fact that they tell, once each."""

import hashlib
from base64 import b32encode
from typing import Final

from adapters.postgres.pool import Connection
from billing.notices import Channel, Notice

_ID_LENGTH: Final = 20


async def write(
    connection: Connection, agency: str, notice: Notice, *, client: str | None = None, subscription: str | None = None
) -> bool:
    """Enter the message; False for a repeat, which changes nothing. `notice.key` names its fact within the agency.

    Without a `client` it is about the agency itself.
    """
    entered: str = await connection.execute(
        """
        INSERT INTO notifications (id, agency_id, client_id, subscription_id, audience, kind, title, detail,
                                   invoice_id, dedupe_key, at, in_app)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (agency_id, audience, dedupe_key) DO NOTHING
        """,
        _id_of(agency, notice.audience, notice.key),
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
    return entered == "INSERT 0 1"


def _id_of(*identity: str) -> str:
    """The id follows from what the message is about, so that a repeat would make the same one."""
    digest = hashlib.sha256("\n".join(identity).encode()).digest()
    return f"ntf_{b32encode(digest).decode().lower()[:_ID_LENGTH]}"
