"""What is to happen next by itself: of one client, of an agency's, or of all. As the schedule in the books has it.

The time machine itself asks the workflows, which know more: an outbox row, a message. This is what people wait for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.codec import decode_state
from billing.agenda import Item, planned
from sandbox.bodies import rfc3339

AHEAD: Final = timedelta(seconds=1)
"""What is nearer than this is happening."""
_RUNNING: Final = """
    SELECT subscriptions.state, clients.id AS client_id, clients.name AS client
    FROM subscriptions JOIN clients ON clients.id = subscriptions.client_id
    WHERE NOT subscriptions.finished
    AND ($1::text IS NULL OR clients.agency_id = $1) AND ($2::text IS NULL OR clients.id = $2)
"""


@dataclass(frozen=True)
class Event:
    """Something that is decided. `what` is in the schedule's own words."""

    at: datetime
    client_id: str
    client: str
    what: str

    def as_json(self) -> dict[str, str]:
        return {"at": rfc3339(self.at), "client_id": self.client_id, "client": self.client, "what": self.what}


async def next_event(
    pool: asyncpg.Pool, now: datetime, agency: str | None = None, client: str | None = None
) -> Event | None:
    """The first after `now`; none when nothing will happen by itself."""
    events = (_first(row, now) for row in await pool.fetch(_RUNNING, agency, client))
    return min((event for event in events if event), key=lambda event: (event.at, event.client), default=None)


def _first(row: asyncpg.Record, now: datetime) -> Event | None:
    items = [item for item in planned(decode_state(row["state"])) if item.at - now >= AHEAD]
    return Event(items[0].at, row["client_id"], row["client"], _together(items)) if items else None


def _together(items: Sequence[Item]) -> str:
    """What falls on the first instant, each thing once; of an invoice only that it comes, and of what follows when the
    last retry fails nothing."""
    at_once = [item for item in items if item.at == items[0].at]
    now = [item for item in at_once if item.action != "final_action"] or at_once
    said = dict.fromkeys("an invoice is issued" if one.action == "issue_invoice" else one.detail for one in now)
    return ", ".join(said)
