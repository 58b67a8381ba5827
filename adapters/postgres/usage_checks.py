"""Whether calls are counted once, where they belong: I4 of billing-rules 10.

Each query finds what is wrong, one sentence a row.
"""

from typing import Final

from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.level_checks import untold
from adapters.postgres.pool import Connection

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
# The details of what is retired are gone, and its keys with them.
_REPORTED: Final = """
    SELECT format('%s: call %s is %s', coalesce(c.agency_id, r.agency_id), coalesce(c.call_id, r.call_id), CASE
        WHEN r.call_id IS NULL THEN 'counted, and was never reported'
        WHEN c.call_id IS NULL THEN 'reported, and counts nowhere'
        ELSE format('counted as of %s %s, and was reported of %s %s', c.client_id, c.started_at, r.client_id,
                    r.started_at)
    END)
    FROM calls c FULL JOIN reported_calls r ON (r.agency_id, r.call_id) = (c.agency_id, c.call_id)
    WHERE (c.client_id, c.started_at) IS DISTINCT FROM (r.client_id, r.started_at) ORDER BY 1
"""
_MISPLACED: Final = """
    SELECT format('call %s of %s: period %s of %s does not hold it', c.call_id, c.started_at, c.period,
                  c.subscription_id)
    FROM calls c LEFT JOIN periods p ON (p.subscription_id, p.number) = (c.subscription_id, c.period)
    WHERE c.unbilled IS NULL AND (c.started_at >= p.starts_at AND c.started_at < p.ends_at) IS NOT TRUE
    ORDER BY c.call_id
"""
_NO_TRIAL: Final = """
    SELECT format('call %s of %s: not billed for a trial that does not hold it', c.call_id, c.started_at)
    FROM calls c LEFT JOIN subscriptions s ON s.id = c.subscription_id
    WHERE c.unbilled = 'trial' AND (s.trial_start <= c.started_at AND c.started_at < s.trial_end) IS NOT TRUE
    ORDER BY c.call_id
"""
# A period counts what was known of its calls before it was frozen: late calls and late corrections come on top. What
# was retired counts as it was sealed.
_COUNTED: Final = """
    WITH told AS (
        SELECT c.subscription_id, c.period, c.started_at, c.billed_seconds + coalesce(known.seconds, 0) AS seconds
        FROM calls c LEFT JOIN (
            SELECT agency_id, call_id, sum(seconds) AS seconds FROM corrections WHERE NOT late
            GROUP BY agency_id, call_id
        ) known ON (known.agency_id, known.call_id) = (c.agency_id, c.call_id)
        WHERE c.period IS NOT NULL AND NOT c.late
    ), counted AS (
        SELECT subscription_id, period, sum(calls) AS calls, sum(seconds) AS seconds FROM (
            SELECT subscription_id, period, 1 AS calls, seconds FROM told
            UNION ALL
            SELECT subscription_id, period, calls, seconds FROM sealed_usage WHERE period IS NOT NULL AND NOT late
        ) known GROUP BY subscription_id, period
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
_DAYS: Final = """
    SELECT format('%s, period %s: %s s of %s calls in the rollup, %s s of %s in its days', subscription_id, period,
                  r.seconds, r.calls, coalesce(d.seconds, 0), coalesce(d.calls, 0))
    FROM usage_rollups r LEFT JOIN (
        SELECT subscription_id, period, sum(seconds) AS seconds, sum(calls) AS calls FROM usage_days
        GROUP BY subscription_id, period
    ) d USING (subscription_id, period)
    WHERE r.seconds <> coalesce(d.seconds, 0) OR r.calls <> coalesce(d.calls, 0) ORDER BY subscription_id, period
"""
# Of a day from which something was retired, only the sum over its period can be held against the calls.
_EACH_DAY: Final = (
    _COUNTED
    + """
    SELECT format('%s, period %s, %s: %s s of %s calls in the day''s rollup, %s s of %s in the calls', subscription_id,
                  period, day, coalesce(d.seconds, 0), coalesce(d.calls, 0), coalesce(t.seconds, 0),
                  coalesce(t.calls, 0))
    FROM (SELECT * FROM usage_days WHERE calls > 0 OR seconds <> 0) d FULL JOIN (
        SELECT told.subscription_id, told.period, (told.started_at AT TIME ZONE s.zone)::date AS day,
               sum(told.seconds) AS seconds, count(*) AS calls
        FROM told JOIN subscriptions s ON s.id = told.subscription_id GROUP BY 1, 2, 3
    ) t USING (subscription_id, period, day)
    WHERE (coalesce(d.seconds, 0) <> coalesce(t.seconds, 0) OR coalesce(d.calls, 0) <> coalesce(t.calls, 0))
    AND NOT EXISTS (
        SELECT FROM sealed_usage x WHERE (x.subscription_id, x.period) = (d.subscription_id, d.period) AND NOT x.late
    ) ORDER BY 1
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
        FROM late_entries e WHERE EXISTS (
            SELECT FROM calls c WHERE (c.agency_id, c.call_id) = (e.agency_id, e.call_id)
        )
    )
    SELECT format('%s, period %s: %s s came late with call %s %s, %s s are entered', subscription_id, period,
                  coalesce(seconds, 0), call_id, correction_id, coalesce(entered_seconds, 0))
    FROM late FULL JOIN entered USING (agency_id, call_id, correction_id, subscription_id, period)
    WHERE seconds IS NULL OR entered_seconds <> seconds OR (entered_seconds IS NULL AND owed) ORDER BY 1
"""
_SEALED_LATE: Final = """
    SELECT format('%s, period %s: %s s came late with calls that are retired, %s s are entered', subscription_id,
                  period, coalesce(sealed.seconds, 0), coalesce(entered.seconds, 0))
    FROM (
        SELECT subscription_id, period, sum(seconds) AS seconds FROM sealed_usage WHERE late
        GROUP BY subscription_id, period
    ) sealed FULL JOIN (
        SELECT subscription_id, period, sum(seconds) AS seconds FROM late_entries e
        WHERE correction_id IS NULL AND NOT EXISTS (
            SELECT FROM calls c WHERE (c.agency_id, c.call_id) = (e.agency_id, e.call_id)
        ) GROUP BY subscription_id, period
    ) entered USING (subscription_id, period)
    WHERE coalesce(sealed.seconds, 0) <> coalesce(entered.seconds, 0) ORDER BY 1
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
    checks = (
        *(_CALLS_TWICE, _REPORTED, _CORRECTED, _MISPLACED, _NO_TRIAL, _ROLLUPS, _DAYS, _EACH_DAY, _FROZEN),
        *(_LATE, _SEALED_LATE, _SETTLED),
    )
    return Compared("I4", told, (*await sentences(connection, *checks), *await untold(connection)))
