"""What is behind an invoice: the attempts to collect it, and the usage that it bills."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from adapters.postgres.codec import decode_card, decode_decline
from adapters.postgres.invoices import Invoice
from adapters.postgres.pool import Connection, Pool
from billing.declines import Decline, DeclineClass
from billing.ledger import AttemptResult
from billing.state import Card, Origin


@dataclass(frozen=True)
class Attempted:
    """One attempt; no `result`: it is in flight. `reason` is for the client, `decline` what Stripe said."""

    number: int
    origin: Origin
    on_session: bool
    amount: int
    card: Card
    attempted_at: datetime
    result: AttemptResult | None
    settled_at: datetime | None
    charge_id: str | None
    payment_intent_id: str | None
    decline: Decline | None
    decline_class: DeclineClass | None
    reason: str | None


@dataclass(frozen=True)
class Skipped:
    """A step that was used up without an attempt, and why."""

    at: datetime
    why: str


@dataclass(frozen=True)
class BilledPeriod:
    """The closed period whose overage an invoice bills. Amounts are minor units, `rate` minor units per minute.

    `late_seconds` came after it was closed and was settled on later invoices.
    """

    number: int
    starts_at: datetime
    ends_at: datetime
    seconds: int
    calls: int
    included_seconds: int
    rate: Decimal
    currency: str
    overage: int
    late_seconds: int


async def attempts_on(source: Connection | Pool, agency: str, invoice: str) -> list[Attempted]:
    """The attempts on the invoice, in their order."""
    rows = await source.fetch(
        """
        SELECT number, origin, on_session, amount, card, attempted_at, result, settled_at, charge_id, payment_intent_id,
               decline, decline_class, reason
        FROM payment_attempts WHERE (agency_id, invoice_id) = ($1, $2) ORDER BY number
        """,
        agency,
        invoice,
    )
    return [_attempted(row) for row in rows]


async def skipped_on(source: Connection | Pool, agency: str, invoice: str) -> list[Skipped]:
    """The steps that were skipped on the invoice, in their order."""
    rows = await source.fetch(
        "SELECT at, why FROM skipped_attempts WHERE (agency_id, invoice_id) = ($1, $2) ORDER BY at", agency, invoice
    )
    return [Skipped(**row) for row in rows]


async def billed_period(source: Connection | Pool, agency: str, invoice: Invoice) -> BilledPeriod | None:
    """The period whose overage the invoice bills; none for one that bills no usage."""
    row = await source.fetchrow(
        """
        SELECT p.number, p.starts_at, p.ends_at, p.seconds, coalesce(r.calls, 0) AS calls, p.included_seconds, p.rate,
               p.currency, p.overage, p.settled_late_seconds AS late_seconds
        FROM periods p LEFT JOIN usage_rollups r ON (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE (p.agency_id, p.subscription_id, p.number) = ($1, $2, $3) AND p.status = 'closed'
        """,
        agency,
        invoice.subscription_id,
        invoice.closed_period,
    )
    return BilledPeriod(**row) if row else None


def _attempted(row: asyncpg.Record) -> Attempted:
    own = {
        "origin": Origin(row["origin"]),
        "card": decode_card(row["card"]),
        "decline": decode_decline(row["decline"]) if row["decline"] else None,
        "decline_class": DeclineClass(row["decline_class"]) if row["decline_class"] else None,
    }
    return Attempted(**{**row, **own})
