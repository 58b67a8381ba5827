"""What was parked, why, and what was said of it; and when no more of one cause may be (billing-rules 9).

A parking is written with the fact that makes it and ends with the fact that lets it go. Nothing is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from adapters.postgres.pool import Connection, Pool
from billing.facts import Fact, InvoiceParked
from billing.orders import ReviewDecided
from billing.review import MOST_OF_ONE_CAUSE, WINDOW
from billing.revisions import revision_of
from billing.state import Decision, Parked, State, Trouble

TOLD_ONCE_IN: Final = timedelta(hours=1)
"""Steps in backoff come back every half hour: as long as they find parking stopped, it is the same stop."""


@dataclass(frozen=True)
class Held:
    """An invoice that is or was held for review. Amounts are minor units.

    `usual` are the overages of the periods before, the newest first; without a decision it is still held.
    """

    invoice_id: str
    currency: str
    held_at: datetime
    overage: int
    usual: tuple[int, ...]
    over: int
    decision: Decision | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    replaced_by: str | None


async def may_park(
    connection: Connection, invoice: str, trouble: Trouble, at: datetime
) -> Literal["yes", "no", "no_more"]:
    """Whether another invoice may be parked for this cause, counted over the whole installation.

    `no_more` for the first that is not: then the operator is told. Parkings of one cause wait for each other here, so
    that as many as race are counted.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('parking:' || $1, 0))", trouble.value)
    parked = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE trouble = $2 AND parked_at > $3) AS lately,
               count(*) FILTER (WHERE invoice_id = $1 AND ended_at IS NULL) > 0 AS already
        FROM parkings WHERE (trouble = $2 AND parked_at > $3) OR (invoice_id = $1 AND ended_at IS NULL)
        """,
        invoice,
        trouble.value,
        at - WINDOW,
    )
    assert parked is not None, "an aggregate always answers"
    if parked["already"] or parked["lately"] < MOST_OF_ONE_CAUSE:
        return "yes"
    known = await connection.execute(
        "UPDATE parking_stops SET last_at = $2, held_back = held_back + 1 WHERE trouble = $1 AND last_at > $3",
        trouble.value,
        at,
        at - TOLD_ONCE_IN,
    )
    if known != "UPDATE 0":
        return "no"
    await connection.execute(
        "INSERT INTO parking_stops (trouble, began_at, last_at, held_back) VALUES ($1, $2, $2, 1) "
        "ON CONFLICT (trouble, began_at) DO UPDATE SET held_back = parking_stops.held_back + 1",
        trouble.value,
        at,
    )
    return "no_more"


async def follow(connection: Connection, stored: State, facts: Sequence[Fact], current: State) -> None:
    """Write the parkings that are new, end those that are over, and keep the agency's word.

    By the states and not fact by fact: of two writings that run beside each other one may bring the other's state.
    """
    was, remain = {p.invoice for p in stored.parked}, {p.invoice for p in current.parked}
    troubles = {fact.invoice: fact.trouble for fact in facts if isinstance(fact, InvoiceParked)}
    for parked in current.parked:
        if parked.invoice not in was:
            await _begin(connection, current, parked, troubles.get(parked.invoice, Trouble.OTHER))
    if was - remain:
        await connection.execute(
            "UPDATE parkings SET ended_at = $2 WHERE invoice_id = ANY ($1::text[]) AND ended_at IS NULL",
            sorted(was - remain),
            current.clock,
        )
    for fact in facts:
        if isinstance(fact, ReviewDecided):
            await _decide(connection, fact)


async def _begin(connection: Connection, state: State, parked: Parked, trouble: Trouble) -> None:
    review = parked.review
    await connection.execute(
        """
        INSERT INTO parkings (agency_id, client_id, subscription_id, invoice_id, trouble, cause, parked_at, overage,
                              usual, over)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (invoice_id) WHERE ended_at IS NULL DO NOTHING
        """,
        state.agency,
        state.client,
        state.id,
        parked.invoice,
        trouble.value,
        parked.cause,
        parked.at,
        review.overage if review else None,
        list(review.usual) if review else None,
        review.limit if review else None,
    )


async def _decide(connection: Connection, fact: ReviewDecided) -> None:
    await connection.execute(
        """
        UPDATE parkings SET ended_at = $2, decision = $3, decided_by = $4, reason = $5, replaced_by = $6
        WHERE id = (SELECT max(id) FROM parkings WHERE invoice_id = $1) AND decision IS NULL
        """,
        fact.invoice,
        fact.at,
        fact.decision.value,
        fact.by,
        fact.reason,
        revision_of(fact.invoice) if fact.decision is Decision.REJECT else None,
    )


async def review_of(source: Connection | Pool, agency: str, invoice: str) -> Held | None:
    """The review of the invoice, or of the one whose place it took; none when it was never held."""
    row = await source.fetchrow(
        """
        SELECT p.invoice_id, i.currency, p.parked_at AS held_at, p.overage, p.usual, p.over, p.decision,
               p.ended_at AS decided_at, p.decided_by, p.reason, p.replaced_by
        FROM parkings p JOIN invoices i ON i.id = p.invoice_id
        WHERE p.agency_id = $1 AND (p.invoice_id = $2 OR p.replaced_by = $2) AND p.overage IS NOT NULL
        ORDER BY p.parked_at DESC LIMIT 1
        """,
        agency,
        invoice,
    )
    if row is None:
        return None
    decision = Decision(row["decision"]) if row["decision"] else None
    return Held(**{**row, "usual": tuple(row["usual"]), "decision": decision})
