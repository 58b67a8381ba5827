"""Whether the periods in the books hold together, and closed ones stand: I3 and I5 of billing-rules 10.

Each query finds what is wrong, one sentence a row.
"""

from collections.abc import AsyncIterator
from typing import Final

from adapters.postgres.codec import decode_state
from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.pool import Connection
from billing.state import Forgive
from billing.usage import overage

# After a pause the next period has a new anchor: the final invoice of the one before says that service had ended.
_NEIGHBOURS: Final = """
    WITH ordered AS (
        SELECT subscription_id, number, starts_at, coalesce(lag(number) OVER w, 0) AS before,
               lag(ends_at) OVER w AS ended
        FROM periods WINDOW w AS (PARTITION BY subscription_id ORDER BY number)
    )
    SELECT format('%s: period %s begins at %s, after period %s and %s', subscription_id, number, starts_at, before,
                  coalesce(ended::text, 'nothing'))
    FROM ordered WHERE number <> before + 1 OR starts_at < ended OR (starts_at > ended AND NOT EXISTS (
        SELECT 1 FROM invoices i
        WHERE (i.subscription_id, i.kind, i.source) = (ordered.subscription_id, 'final', before::text)
    )) ORDER BY subscription_id, number
"""
_IN_TRIAL: Final = """
    SELECT format('%s: period %s begins at %s, in the trial that ends at %s', s.id, p.number, p.starts_at, s.trial_end)
    FROM periods p JOIN subscriptions s ON s.id = p.subscription_id
    WHERE p.starts_at < s.trial_end AND s.trial_start < p.ends_at ORDER BY s.id, p.number
"""


async def contiguous(connection: Connection) -> Compared:
    """I3, periods: none in a trial, no overlap, and no gap except between a pause and its resume."""
    row = await figures(
        connection, "SELECT count(*) AS periods, count(DISTINCT subscription_id) AS subscriptions FROM periods"
    )
    told = (
        f"{counted(row['periods'], 'period')} of {counted(row['subscriptions'], 'subscription')} without gap or overlap"
    )
    return Compared("I3", told, await sentences(connection, _NEIGHBOURS, _IN_TRIAL))


_CLOSED: Final = """
    SELECT subscription_id, number, frozen_at, closed_at, seconds, overage, included_seconds, rate, currency
    FROM periods WHERE status = 'closed' ORDER BY subscription_id, number
"""
_OUT_OF_ORDER: Final = """
    SELECT format('%s: period %s is closed, and the earlier period %s is not', c.subscription_id, c.number, o.number)
    FROM periods c JOIN periods o ON o.subscription_id = c.subscription_id AND o.number < c.number
    WHERE c.status = 'closed' AND o.status = 'open' ORDER BY c.subscription_id, c.number, o.number
"""
_BILLED_OTHERWISE: Final = """
    SELECT format('%s: overage of period %s is %s, closed at %s', i.id, p.number, l.amount, p.overage)
    FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id
    JOIN periods p ON (p.subscription_id, p.number::text) = (i.subscription_id, l.source)
    WHERE l.kind = 'overage' AND p.status = 'closed' AND l.amount <> p.overage ORDER BY i.id
"""

_ON_NO_INVOICE: Final = """
    SELECT p.subscription_id, p.number, p.overage, s.state
    FROM periods p JOIN subscriptions s ON s.id = p.subscription_id
    WHERE p.status = 'closed' AND p.overage > 0 AND NOT EXISTS (
        SELECT 1 FROM invoices i WHERE (i.subscription_id, i.closed_period) = (p.subscription_id, p.number)
    ) ORDER BY p.subscription_id, p.number
"""


async def closed_stands(connection: Connection) -> Compared:
    """I5: a closed period is complete, its overage still what its usage costs at its terms, and billed as it is."""
    row = await figures(connection, "SELECT count(*) AS closed FROM periods WHERE status = 'closed'")
    told = f"{counted(row['closed'], 'closed period')}, each still priced as when it closed"
    changed = [sentence async for sentence in _changed(connection)]
    forgotten = [sentence async for sentence in _forgotten(connection)]
    otherwise = await sentences(connection, _OUT_OF_ORDER, _BILLED_OTHERWISE)
    return Compared("I5", told, (*changed, *otherwise, *forgotten))


async def _changed(connection: Connection) -> AsyncIterator[str]:
    async for row in connection.cursor(_CLOSED):
        name = f"{row['subscription_id']}, period {row['number']}"
        missing = [column for column in ("frozen_at", "closed_at", "seconds", "overage") if row[column] is None]
        if missing:
            yield f"{name}: closed without {', '.join(missing)}"
            continue
        again = overage(row["seconds"], row["included_seconds"], row["rate"], row["currency"])
        if again != row["overage"]:
            yield f"{name}: closed at {row['overage']}, {row['seconds']} s cost {again} at its terms"


async def _forgotten(connection: Connection) -> AsyncIterator[str]:
    async for row in connection.cursor(_ON_NO_INVOICE):
        state = decode_state(row["state"])
        coming = any(issue.closed and issue.closed.number == row["number"] for issue in state.to_issue)
        forgiven = state.ending is not None and state.ending.forgive is Forgive.ALL
        if not (coming or forgiven):
            yield f"{row['subscription_id']}, period {row['number']}: overage of {row['overage']} that nobody bills"
