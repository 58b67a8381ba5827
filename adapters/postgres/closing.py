"""Closing a period in the books: its usage frozen, then priced; and what comes to it afterwards (billing-rules 4)."""

from datetime import datetime
from typing import Final

from adapters.postgres.locks import lock_client, lock_client_of
from adapters.postgres.moving import move_calls
from adapters.postgres.placing import RowTerms, follow_terms, insert_periods
from adapters.postgres.pool import Connection
from billing.ledger import LateEntries
from billing.prorating import PeriodTerms, terms_in
from billing.review import Past
from billing.state import Period, State


class PeriodRefused(Exception):
    """The period overlaps one that is frozen already: the rules and the books disagree."""


async def freeze_usage(
    connection: Connection, state: State, number: int, start: datetime, end: datetime, at: datetime
) -> int:
    """Billed seconds of the period at the state's terms, which no call changes from here on. Repeatable: frozen is
    frozen.

    The period is exactly [start, end) before it is frozen: calls that were put elsewhere, because the projection was
    behind or a boundary moved, are taken in or let go. Reports of calls wait for the client's lock meanwhile, so a call
    is either counted here or finds the period frozen.
    """
    subscription, client = state.id, state.client
    await lock_client(connection, client)
    known: int | None = await connection.fetchval(
        "SELECT seconds FROM periods WHERE (subscription_id, number) = ($1, $2)", subscription, number
    )
    if known is not None:
        return known
    await _set_bounds(connection, state, Period(number, 0, start, end), at)
    await move_calls(connection, client, start, at)
    frozen: int | None = await connection.fetchval(
        """
        UPDATE periods SET frozen_at = $3, seconds = coalesce(
            (SELECT r.seconds FROM usage_rollups r WHERE (r.subscription_id, r.period) = ($1, $2)), 0
        )
        WHERE (subscription_id, number) = ($1, $2) RETURNING seconds
        """,
        subscription,
        number,
        at,
    )
    if frozen is None:
        raise PeriodRefused(f"{subscription}: period {number} [{start}, {end}) overlaps a frozen one")
    return frozen


async def _set_bounds(connection: Connection, state: State, period: Period, at: datetime) -> None:
    """The row as the workflow's state has it: the projection may be behind, also by a change of the plan."""
    removed = await connection.fetch(
        """
        DELETE FROM periods WHERE subscription_id = $1 AND frozen_at IS NULL
        AND (number = $2 OR tstzrange(starts_at, ends_at) && tstzrange($3, $4))
        RETURNING number, call_increment_seconds, included_seconds, rate
        """,
        state.id,
        period.number,
        period.start,
        period.end,
    )
    await insert_periods(connection, state, [period])
    for number, *terms in removed:
        if number == period.number:
            await follow_terms(connection, state, period, RowTerms(*terms), at)


async def close_period(
    connection: Connection, state: State, number: int, seconds: int, overage: int, at: datetime
) -> None:
    """Close the frozen period at the terms it was billed by; a closed one stays as it is."""
    own = terms_in(state, state.period) if state.period else PeriodTerms(state.terms, state.terms.included_minutes)
    await lock_client(connection, state.client)
    await connection.execute(
        """
        UPDATE periods SET status = 'closed', closed_at = $3, overage = $4, currency = $5, included_seconds = $6,
                           rate = $7, call_increment_seconds = $8, seconds = $9
        WHERE (subscription_id, number) = ($1, $2) AND status = 'open'
        """,
        state.id,
        number,
        at,
        overage,
        state.terms.currency,
        own.included_seconds,
        own.rate,
        state.terms.call_increment_seconds,
        seconds,
    )


async def closed_before(connection: Connection, subscription: str, number: int, limit: int) -> tuple[Past, ...]:
    """The periods closed before this one, at most so many, the newest first."""
    rows = await connection.fetch(
        "SELECT overage, closed_at FROM periods WHERE subscription_id = $1 AND number < $2 AND status = 'closed' "
        "ORDER BY number DESC LIMIT $3",
        subscription,
        number,
        limit,
    )
    return tuple(Past(**row) for row in rows)


_LATE: Final = """
    SELECT array_agg(e.id ORDER BY e.id) AS ids, e.correction_id IS NOT NULL AS correction, e.period,
           p.starts_at, p.ends_at, p.seconds AS closed_seconds, p.settled_late_seconds,
           sum(e.seconds)::bigint AS entry_seconds, p.included_seconds, p.rate
    FROM late_entries e JOIN periods p ON (p.subscription_id, p.number) = (e.subscription_id, e.period)
    WHERE e.subscription_id = $1 AND e.settled_by IS NULL AND p.status = 'closed'
    GROUP BY p.subscription_id, p.number, e.period, e.correction_id IS NOT NULL
    ORDER BY e.period, e.correction_id IS NOT NULL
"""


async def late_entries(connection: Connection, subscription: str) -> tuple[LateEntries, ...]:
    """What is not settled yet, as `unsettled` has it. None is added until the commit."""
    await lock_client_of(connection, subscription)
    return await unsettled(connection, subscription)


async def unsettled(connection: Connection, subscription: str) -> tuple[LateEntries, ...]:
    """What is not settled by an invoice, a period's late calls before its corrections."""
    groups: list[LateEntries] = []
    ahead: dict[int, int] = {}
    for row in await connection.fetch(_LATE, subscription):
        period, seconds = row["period"], row["entry_seconds"]
        groups.append(
            LateEntries(
                ids=tuple(row["ids"]),
                correction=row["correction"],
                period=period,
                start=row["starts_at"],
                end=row["ends_at"],
                closed_seconds=row["closed_seconds"],
                settled_seconds=row["settled_late_seconds"] + ahead.get(period, 0),
                entry_seconds=seconds,
                included_seconds=row["included_seconds"],
                rate=row["rate"],
            )
        )
        ahead[period] = ahead.get(period, 0) + seconds
    return tuple(groups)
