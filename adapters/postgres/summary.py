"""How an agency's business stands, in each currency that it bills in. docs/http-api.md defines every figure."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.codec import decode_state
from adapters.postgres.freezes import OF_LEFT_ACCOUNT
from adapters.postgres.invoices import DEBT_FAILED
from adapters.postgres.pool import Connection
from billing.view import renewal

BACK: Final = timedelta(days=30)
"""Over which money that came in, was given up, or was recovered is counted."""
AHEAD: Final = timedelta(days=7)
"""Over which renewals are counted."""

_SETTLED: Final = """
    SELECT currency, coalesce(sum(amount_paid) FILTER (WHERE status = 'paid'), 0)::bigint AS collected,
           coalesce(sum(amount_due - coalesce(amount_paid, 0)) FILTER (WHERE status = 'uncollectible'), 0)::bigint
           AS lost
    FROM invoices WHERE agency_id = $1 AND settled_at > $2 AND settled_at <= $3 GROUP BY currency
"""
_OPEN: Final = f"""
    SELECT currency, sum(owed)::bigint AS outstanding, coalesce(sum(owed) FILTER (WHERE failing), 0)::bigint AS at_risk
    FROM (
        SELECT i.currency, coalesce(i.amount_due, i.total) - coalesce(i.amount_paid, 0) AS owed,
               i.failed OR {DEBT_FAILED} AS failing
        FROM invoices i WHERE i.agency_id = $1 AND i.settled_at IS NULL AND i.status = 'open' AND NOT {OF_LEFT_ACCOUNT}
    ) AS open GROUP BY currency
"""
_FAILED: Final = """
    SELECT i.currency, count(*) AS failed, count(*) FILTER (WHERE i.status = 'paid') AS recovered FROM (
        SELECT DISTINCT a.invoice_id FROM payment_attempts a
        WHERE a.agency_id = $1 AND a.result IN ('declined', 'action_required')
        AND a.settled_at > $2 AND a.settled_at <= $3 AND NOT EXISTS (
            SELECT FROM payment_attempts e WHERE e.invoice_id = a.invoice_id
            AND e.result IN ('declined', 'action_required') AND e.settled_at <= $2
        )
    ) AS failed JOIN invoices i ON i.id = failed.invoice_id GROUP BY i.currency
"""


@dataclass
class Figures:
    """Of one currency; amounts are minor units."""

    currency: str
    collected: int = 0
    outstanding: int = 0
    at_risk: int = 0
    lost: int = 0
    failed: int = 0
    recovered: int = 0
    renewals: int = 0
    renewing: int = 0


async def summary(books: Connection, agency: str, now: datetime) -> list[Figures]:
    """The figures of every currency with anything in them, by its code."""
    found: dict[str, Figures] = {}
    questions = ((_SETTLED, (now - BACK, now)), (_OPEN, ()), (_FAILED, (now - BACK, now)))
    for question, window in questions:
        for row in await books.fetch(question, agency, *window):
            figures = found.setdefault(row["currency"], Figures(row["currency"]))
            for name, value in row.items():
                setattr(figures, name, value)
    for currency, prices in (await _renewing(books, agency, now)).items():
        figures = found.setdefault(currency, Figures(currency))
        figures.renewals, figures.renewing = len(prices), sum(prices)
    return [found[currency] for currency in sorted(found)]


async def _renewing(books: Connection, agency: str, now: datetime) -> dict[str, list[int]]:
    """The prices of the periods that open within AHEAD. Whether one does is the rules' to say."""
    rows = await books.fetch(
        "SELECT state FROM subscriptions WHERE agency_id = $1 AND NOT finished "
        "AND CASE WHEN status = 'trialing' THEN trial_end ELSE period_end END <= $2",
        agency,
        now + AHEAD,
    )
    prices: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        state = decode_state(row["state"])
        coming = renewal(state, now)
        if coming and coming[0] <= now + AHEAD:
            prices[state.terms.currency].append(coming[1])
    return prices
