"""Starting a workflow out of a request: its row, what is known of the client's cards, and the letter that starts it."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from adapters.postgres import agencies, attempts, clients, disputed, freezes, outbox, projection
from adapters.postgres.outbox import START, start_key
from adapters.postgres.pool import Connection
from api.conflicts import conflict
from billing.debt import CARD_WINDOW
from billing.state import Disputed, State
from workflows.messages import Start, opened_by

_START: Final[TypeAdapter[Start]] = TypeAdapter(Start)


async def begin(connection: Connection, start: Start, asked: dict[str, Any], now: datetime) -> State:
    """Enter the row and its start in the caller's transaction: delivery brings the start to Temporal, also when that is
    away now.

    Raises Conflict `agency_frozen`, and asyncpg.UniqueViolationError when the row, or another live subscription of the
    client, is there already.
    """
    # Held together with whoever freezes the agency: it sees this subscription, or we its freeze.
    await agencies.shared_agency(connection, start.agency)
    if await freezes.frozen_by(connection, start.agency, start.account):
        raise conflict("agency_frozen")
    # From here on a card that is saved is the workflow's news; until here it was the client's alone.
    card = await clients.locked_card(connection, start.client)
    earlier = await projection.earlier_states(connection, start.client, start.account)
    condemned = await attempts.declined_hard(connection, start.client, start.account)
    tried = await attempts.tries(connection, start.client, start.account, now - CARD_WINDOW)
    # What was tried elsewhere, such as on Stripe's page, only the states know.
    condemned |= {identity for state in earlier for identity in state.condemned}
    tried |= {one for state in earlier for one in state.tries}
    stopped = await disputed.disputed_cards(connection, start.client, start.account)
    start = replace(
        start,
        card=card,
        condemned=tuple(sorted(condemned)),
        tries=tuple(sorted(tried, key=lambda one: (one.at, one.card))),
        disputed=tuple(Disputed(one.dispute, one.card, one.lifted) for one in stopped),
    )
    state = opened_by(start)
    await projection.open_subscription(connection, state, asked, now)
    payload = _START.dump_python(start, mode="json")
    await outbox.add(connection, start.agency, START, start_key(start.subscription), payload, now)
    return state
