"""Moving calls to another period, or rounding them to another increment: keys and rollups change together.

The details, what was reported, do not change.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from adapters.postgres.pool import Connection
from adapters.postgres.rollups import Shifts, apply_shifts, roll_up
from adapters.postgres.windows import UNBILLED_INCREMENT, Window, trial_of, unbilled_at, window_of, windows_of
from billing.days import local_day
from billing.state import State
from billing.usage import Outcome, billed_seconds

_CONTENT: Final = "r.duration_seconds, r.outcome, c.corrected_seconds"
_PLACE: Final = ("subscription_id", "period", "unbilled", "billed_seconds")
_IN_PERIOD: Final = """
    FROM periods p JOIN reported_calls r ON r.client_id = p.client_id
        AND r.day >= (p.starts_at AT TIME ZONE 'UTC')::date AND r.day <= (p.ends_at AT TIME ZONE 'UTC')::date
    JOIN calls c ON (c.agency_id, c.call_id) = (r.agency_id, r.call_id)
    WHERE (p.subscription_id, p.number) = ($1, $2) AND (c.subscription_id, c.period) = ($1, $2) AND NOT c.late
"""


async def latest_call(connection: Connection, client: str) -> datetime | None:
    """When the newest of the client's calls began."""
    latest: datetime | None = await connection.fetchval(
        """
        SELECT max(started_at) FROM reported_calls WHERE client_id = $1
        AND day = (SELECT max(day) FROM call_details WHERE client_id = $1)
        """,
        client,
    )
    return latest


async def round_calls(connection: Connection, state: State, number: int, increment: int) -> None:
    """Round the period's calls to another increment: a change of the plan holds for the whole period."""
    calls = await connection.fetch(
        f"""
        SELECT c.call_id, c.started_at, c.billed_seconds, {_CONTENT} {_IN_PERIOD} ORDER BY c.call_id
        """,
        state.id,
        number,
    )
    renewed = [(call, billed) for call in calls if (billed := rounded(call, increment)) != call["billed_seconds"]]
    await connection.execute(
        """
        UPDATE calls c SET billed_seconds = renewed.seconds
        FROM unnest($2::text[], $3::bigint[]) AS renewed (call_id, seconds)
        WHERE (c.agency_id, c.call_id) = ($1, renewed.call_id)
        """,
        state.agency,
        [call["call_id"] for call, _ in renewed],
        [billed for _, billed in renewed],
    )
    shifts = Shifts()
    for call, billed in renewed:
        day = local_day(state.zone, call["started_at"])
        shifts.add(state.id, number, day, billed - call["billed_seconds"])
    await apply_shifts(connection, state.agency, shifts)


async def seconds_at(connection: Connection, subscription: str, number: int, increment: int) -> int:
    """The period's billed seconds to date, if its calls were rounded to this increment."""
    rows = await connection.fetch(
        f"SELECT {_CONTENT}, count(*) AS calls {_IN_PERIOD} GROUP BY {_CONTENT}", subscription, number
    )
    return sum((rounded(row, increment) + row["corrected_seconds"]) * row["calls"] for row in rows)


def rounded(call: Any, increment: int) -> int:
    """A call's billed seconds. Its corrections were held against what was billed then: they may not take it below zero
    now."""
    corrected: int = call["corrected_seconds"]
    return max(billed_seconds(call["duration_seconds"], Outcome(call["outcome"]), increment), -corrected)


async def move_calls(connection: Connection, client: str, since: datetime, at: datetime) -> None:
    """Put every call of the client that started at `since` or later into the period that holds it, as of `at`.

    What no period holds gets the reason that is true now. Calls of frozen periods stay where they are, late ones too.
    The client's books are locked.
    """
    misplaced = await connection.fetch(
        """
        SELECT c.agency_id, c.call_id, c.started_at, r.duration_seconds, r.outcome, c.billed_seconds,
               c.corrected_seconds, c.subscription_id, c.period, c.unbilled, own.zone
        FROM reported_calls r JOIN calls c ON (c.agency_id, c.call_id) = (r.agency_id, r.call_id)
        LEFT JOIN subscriptions own ON own.id = c.subscription_id
        LEFT JOIN LATERAL (
            SELECT p.subscription_id, p.number FROM periods p
            WHERE p.client_id = c.client_id AND p.frozen_at IS NULL
            AND p.starts_at <= c.started_at AND c.started_at < p.ends_at
            ORDER BY p.starts_at, p.subscription_id LIMIT 1
        ) holder ON true
        WHERE r.client_id = $1 AND r.day >= ($2 AT TIME ZONE 'UTC')::date AND c.started_at >= $2 AND NOT c.late
        AND (c.unbilled IS NOT NULL
             OR (holder.subscription_id, holder.number) IS DISTINCT FROM (c.subscription_id, c.period))
        AND NOT EXISTS (
            SELECT 1 FROM periods frozen
            WHERE (frozen.subscription_id, frozen.number) = (c.subscription_id, c.period)
            AND frozen.frozen_at IS NOT NULL
        )
        ORDER BY c.call_id
        """,
        client,
        since,
    )
    if misplaced:
        await _rewrite(connection, misplaced, (await windows_of(connection, [client], since))[client], at)


async def _rewrite(connection: Connection, calls: Sequence[Any], windows: Sequence[Window], at: datetime) -> None:
    moves: list[tuple[str, str | None, int | None, str | None, int]] = []
    shifts = Shifts()
    unfrozen = [w for w in windows if not w.frozen]
    for call in calls:
        started_at, corrected = call["started_at"], call["corrected_seconds"]
        window, unbilled = window_of(unfrozen, started_at), None
        increment = window.increment if window else UNBILLED_INCREMENT
        if window is None:
            if call["unbilled"] and window_of(windows, started_at):
                continue  # the period that holds it is frozen, and it was unbilled when that was
            window, unbilled = trial_of(windows, started_at), unbilled_at(windows, started_at).value
        billed = rounded(call, increment)
        place = (window.subscription, window.number) if window else (None, None)
        if (*place, unbilled, billed) == tuple(call[name] for name in _PLACE):
            continue
        if call["period"] is not None:
            day = local_day(call["zone"], started_at)
            shifts.add(call["subscription_id"], call["period"], day, -call["billed_seconds"] - corrected, -1)
        if window:
            shifts.add(window.subscription, window.number, window.day(started_at), billed + corrected, 1)
        moves.append((call["call_id"], *place, unbilled, billed))
    agency = calls[0]["agency_id"]
    await connection.execute(
        """
        UPDATE calls c SET subscription_id = moved.subscription_id, period = moved.period, unbilled = moved.unbilled,
                           billed_seconds = moved.billed_seconds
        FROM unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::bigint[])
            AS moved (call_id, subscription_id, period, unbilled, billed_seconds)
        WHERE (c.agency_id, c.call_id) = ($1, moved.call_id)
        """,
        agency,
        *([move[column] for move in moves] for column in range(5)),
    )
    await roll_up(connection, agency, shifts, at)
