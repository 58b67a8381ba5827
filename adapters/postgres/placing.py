"""Which period holds a call (billing-rules 4): by the call's start alone, from what the subscription's state knows.

`periods` rows are made ahead of their closing, by the same arithmetic by which the workflow will close them, so that
calls find their period while the worker is away. When service takes another turn (a cancellation, a pause, a new
anchor) the rows that are not frozen follow it, and the calls follow the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.postgres.pool import Connection
from adapters.postgres.rollups import meter, metered, roll_up, tell
from billing import trials
from billing.metering import Meter
from billing.periods import boundary
from billing.prorating import terms_in
from billing.service import closing
from billing.state import Period, State, Status
from billing.usage import Outcome, Unbilled, billed_seconds

UNBILLED_INCREMENT = 1
"""A call that belongs to no period is counted as long as it was: nothing is rounded where nothing is billed."""


@dataclass(frozen=True)
class Window:
    """A period of a client, or its trial, as calls see it. Frozen: what comes now is late."""

    subscription: str
    number: int
    start: datetime
    end: datetime
    frozen: bool
    increment: int
    cancelled: bool
    last: bool
    """The newest period of its subscription."""
    meter: Meter

    @property
    def trial(self) -> bool:
        """Whether it is no period, but the trial before the first one, which bills nothing."""
        return self.number == 0


@dataclass(frozen=True)
class RowTerms:
    """By what a period's row has its calls rounded and priced."""

    increment: int
    included_seconds: int
    rate: Decimal


def window_of(windows: Sequence[Window], at: datetime) -> Window | None:
    """The client's period that holds the instant; the older one, should two subscriptions claim it."""
    return next((w for w in windows if w.start <= at < w.end and not w.trial), None)


def unbilled_at(windows: Sequence[Window], at: datetime) -> Unbilled:
    """Why a call at an instant that no period holds is not billed (billing-rules 4)."""
    if any(w.trial and w.start <= at < w.end for w in windows):
        return Unbilled.TRIAL
    before = [w for w in windows if w.end <= at]
    if not before:
        return Unbilled.NO_SUBSCRIPTION
    latest = max(before, key=lambda w: w.end)
    return Unbilled.ENDED if latest.cancelled and latest.last else Unbilled.PAUSED


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


async def windows_of(connection: Connection, clients: Sequence[str], since: datetime) -> dict[str, list[Window]]:
    """The trials of each client, its periods that end after `since`, and the one before them, oldest first. Only where
    there is a cap does the meter know the usage so far."""
    rows = await connection.fetch(
        """
        SELECT p.client_id, p.subscription_id, p.number, p.starts_at, p.ends_at, p.frozen_at IS NOT NULL AS frozen,
               p.call_increment_seconds, s.status = 'cancelled' AS cancelled,
               p.number = max(p.number) OVER (PARTITION BY p.subscription_id) AS last,
               p.included_seconds, p.rate, p.currency, s.cap_amount, s.cap_action, coalesce(r.seconds, 0)
        FROM periods p JOIN subscriptions s ON s.id = p.subscription_id
        LEFT JOIN usage_rollups r ON s.cap_amount IS NOT NULL
            AND (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE p.client_id = ANY ($1::text[]) AND (p.ends_at > $2 OR p.ends_at = (
            SELECT max(older.ends_at) FROM periods older
            WHERE older.client_id = p.client_id AND older.ends_at <= $2
        ))
        UNION ALL
        SELECT s.client_id, s.id, 0, s.trial_start, s.trial_end, false, 1, s.status = 'cancelled',
               NOT EXISTS (SELECT FROM periods p WHERE p.subscription_id = s.id), 0, 0, v.currency, NULL, NULL, 0
        FROM subscriptions s JOIN plan_versions v ON (v.plan_id, v.version) = (s.plan_id, s.plan_version)
        WHERE s.client_id = ANY ($1::text[]) AND s.trial_start < s.trial_end
        ORDER BY starts_at, subscription_id
        """,
        clients,
        since,
    )
    windows: dict[str, list[Window]] = {client: [] for client in clients}
    for row in rows:
        client, subscription, number, start, end, frozen, increment, cancelled, last, *terms = row
        stood = meter(number, end, *terms)
        windows[client].append(Window(subscription, number, start, end, frozen, increment, cancelled, last, stood))
    return windows


async def align(connection: Connection, old: State | None, new: State) -> None:
    """Let the periods follow the state, and the calls the periods. The client's books are locked."""
    if old is not None and _shape(old) == _shape(new):
        return
    latest = await connection.fetchval("SELECT max(started_at) FROM calls WHERE client_id = $1", new.client)
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


async def round_calls(connection: Connection, state: State, number: int, increment: int) -> None:
    """Round the period's calls to another increment: a change of the plan holds for the whole period."""
    calls = await connection.fetch(
        """
        SELECT agency_id, call_id, duration_seconds, outcome, billed_seconds, corrected_seconds FROM calls
        WHERE (subscription_id, period) = ($1, $2) AND NOT late ORDER BY call_id
        """,
        state.id,
        number,
    )
    renewed = [(call, rounded(call, increment)) for call in calls]
    await connection.executemany(
        "UPDATE calls SET billed_seconds = $3 WHERE (agency_id, call_id) = ($1, $2)",
        [(call["agency_id"], call["call_id"], billed) for call, billed in renewed if billed != call["billed_seconds"]],
    )
    await connection.execute(
        "UPDATE usage_rollups SET seconds = seconds + $3 WHERE (subscription_id, period) = ($1, $2)",
        state.id,
        number,
        sum(billed - call["billed_seconds"] for call, billed in renewed),
    )


def rounded(call: Any, increment: int) -> int:
    """A call's billed seconds. Its corrections were held against what was billed then: they may not take it below zero
    now."""
    corrected: int = call["corrected_seconds"]
    return max(billed_seconds(call["duration_seconds"], Outcome(call["outcome"]), increment), -corrected)


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


async def move_calls(connection: Connection, client: str, since: datetime, at: datetime) -> None:
    """Put every call of the client that started at `since` or later into the period that holds it, as of `at`.

    What no period holds gets the reason that is true now. Calls of frozen periods stay where they are, late ones too.
    The client's books are locked.
    """
    misplaced = await connection.fetch(
        """
        SELECT c.agency_id, c.call_id, c.started_at, c.duration_seconds, c.outcome, c.billed_seconds,
               c.corrected_seconds, c.subscription_id, c.period
        FROM calls c
        LEFT JOIN LATERAL (
            SELECT p.subscription_id, p.number FROM periods p
            WHERE p.client_id = c.client_id AND p.frozen_at IS NULL
            AND p.starts_at <= c.started_at AND c.started_at < p.ends_at
            ORDER BY p.starts_at, p.subscription_id LIMIT 1
        ) holder ON true
        WHERE c.client_id = $1 AND c.started_at >= $2 AND NOT c.late
        AND (c.period IS NULL OR (holder.subscription_id, holder.number) IS DISTINCT FROM (c.subscription_id, c.period))
        AND NOT EXISTS (
            SELECT 1 FROM periods own
            WHERE (own.subscription_id, own.number) = (c.subscription_id, c.period) AND own.frozen_at IS NOT NULL
        )
        ORDER BY c.call_id
        """,
        client,
        since,
    )
    if not misplaced:
        return
    await _rewrite(connection, misplaced, (await windows_of(connection, [client], since))[client], at)


async def _rewrite(connection: Connection, calls: Sequence[Any], windows: Sequence[Window], at: datetime) -> None:
    moves: list[tuple[str, str, str | None, int | None, str | None, int]] = []
    shifts: dict[tuple[str, int], tuple[int, int]] = {}
    unfrozen = [w for w in windows if not w.frozen]
    for call in calls:
        window = window_of(unfrozen, call["started_at"])
        increment = window.increment if window else UNBILLED_INCREMENT
        billed = rounded(call, increment)
        if call["period"] is not None:
            _shift(
                shifts, (call["subscription_id"], call["period"]), call["billed_seconds"], call["corrected_seconds"], -1
            )
        if window:
            _shift(shifts, (window.subscription, window.number), billed, call["corrected_seconds"], 1)
            moves.append((call["agency_id"], call["call_id"], window.subscription, window.number, None, billed))
        elif call["period"] is not None or window_of(windows, call["started_at"]) is None:
            reason = unbilled_at(windows, call["started_at"]).value
            moves.append((call["agency_id"], call["call_id"], None, None, reason, billed))
    await connection.executemany(
        "UPDATE calls SET subscription_id = $3, period = $4, unbilled = $5, billed_seconds = $6 "
        "WHERE (agency_id, call_id) = ($1, $2)",
        moves,
    )
    await roll_up(connection, calls[0]["agency_id"], shifts, at)


def _shift(
    shifts: dict[tuple[str, int], tuple[int, int]], period: tuple[str, int], billed: int, corrected: int, sign: int
) -> None:
    seconds, calls = shifts.get(period, (0, 0))
    shifts[period] = (seconds + sign * (billed + corrected), calls + sign)
