"""Whether periods and calls in the books hold together: the periods of I3, I4 and I5 of billing-rules 10.

Each query finds what is wrong, one sentence a row.
"""

from collections.abc import AsyncIterator
from typing import Final

from adapters.postgres.codec import decode_state
from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.level_checks import untold
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


_CALLS_TWICE: Final = """
    SELECT format('%s: call %s is there %s times', agency_id, call_id, count(*)) FROM calls
    GROUP BY agency_id, call_id HAVING count(*) > 1 ORDER BY 1
"""
_CORRECTED: Final = """
    SELECT format('call %s: corrected by %s s, its corrections come to %s s', call_id, corrected_seconds,
                  coalesce(made.seconds, 0))
    FROM calls LEFT JOIN (
        SELECT agency_id, call_id, sum(seconds) AS seconds FROM corrections GROUP BY agency_id, call_id
    ) made USING (agency_id, call_id) WHERE corrected_seconds <> coalesce(made.seconds, 0) ORDER BY call_id
"""
_MISPLACED: Final = """
    SELECT format('call %s of %s: period %s of %s does not hold it', c.call_id, c.started_at, c.period,
                  c.subscription_id)
    FROM calls c LEFT JOIN periods p ON (p.subscription_id, p.number) = (c.subscription_id, c.period)
    WHERE c.period IS NOT NULL AND (c.started_at >= p.starts_at AND c.started_at < p.ends_at) IS NOT TRUE
    ORDER BY c.call_id
"""
_NO_TRIAL: Final = """
    SELECT format('call %s of %s: not billed for a trial that does not hold it', c.call_id, c.started_at)
    FROM calls c WHERE c.unbilled = 'trial' AND NOT EXISTS (
        SELECT FROM subscriptions s
        WHERE s.client_id = c.client_id AND s.trial_start <= c.started_at AND c.started_at < s.trial_end
    ) ORDER BY c.call_id
"""
# A period counts what was known of its calls before it was frozen: late calls and late corrections come on top.
_COUNTED: Final = """
    WITH counted AS (
        SELECT subscription_id, period, count(*) AS calls, sum(billed_seconds + coalesce(known.seconds, 0)) AS seconds
        FROM calls LEFT JOIN (
            SELECT agency_id, call_id, sum(seconds) AS seconds FROM corrections WHERE NOT late
            GROUP BY agency_id, call_id
        ) known USING (agency_id, call_id)
        WHERE period IS NOT NULL AND NOT late GROUP BY subscription_id, period
    ), rolled AS (
        SELECT subscription_id, period, seconds AS rolled_seconds, calls AS rolled_calls FROM usage_rollups
    ), frozen AS (
        SELECT subscription_id, number AS period, seconds AS frozen_seconds FROM periods WHERE frozen_at IS NOT NULL
    )
"""
_ROLLUPS: Final = (
    _COUNTED
    + """
    SELECT format('%s, period %s: %s s of %s calls in the rollup, %s s of %s in the calls', subscription_id, period,
                  coalesce(rolled_seconds, 0), coalesce(rolled_calls, 0), coalesce(seconds, 0), coalesce(calls, 0))
    FROM counted FULL JOIN rolled USING (subscription_id, period)
    WHERE coalesce(rolled_seconds, 0) <> coalesce(seconds, 0) OR coalesce(rolled_calls, 0) <> coalesce(calls, 0)
    ORDER BY subscription_id, period
"""
)
_FROZEN: Final = (
    _COUNTED
    + """
    SELECT format('%s, period %s: frozen at %s s, its calls come to %s s', subscription_id, period, frozen_seconds,
                  coalesce(seconds, 0))
    FROM frozen LEFT JOIN counted USING (subscription_id, period)
    WHERE frozen_seconds <> coalesce(seconds, 0) ORDER BY subscription_id, period
"""
)
# Without an entry are late calls of no length, and corrections that came after the last invoice: never charged.
_LATE: Final = """
    WITH late AS (
        SELECT agency_id, call_id, '' AS correction_id, subscription_id, period, billed_seconds AS seconds,
               billed_seconds > 0 AS owed
        FROM calls WHERE late
        UNION ALL
        SELECT c.agency_id, c.call_id, k.correction_id, c.subscription_id, c.period, k.seconds, s.status <> 'cancelled'
        FROM corrections k JOIN calls c USING (agency_id, call_id) JOIN subscriptions s ON s.id = c.subscription_id
        WHERE k.late
    ), entered AS (
        SELECT agency_id, call_id, coalesce(correction_id, '') AS correction_id, subscription_id, period,
               seconds AS entered_seconds
        FROM late_entries
    )
    SELECT format('%s, period %s: %s s came late with call %s %s, %s s are entered', subscription_id, period,
                  coalesce(seconds, 0), call_id, correction_id, coalesce(entered_seconds, 0))
    FROM late FULL JOIN entered USING (agency_id, call_id, correction_id, subscription_id, period)
    WHERE seconds IS NULL OR entered_seconds <> seconds OR (entered_seconds IS NULL AND owed) ORDER BY 1
"""
_SETTLED: Final = """
    SELECT format('%s, period %s: %s s settled late, its settled entries come to %s s', p.subscription_id, p.number,
                  p.settled_late_seconds, settled.seconds)
    FROM periods p CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.seconds), 0) AS seconds FROM late_entries e
        WHERE (e.subscription_id, e.period) = (p.subscription_id, p.number) AND e.settled_by IS NOT NULL
    ) settled WHERE p.settled_late_seconds <> settled.seconds ORDER BY p.subscription_id, p.number
"""


async def counted_once(connection: Connection) -> Compared:
    """I4: each call once, in the period that holds it; rollups, frozen usage, late entries and what is told of usage
    follow from the calls."""
    row = await figures(
        connection,
        """
        SELECT count(*) AS calls, count(*) FILTER (WHERE unbilled IS NOT NULL) AS unbilled,
               (SELECT count(*) FROM late_entries) AS late,
               (SELECT coalesce(sum(seconds), 0) FROM usage_rollups) AS seconds,
               (SELECT count(*) FROM notifications WHERE audience = 'agency' AND kind = 'usage_alert') AS levels,
               (SELECT count(*) FROM notifications WHERE audience = 'agency' AND kind = 'cap_reached') AS caps
        FROM calls
        """,
    )
    told = (
        f"{counted(row['calls'], 'call')} counted once, {row['unbilled']} of them unbilled; "
        f"rollups of {row['seconds']} s are their sum; "
        f"{counted(row['late'], 'late entry', 'late entries')} for what came after a closing; "
        f"{counted(row['levels'], 'usage level')} and {counted(row['caps'], 'spend cap')} told"
    )
    checks = (_CALLS_TWICE, _CORRECTED, _MISPLACED, _NO_TRIAL, _ROLLUPS, _FROZEN, _LATE, _SETTLED)
    return Compared("I4", told, (*await sentences(connection, *checks), *await untold(connection)))


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
