"""The agency's retry policy, and the debts that it is brought to when it is applied to ladders that run."""

from collections.abc import Sequence
from datetime import datetime

from adapters.postgres import inbox
from adapters.postgres.codec import decode_state, encode_dunning
from adapters.postgres.pool import Connection, Pool
from billing.ledger import DUNNING_APPLIED
from billing.plans import Dunning
from billing.state import State


async def in_debt(source: Connection | Pool, agency: str) -> list[State]:
    """The agency's subscriptions that owe something, by id: only a debt has a ladder, or is about to have one."""
    rows = await source.fetch(
        "SELECT state FROM subscriptions WHERE agency_id = $1 AND NOT finished AND state -> 'debt' <> '[]' ORDER BY id",
        agency,
    )
    return [decode_state(row["state"]) for row in rows]


async def bring(
    connection: Connection, subscriptions: Sequence[str], dunning: Dunning, request: str, at: datetime
) -> None:
    """Let each of the subscriptions learn, once for the request, that the policy holds for its ladder since `at`."""
    for subscription in subscriptions:
        await inbox.receive(
            connection,
            account=inbox.OWN,
            event_id=f"dunning:{subscription}:{request}",
            type=DUNNING_APPLIED,
            object_id=subscription,
            customer_id=None,
            created_at=at,
            payload=encode_dunning(dunning),
            received_at=at,
        )
