"""How clients stand, at a glance and for a page of them at once: usage, debt, and what is billed next."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.postgres import figures
from adapters.postgres.figures import Usage
from adapters.postgres.freezes import OF_LEFT_ACCOUNT
from adapters.postgres.pool import Connection, Pool
from adapters.postgres.subscriptions import current_states
from billing.view import next_invoice

OPEN: Final = f"""
    SELECT i.client_id, i.currency, sum(coalesce(i.amount_due, i.total) - coalesce(i.amount_paid, 0))::bigint AS due
    FROM invoices i WHERE i.agency_id = $1 AND i.settled_at IS NULL AND i.status = 'open' AND NOT {OF_LEFT_ACCOUNT}
"""
"""What is open on invoices, to be grouped by client and currency; as `outstanding` of the summary counts it."""
_DUE: Final = f"{OPEN} AND i.client_id = ANY ($2::text[]) GROUP BY i.client_id, i.currency ORDER BY i.currency"


@dataclass(frozen=True)
class Coming:
    """When the next invoice is issued, and what it comes to by now in minor units of `currency`; credits not looked
    at."""

    at: datetime
    amount: int
    currency: str


@dataclass(frozen=True)
class Standing:
    """`usage` is that of the current period; `due` what is open on invoices, in minor units by currency."""

    usage: Usage | None
    due: Mapping[str, int]
    coming: Coming | None


async def standings(
    source: Connection | Pool, agency: str, clients: Sequence[str], now: datetime
) -> dict[str, Standing]:
    """How each of the clients stands at `now`."""
    usage = await figures.usage_of(source, agency, clients, now)
    due = await _due(source, agency, clients)
    coming = await _coming(source, agency, clients)
    return {client: Standing(usage.get(client), due[client], coming.get(client)) for client in clients}


async def _due(source: Connection | Pool, agency: str, clients: Sequence[str]) -> dict[str, dict[str, int]]:
    due: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await source.fetch(_DUE, agency, clients):
        if row["due"] > 0:
            due[row["client_id"]][row["currency"]] = row["due"]
    return due


async def _coming(source: Connection | Pool, agency: str, clients: Sequence[str]) -> dict[str, Coming]:
    states = await current_states(source, agency, clients)
    overages = await figures.overages_to_bill(source, list(states.values()))
    found: dict[str, Coming] = {}
    for client, state in states.items():
        following = next_invoice(state, overages[state.id])
        if following:
            found[client] = Coming(*following, state.terms.currency)
    return found
