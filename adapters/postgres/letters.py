"""What a mail needs to know besides its message: whom it goes to, who sends it, and how its invoice stands."""

from dataclasses import dataclass
from typing import Final

from adapters.postgres.message_deliveries import Claimed
from adapters.postgres.pool import Connection, Pool


@dataclass(frozen=True)
class Envelope:
    """Of one mail. `to` is none when the agency has withdrawn its address meanwhile."""

    to: str | None
    client_name: str | None
    agency_name: str
    sender_name: str | None
    sender_email: str | None
    support_email: str | None
    support_phone: str | None
    support_url: str | None
    invoice_number: str | None
    invoice_status: str | None


_ENVELOPE: Final = """
    SELECT CASE WHEN $4 = 'client' THEN c.email ELSE coalesce(a.sender_email, a.support_email) END AS to,
           c.name AS client_name, a.name AS agency_name, a.sender_name, a.sender_email,
           a.support_email, a.support_phone, a.support_url, i.number AS invoice_number, i.status AS invoice_status
    FROM agencies a
    LEFT JOIN clients c ON c.agency_id = a.id AND c.id = $2
    LEFT JOIN invoices i ON i.agency_id = a.id AND i.id = $3
    WHERE a.id = $1
"""


async def envelope(source: Connection | Pool, claimed: Claimed) -> Envelope:
    """Raises LookupError for an agency that is not there."""
    row = await source.fetchrow(_ENVELOPE, claimed.agency_id, claimed.client_id, claimed.invoice_id, claimed.audience)
    if row is None:
        raise LookupError(f"no agency {claimed.agency_id}")
    return Envelope(**row)
