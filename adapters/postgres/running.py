"""What the books say of the subscriptions that run, as far as their workflows know it too.

Read in pages by id, so that any number of them costs the same at a time: the primary key gives the page, and what
belongs to a row is found by the indexes of open invoices, attempts in flight and outbox keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.postgres.codec import decode_state
from adapters.postgres.outbox import START
from adapters.postgres.pool import Connection, Pool
from billing.state import State


@dataclass(frozen=True)
class Running:
    """A subscription that is not finished. `in_flight`: (invoice, number) of attempts without an outcome."""

    state: State
    open: Mapping[str, int]
    """What is due of each open invoice, in minor units."""
    in_flight: frozenset[tuple[str, int]]
    starting: bool
    """Its workflow is still to be started."""


_RUNNING: Final = f"""
    SELECT s.state, ARRAY(
        SELECT (i.id, i.amount_due) FROM invoices i
        WHERE i.subscription_id = s.id AND i.status = 'open' AND i.provider_id IS NOT NULL
    ) AS open, ARRAY(
        SELECT (a.invoice_id, a.number) FROM payment_attempts a WHERE a.subscription_id = s.id AND a.result IS NULL
    ) AS in_flight, EXISTS (
        SELECT FROM outbox o WHERE o.dedupe_key = '{START}:' || s.id AND o.done_at IS NULL
    ) AS starting
    FROM subscriptions s WHERE NOT s.finished
"""


async def page(connection: Connection | Pool, after: str, size: int) -> Sequence[Running]:
    """The next `size` subscriptions that run, in the order of their ids; begin with ""."""
    return _read(await connection.fetch(f"{_RUNNING} AND s.id > $1 ORDER BY s.id LIMIT $2", after, size))


async def these(connection: Connection | Pool, subscriptions: Sequence[str]) -> Sequence[Running]:
    """Those of them that still run."""
    return _read(await connection.fetch(f"{_RUNNING} AND s.id = ANY ($1) ORDER BY s.id", subscriptions))


async def count(connection: Connection | Pool, after: str) -> int:
    """How many run whose ids come after that one."""
    number: int = await connection.fetchval("SELECT count(*) FROM subscriptions WHERE NOT finished AND id > $1", after)
    return number


def _read(rows: Sequence[asyncpg.Record]) -> Sequence[Running]:
    return [
        Running(
            decode_state(row["state"]),
            dict(map(tuple, row["open"])),
            frozenset(map(tuple, row["in_flight"])),
            row["starting"],
        )
        for row in rows
    ]
