"""The rows of periods, which hold calls (billing-rules 4), as the subscription's state has them.

`periods` rows are made ahead of their closing, by the same arithmetic by which the workflow will close them, so that
calls find their period while the worker is away. When service takes another turn (a cancellation, a pause, a new
anchor) the rows that are not frozen follow it, and the calls follow the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from adapters.postgres.moving import latest_call, move_calls, round_calls
from adapters.postgres.pool import Connection
from adapters.postgres.rollups import metered, tell
from billing import trials
from billing.periods import boundary
from billing.prorating import terms_in
from billing.service import closing
from billing.state import Period, State, Status


@dataclass(frozen=True)
class RowTerms:
    """By what a period's row has its calls rounded and priced."""

    increment: int
    included_seconds: int
    rate: Decimal


def coming(state: State, until: datetime) -> Iterator[Period]:
    """The periods that are not closed, from the oldest to the one that holds `until` or is the last."""
    while state.period and state.anchor and (due := closing(state)):
        end, last = due
        yield replace(state.period, end=end)
        if last or end > until:
            return
        number, index = state.period.number + 1, state.period.index + 1
        following = Period(number, index, end, boundary(state.anchor, state.zone, index + 1))
        state = replace(state, period=following)


async def align(connection: Connection, old: State | None, new: State) -> None:
    """Let the periods follow the state, and the calls the periods. The client's books are locked."""
    if old is not None and _shape(old) == _shape(new):
        return
    latest = await latest_call(connection, new.client)
    await write_periods(connection, new, max(new.clock, latest) if latest else new.clock)
    if old is not None and old.spend_cap != new.spend_cap:
        await _follow_cap(connection, old, new)
    instants = (at for state in (old, new) if state for at in (_begins(state), state.ended_at) if at)
    since = min(instants, default=None)
    if since:
        await move_calls(connection, new.client, since, new.clock)


def _begins(state: State) -> datetime | None:
    """Where what is not closed begins: the trial, while it lasts, or the oldest period."""
    if state.trial and state.status is Status.TRIALING:
        return state.trial.start
    return state.period.start if state.period else None


async def _follow_cap(connection: Connection, old: State, new: State) -> None:
    """Tell it at once when usage stands at a cap that was just set."""
    periods = await connection.fetch(
        "SELECT number FROM periods WHERE subscription_id = $1 AND frozen_at IS NULL ORDER BY number", new.id
    )
    for row in periods:
        now = await metered(connection, new.id, row["number"])
        if now:
            await tell(connection, replace(now.meter, cap=old.spend_cap), now, new.clock)


def _shape(state: State) -> tuple[object, ...]:
    """What periods are computed from, and what their usage is held against."""
    changed = state.terms, state.segments, state.changes, trials.span(state)
    ended = state.status is Status.CANCELLED
    return state.anchor, state.period, state.ending, ended, state.spend_cap, *changed


async def write_periods(connection: Connection, state: State, until: datetime) -> None:
    """Make the rows of the periods that are not frozen what the state says, up to the one that holds `until`."""
    periods = list(coming(state, until))
    known = await _known_terms(connection, state)
    # Rows that go, or move, go first: the new ones may not overlap what they replace.
    await connection.execute(
        """
        DELETE FROM periods p WHERE p.subscription_id = $1 AND p.frozen_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM unnest($2::integer[], $3::timestamptz[], $4::timestamptz[])
                AS kept (number, starts_at, ends_at)
            WHERE (kept.number, kept.starts_at, kept.ends_at) = (p.number, p.starts_at, p.ends_at)
        )
        """,
        state.id,
        [p.number for p in periods],
        [p.start for p in periods],
        [p.end for p in periods],
    )
    await insert_periods(connection, state, periods)
    await _renew_terms(connection, state, periods, known)


async def _known_terms(connection: Connection, state: State) -> dict[int, RowTerms]:
    """By what the calls of the periods that are not frozen have been counted so far, by number."""
    rows = await connection.fetch(
        "SELECT number, call_increment_seconds, included_seconds, rate FROM periods "
        "WHERE subscription_id = $1 AND frozen_at IS NULL",
        state.id,
    )
    return {number: RowTerms(*terms) for number, *terms in rows}


async def _renew_terms(
    connection: Connection, state: State, periods: Sequence[Period], known: Mapping[int, RowTerms]
) -> None:
    """Rows that are there take over terms that changed."""
    own = {period.number: terms_in(state, period) for period in periods if period.number in known}
    await connection.executemany(
        """
        UPDATE periods SET included_seconds = $3, rate = $4, call_increment_seconds = $5
        WHERE (subscription_id, number) = ($1, $2) AND frozen_at IS NULL
        AND (included_seconds, rate, call_increment_seconds) IS DISTINCT FROM ($3, $4, $5)
        """,
        [
            (state.id, number, terms.included_seconds, terms.rate, terms.terms.call_increment_seconds)
            for number, terms in own.items()
        ],
    )
    for period in periods:
        if period.number in known:
            await follow_terms(connection, state, period, known[period.number], state.clock)


async def follow_terms(connection: Connection, state: State, period: Period, known: RowTerms, at: datetime) -> None:
    """The period's row had the terms `known` and has those of the state: if they differ, round its calls again, and
    tell the levels that its usage reaches by them."""
    terms = terms_in(state, period)
    own = RowTerms(terms.terms.call_increment_seconds, terms.included_seconds, terms.rate)
    if own == known:
        return
    before = await metered(connection, state.id, period.number)
    if own.increment != known.increment:
        await round_calls(connection, state, period.number, own.increment)
    after = await metered(connection, state.id, period.number)
    if before and after:
        earlier = replace(before.meter, included_seconds=known.included_seconds, rate=known.rate)
        await tell(connection, earlier, after, at)


async def insert_periods(connection: Connection, state: State, periods: Iterable[Period]) -> None:
    """Enter the rows that are missing, each at its own terms."""
    rows = [(period, terms_in(state, period)) for period in periods]
    await connection.executemany(
        """
        INSERT INTO periods (subscription_id, number, agency_id, client_id, starts_at, ends_at, status, currency,
                             included_seconds, rate, call_increment_seconds)
        VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10) ON CONFLICT DO NOTHING
        """,
        [
            (
                state.id,
                period.number,
                state.agency,
                state.client,
                period.start,
                period.end,
                own.terms.currency,
                own.included_seconds,
                own.rate,
                own.terms.call_increment_seconds,
            )
            for period, own in rows
        ],
    )
