"""Whether what usage has reached was told (billing-rules 9): a part of I4, whose rollups the messages follow from."""

from typing import Final

from adapters.postgres.compared import sentences
from adapters.postgres.pool import Connection

# A period that began before the levels were what they are may have crossed some of them when they were none.
_UNTOLD: Final = """
    SELECT format('%s, period %s: %s s of %s s included are used, and %s %% was never told', p.subscription_id,
                  p.number, r.seconds, p.included_seconds, level)
    FROM usage_rollups r
    JOIN periods p ON (p.subscription_id, p.number) = (r.subscription_id, r.period)
    JOIN agencies a ON a.id = p.agency_id
    CROSS JOIN LATERAL unnest(a.usage_alert_percents) AS level
    WHERE p.included_seconds > 0 AND 100 * r.seconds >= level * p.included_seconds
    AND (a.usage_levels_since IS NULL OR p.starts_at >= a.usage_levels_since)
    AND NOT EXISTS (
        SELECT FROM notifications n WHERE n.agency_id = p.agency_id AND n.audience = 'agency'
        AND n.dedupe_key = format('%s:usage:%s:%s', p.subscription_id, p.number, level)
    ) ORDER BY p.subscription_id, p.number, level
"""


async def untold(connection: Connection) -> tuple[str, ...]:
    """Every level that a period's usage stands at and that nobody was told of. Once is their unique key's."""
    return await sentences(connection, _UNTOLD)
