"""What the books know that a plan change's preview needs (billing-rules 7): read at one instant, nothing is held."""

from adapters.postgres.closing import unsettled
from adapters.postgres.drafting import credit_left
from adapters.postgres.pool import Connection
from billing.quotes import Known
from billing.state import State


async def known(connection: Connection, state: State) -> Known:
    """Usage of the periods that are not closed, late entries that no invoice has settled, and the client's credit."""
    rows = await connection.fetch(
        "SELECT period, seconds FROM usage_rollups WHERE subscription_id = $1 AND period >= $2",
        state.id,
        state.period.number if state.period else 1,
    )
    return Known(
        {row["period"]: row["seconds"] for row in rows},
        await unsettled(connection, state.id),
        await credit_left(connection, state.client, state.terms.currency),
    )
