"""What a period's usage has come to, and who is told when it reaches a level or the spend cap (billing-rules 4 and 9).

Whoever moves a rollup holds its row until the commit, and is told what it came to by the statement that moved it. So
every move begins where the one before it ended: a level is crossed by exactly one, which tells it in its own
transaction. A level is told once per period by its key, also when it is crossed again after a correction.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from asyncpg import CheckViolationError

from adapters.postgres import trail
from adapters.postgres.calls import Details, MonthMissing
from adapters.postgres.codec import decode_state
from adapters.postgres.pool import Connection
from billing.metering import Meter, crossings
from billing.notices import spoken
from billing.plans import CapAction, SpendCap


class Metered(NamedTuple):
    """A period's meter as it stands, and the levels of its agency, in percent."""

    subscription: str
    meter: Meter
    levels: tuple[int, ...]

    def at(self, seconds: int) -> "Metered":
        """The same period when it has come to so many seconds."""
        return Metered(self.subscription, replace(self.meter, seconds=seconds), self.levels)


METER: Final = """
    p.subscription_id, a.usage_alert_percents, p.number, p.ends_at, p.included_seconds, p.rate, p.currency,
    CASE WHEN p.ends_at > s.cap_since THEN s.cap_amount END, s.cap_action
"""
"""With the seconds after it, what `as_metered` takes. A cap holds for the period in which it was set, and not for one
that was over."""


def _moving(periods: str, days: str, more: str = "") -> str:
    """How a statement begins that moves the rollups of periods, then those of their days, and goes on to say what the
    periods come to by it."""
    return f"""
        WITH given (subscription_id, period, day, seconds, calls) AS (
            SELECT * FROM unnest($2::text[], $3::integer[], $4::date[], $5::bigint[], $6::bigint[])
        ), moved AS (
            SELECT subscription_id, period, sum(seconds)::bigint AS seconds, sum(calls)::bigint AS calls
            FROM given GROUP BY subscription_id, period ORDER BY subscription_id, period
        ), rolled AS ({periods} RETURNING known.subscription_id, known.period, known.seconds), days AS ({days}){more}
    """


_RAISED: Final = (
    """
        INSERT INTO usage_rollups AS known (agency_id, subscription_id, period, seconds, calls)
        SELECT $1, * FROM moved
        ON CONFLICT (subscription_id, period)
        DO UPDATE SET seconds = known.seconds + excluded.seconds, calls = known.calls + excluded.calls
    """,
    """
        INSERT INTO usage_days AS known (agency_id, subscription_id, period, day, seconds, calls)
        SELECT $1, * FROM given
        ON CONFLICT (subscription_id, period, day)
        DO UPDATE SET seconds = known.seconds + excluded.seconds, calls = known.calls + excluded.calls
    """,
)
_LOWERED: Final = (
    """
        UPDATE usage_rollups known SET seconds = known.seconds + moved.seconds, calls = known.calls + moved.calls
        FROM moved WHERE known.agency_id = $1
        AND (known.subscription_id, known.period) = (moved.subscription_id, moved.period)
    """,
    """
        UPDATE usage_days known SET seconds = known.seconds + given.seconds, calls = known.calls + given.calls
        FROM given WHERE known.agency_id = $1
        AND (known.subscription_id, known.period, known.day) = (given.subscription_id, given.period, given.day)
    """,
)
_DETAILS: Final = """, details AS (
        INSERT INTO call_details (agency_id, received_at, client_id, day, calls)
        SELECT $1, $7, * FROM unnest($8::text[], $9::date[], $10::text[])
    )
"""
_WITH_METERS: Final = f"""
        SELECT {METER}, rolled.seconds, moved.seconds AS added
        FROM rolled JOIN moved USING (subscription_id, period)
        JOIN periods p ON (p.subscription_id, p.number) = (rolled.subscription_id, rolled.period)
        JOIN subscriptions s ON s.id = p.subscription_id
        JOIN agencies a ON a.id = p.agency_id
"""
_RAISE: Final = _moving(*_RAISED) + _WITH_METERS
_LOWER: Final = _moving(*_LOWERED) + _WITH_METERS
_RAISE_BY_NEW_CALLS: Final = _moving(*_RAISED, _DETAILS) + "SELECT subscription_id, period, seconds FROM rolled"
"""Who reports calls knows the periods already: to read them once more would be a fifth of the statement."""

Shift: TypeAlias = tuple[str, int, date, int, int]
"""Subscription, period, day, billed seconds, calls."""


class Shifts:
    """What is to be added to the rollups: billed seconds and calls of (subscription, period, day)."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, int, date], tuple[int, int]] = {}

    def add(self, subscription: str, period: int, day: date, seconds: int, calls: int = 0) -> None:
        place = (subscription, period, day)
        known_seconds, known_calls = self._of.get(place, (0, 0))
        self._of[place] = (known_seconds + seconds, known_calls + calls)

    def of_periods(self) -> Counter[tuple[str, int]]:
        """The seconds alone."""
        seconds: Counter[tuple[str, int]] = Counter()
        for (subscription, period, _), (added, _) in self._of.items():
            seconds[subscription, period] += added
        return seconds

    def in_order(self) -> list[Shift]:
        return [(*place, *shift) for place, shift in sorted(self._of.items())]


async def take_in(
    connection: Connection,
    agency: str,
    shifts: Shifts,
    details: Sequence[Details],
    stood: Mapping[tuple[str, int], Metered],
    at: datetime,
) -> dict[tuple[str, int], Meter]:
    """Keep the details of new calls, and roll them up by the same statement: what `roll_up` returns.

    `stood` has the periods as whoever holds their clients' books has read them; their seconds may have moved since.
    Raises MonthMissing.
    """
    columns = [list(column) for column in zip(*details, strict=True)]
    try:
        rows = await connection.fetch(_RAISE_BY_NEW_CALLS, agency, *_columns(shifts.in_order()), at, *columns)
    except CheckViolationError as error:
        if error.constraint_name:
            raise
        raise MonthMissing(row.day for row in details) from error
    added = shifts.of_periods()
    moved = [(stood[of, period].at(seconds), added[of, period]) for of, period, seconds in rows]
    return await _told(connection, moved, at)


async def roll_up(connection: Connection, agency: str, shifts: Shifts, at: datetime) -> dict[tuple[str, int], Meter]:
    """Add to the rollups of periods and of their days, and tell what the periods' reach by it.

    Returns what the periods come to: the caller's own, until the commit. A trial's rollup has no meter.
    """
    return await _told(connection, await apply_shifts(connection, agency, shifts), at)


async def apply_shifts(connection: Connection, agency: str, shifts: Shifts) -> list[tuple[Metered, int]]:
    """Add to the rollups. Each period as it stands then, and the seconds that were added.

    Only who holds the client's books alone takes calls away, and only from a rollup that has them: an upsert would have
    to propose a row with fewer than no calls, which the tables refuse.
    """
    ordered = shifts.in_order()
    fewer, more = [s for s in ordered if s[-1] < 0], [s for s in ordered if s[-1] >= 0]
    return [
        one
        for statement, given in ((_LOWER, fewer), (_RAISE, more))
        if given
        for one in await _moved(connection, statement, agency, given)
    ]


async def _moved(
    connection: Connection, statement: str, agency: str, shifts: Sequence[Shift]
) -> list[tuple[Metered, int]]:
    rows = await connection.fetch(statement, agency, *_columns(shifts))
    return [(as_metered(*reading), added) for *reading, added in rows]


def _columns(shifts: Sequence[Shift]) -> Iterator[list[object]]:
    """In the order of their keys, so that nobody waits in a circle; the row of a period guards those of its days."""
    return ([shift[column] for shift in shifts] for column in range(5))


async def _told(
    connection: Connection, moved: Sequence[tuple[Metered, int]], at: datetime
) -> dict[tuple[str, int], Meter]:
    for after, added in moved:
        await tell(connection, replace(after.meter, seconds=after.meter.seconds - added), after, at)
    return {(after.subscription, after.meter.number): after.meter for after, _ in moved}


async def metered(connection: Connection, subscription: str, period: int) -> Metered | None:
    """A period as it stands; none when the books have no such period."""
    row = await connection.fetchrow(
        f"""
        SELECT {METER}, coalesce(r.seconds, 0) FROM periods p
        JOIN subscriptions s ON s.id = p.subscription_id
        JOIN agencies a ON a.id = p.agency_id
        LEFT JOIN usage_rollups r ON (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE (p.subscription_id, p.number) = ($1, $2)
        """,
        subscription,
        period,
    )
    return as_metered(*row) if row else None


def as_metered(subscription: str, levels: Sequence[int], *reading: Any) -> Metered:
    """As the books have it, column by column."""
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
