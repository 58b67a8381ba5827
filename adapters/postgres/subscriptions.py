"""Subscriptions as the API reads them: each row with the newest state that the books know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.codec import Json, decode_state
from adapters.postgres.pool import Connection, Pool
from billing.state import State


@dataclass(frozen=True)
class Subscription:
    """`request` is what assigned it; one without a plan is a custom invoice. `finished`: nothing will happen again."""

    id: str
    agency_id: str
    client_id: str
    plan_id: str | None
    plan_version: int | None
    request: Json
    state: State
    finished: bool
    created_at: datetime


_COLUMNS: Final = "id, agency_id, client_id, plan_id, plan_version, request, state, finished, created_at"


def _subscription(row: asyncpg.Record | None) -> Subscription | None:
    return Subscription(**{**row, "state": decode_state(row["state"])}) if row else None


async def subscription(source: Connection | Pool, subscription: str) -> Subscription | None:
    return _subscription(await source.fetchrow(f"SELECT {_COLUMNS} FROM subscriptions WHERE id = $1", subscription))


async def states(source: Connection | Pool, subscriptions: Sequence[str]) -> dict[str, State]:
    """The state of each, by its id."""
    rows = await source.fetch("SELECT id, state FROM subscriptions WHERE id = ANY ($1::text[])", subscriptions)
    return {row["id"]: decode_state(row["state"]) for row in rows}


async def in_debt_before(source: Connection | Pool, agency: str, client: str) -> list[State]:
    """Where the client may still owe beside its subscription, the oldest first: cancelled ones and custom invoices."""
    rows = await source.fetch(
        """
        SELECT state FROM subscriptions
        WHERE agency_id = $1 AND client_id = $2 AND status = 'cancelled' AND NOT finished ORDER BY created_at, id
        """,
        agency,
        client,
    )
    return [decode_state(row["state"]) for row in rows]


async def current_subscription(source: Connection | Pool, agency: str, client: str) -> Subscription | None:
    """The client's subscription that is not cancelled, else its newest: of which people speak as "the" subscription."""
    return _subscription(
        await source.fetchrow(
            f"""
            SELECT {_COLUMNS} FROM subscriptions
            WHERE agency_id = $1 AND client_id = $2 AND plan_id IS NOT NULL
            ORDER BY (status = 'cancelled'), created_at DESC, id DESC LIMIT 1
            """,
            agency,
            client,
        )
    )


async def current_states(source: Connection | Pool, agency: str, clients: Sequence[str]) -> dict[str, State]:
    """The state of each client's `current_subscription`, by client; those without one are left out."""
    rows = await source.fetch(
        """
        SELECT DISTINCT ON (client_id) client_id, state FROM subscriptions
        WHERE agency_id = $1 AND client_id = ANY ($2::text[]) AND plan_id IS NOT NULL
        ORDER BY client_id, (status = 'cancelled'), created_at DESC, id DESC
        """,
        agency,
        clients,
    )
    return {row["client_id"]: decode_state(row["state"]) for row in rows}
