"""Whether what usage has reached was told (billing-rules 9): a part of I4, whose rollups the messages follow from."""

from collections.abc import AsyncIterator
from typing import Final

from adapters.postgres.compared import sentences
from adapters.postgres.pool import Connection
from adapters.postgres.rollups import meter

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


# A cap holds for the period in which it was set. Of one that is closed, what came after the closing is no usage.
_AT_A_CAP: Final = """
    SELECT p.subscription_id, p.number, p.ends_at, p.included_seconds, p.rate, p.currency, s.cap_amount, s.cap_action,
           r.seconds
    FROM subscriptions s
    JOIN periods p ON p.subscription_id = s.id AND p.ends_at > s.cap_since
    JOIN usage_rollups r ON (r.subscription_id, r.period) = (p.subscription_id, p.number)
    WHERE r.seconds >= p.included_seconds AND NOT EXISTS (
        SELECT FROM notifications n WHERE n.agency_id = p.agency_id AND n.audience = 'agency'
        AND n.dedupe_key = format('%s:cap:%s:%s', p.subscription_id, p.number, s.cap_amount)
    ) ORDER BY p.subscription_id, p.number
"""


async def untold(connection: Connection) -> tuple[str, ...]:
    """Every level and cap that a period's usage stands at and that nobody was told of. Once is their unique key's."""
    caps = [sentence async for sentence in _caps_untold(connection)]
    return (*await sentences(connection, _UNTOLD), *caps)


async def _caps_untold(connection: Connection) -> AsyncIterator[str]:
    async for subscription, *reading in connection.cursor(_AT_A_CAP):
        stands = meter(*reading)
        if stands.cap and stands.cap_reached:
            yield (
                f"{subscription}, period {stands.number}: overage of {stands.overage} has come to the cap of "
                f"{stands.cap.amount}, which was never told"
            )
