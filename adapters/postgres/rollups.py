"""What a period's usage has come to, and who is told when it reaches a level or the spend cap (billing-rules 4 and 9).

Whoever moves a rollup holds its row until the commit, and is told what it came to by the statement that moved it. So
every move begins where the one before it ended: a level is crossed by exactly one, which tells it in its own
transaction. A level is told once per period by its key, also when it is crossed again after a correction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from adapters.postgres import trail
from adapters.postgres.codec import decode_state
from adapters.postgres.pool import Connection
from billing.metering import Meter, crossings
from billing.notices import spoken
from billing.plans import CapAction, SpendCap


@dataclass(frozen=True)
class Metered:
    """A period's meter as it stands, and the levels of its agency, in percent."""

    subscription: str
    meter: Meter
    levels: tuple[int, ...]


_METER: Final = """
    p.subscription_id, a.usage_alert_percents, p.number, p.ends_at, p.included_seconds, p.rate, p.currency,
    CASE WHEN p.ends_at > s.cap_since THEN s.cap_amount END, s.cap_action
"""
"""A cap holds for the period in which it was set, and not for one that was over."""
_ROLLED: Final = f"""
    WITH given (subscription_id, period, seconds, calls) AS (
        SELECT * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[])
    ), rolled AS (%s RETURNING known.subscription_id, known.period, known.seconds)
    SELECT {_METER}, rolled.seconds, given.seconds AS added
    FROM rolled JOIN given USING (subscription_id, period)
    JOIN periods p ON (p.subscription_id, p.number) = (rolled.subscription_id, rolled.period)
    JOIN subscriptions s ON s.id = p.subscription_id
    JOIN agencies a ON a.id = p.agency_id
"""
_ADD: Final = (
    _ROLLED
    % """
        INSERT INTO usage_rollups AS known (agency_id, subscription_id, period, seconds, calls)
        SELECT $1, * FROM given
        ON CONFLICT (subscription_id, period)
        DO UPDATE SET seconds = known.seconds + excluded.seconds, calls = known.calls + excluded.calls
    """
)
_TAKE: Final = (
    _ROLLED
    % """
        UPDATE usage_rollups known SET seconds = known.seconds + given.seconds, calls = known.calls + given.calls
        FROM given WHERE known.agency_id = $1
        AND (known.subscription_id, known.period) = (given.subscription_id, given.period)
    """
)


async def roll_up(
    connection: Connection, agency: str, shifts: Mapping[tuple[str, int], tuple[int, int]], at: datetime
) -> dict[tuple[str, int], Meter]:
    """Add (seconds, calls) to the rollups of (subscription, period); in order, so that nobody waits in a circle.

    Returns what they come to: the periods' own, until the commit. Only who holds the client's books alone takes calls
    away, and only from a rollup that has them: an upsert would have to propose a row with fewer than no calls, which
    the table refuses.
    """
    ordered = [(*period, *shift) for period, shift in sorted(shifts.items())]
    meters: dict[tuple[str, int], Meter] = {}
    for statement, moved in (
        (_TAKE, [shift for shift in ordered if shift[-1] < 0]),
        (_ADD, [shift for shift in ordered if shift[-1] >= 0]),
    ):
        if not moved:
            continue
        rows = await connection.fetch(statement, agency, *([shift[column] for shift in moved] for column in range(4)))
        for *reading, added in rows:
            after = _metered(*reading)
            await tell(connection, replace(after.meter, seconds=after.meter.seconds - added), after, at)
            meters[after.subscription, after.meter.number] = after.meter
    return meters


async def metered(connection: Connection, subscription: str, period: int) -> Metered | None:
    """A period as it stands; none when the books have no such period."""
    row = await connection.fetchrow(
        f"""
        SELECT {_METER}, coalesce(r.seconds, 0) FROM periods p
        JOIN subscriptions s ON s.id = p.subscription_id
        JOIN agencies a ON a.id = p.agency_id
        LEFT JOIN usage_rollups r ON (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE (p.subscription_id, p.number) = ($1, $2)
        """,
        subscription,
        period,
    )
    return _metered(*row) if row else None


def _metered(subscription: str, levels: Sequence[int], *reading: Any) -> Metered:
    return Metered(subscription, meter(*reading), tuple(levels))


def meter(
    number: int,
    end: datetime,
    included: int,
    rate: Decimal,
    currency: str,
    cap_amount: int | None,
    cap_action: str | None,
    seconds: int,
) -> Meter:
    """As the books have it, column by column."""
    cap = None if cap_amount is None or cap_action is None else SpendCap(cap_amount, CapAction(cap_action))
    return Meter(number, end, seconds, included, rate, currency, cap)


async def tell(connection: Connection, before: Meter, after: Metered, at: datetime) -> None:
    """Tell what was crossed on the way from one reading to the other; most moves cross nothing."""
    told = crossings(before, after.meter, after.levels, at)
    if told:
        stored = await connection.fetchval("SELECT state FROM subscriptions WHERE id = $1", after.subscription)
        state = decode_state(stored)
        await trail.tell(connection, state, spoken(told, state, at))
