"""How far an agency has come in setting itself up, from the books alone: there is nothing to tick off."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.postgres.agencies import AccountState
from adapters.postgres.pool import Connection, Pool

_PROGRESS: Final = """
    SELECT (SELECT a.state FROM connected_accounts a WHERE a.agency_id = $1 ORDER BY a.number DESC LIMIT 1) AS account,
           EXISTS (SELECT FROM plans p WHERE p.agency_id = $1 AND p.archived_at IS NULL) AS plan,
           EXISTS (SELECT FROM clients c WHERE c.agency_id = $1 AND c.archived_at IS NULL) AS client,
           EXISTS (SELECT FROM subscriptions s WHERE s.agency_id = $1) AS assigned,
           EXISTS (
               SELECT FROM subscriptions s JOIN clients c ON c.id = s.client_id
               WHERE s.agency_id = $1 AND c.card IS NOT NULL
           ) AS card,
           (
               SELECT min(i.settled_at) FROM invoices i
               WHERE i.agency_id = $1 AND i.status = 'paid' AND i.total > 0
           ) AS first_paid_at
"""


@dataclass(frozen=True)
class Progress:
    """`account` is the account's health; none before the first. `card`: of a client that has been assigned a plan."""

    account: AccountState | None
    plan: bool
    client: bool
    assigned: bool
    card: bool
    first_paid_at: datetime | None


async def progress(source: Connection | Pool, agency: str) -> Progress:
    """Where the agency stands now. What is undone later, as when its only plan is archived, is open again."""
    row = await source.fetchrow(_PROGRESS, agency)
    assert row is not None, "a question without FROM has one answer"
    return Progress(**row)
