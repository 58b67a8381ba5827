"""Calls and corrections coming in (billing-rules 4): each has a verdict, committed before it is given.

A report is one transaction: the clients' locks are shared in order, calls and rollups written in order, so reports
never wait for each other in a circle, and a period is not closed under a report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from adapters.postgres.codec import decode_state
from adapters.postgres.late import settled_up
from adapters.postgres.locks import share_clients
from adapters.postgres.placing import (
    UNBILLED_INCREMENT,
    Window,
    coming,
    insert_periods,
    unbilled_at,
    window_of,
    windows_of,
)
from adapters.postgres.pool import Connection, Pool, transaction
from adapters.postgres.rollups import roll_up
from billing.metering import Blocked, Meter
from billing.usage import Outcome, Unbilled, billed_seconds, check_start

_AHEAD: Final = timedelta(minutes=5)
"""How far ahead a call may start: so far there must be periods to put it in."""
_LONGEST_SECONDS: Final = 2_000_000_000
"""What an integer column holds, with room for rounding up."""


@dataclass(frozen=True)
class Call:
    """A call as it is reported. `client` is our id of the client."""

    call_id: str
    client: str
    started_at: datetime
    duration_seconds: int
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """What became of one reported call. `code` says why it was rejected or is not billed, `detail` the particulars."""

    call_id: str
    result: Literal["accepted", "duplicate", "unbilled", "rejected"]
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Receipt:
    """The verdicts, in the order of the calls, and which of the clients have no service at this time."""

    verdicts: tuple[Verdict, ...]
    blocked: tuple[str, ...]


@dataclass(frozen=True)
class _Placed:
    call: Call
    window: Window | None
    unbilled: Unbilled | None
    late: bool
    billed: int


async def record_calls(pool: Pool, agency: str, calls: Sequence[Call], now: datetime) -> Receipt:
    """Store the calls, each once, in the period that holds its start. Safe to repeat as a whole or in part."""
    async with transaction(pool) as connection:
        clients = await share_clients(connection, agency, sorted({call.client for call in calls}))
        await _extend_periods(connection, clients, now)
        taken: dict[str, Call] = {}
        verdicts: list[Verdict | None] = []
        for call in calls:
            verdict = _refusal(call, clients, now) or _repeat(call, taken.get(call.call_id))
            verdicts.append(verdict)
            if verdict is None:
                taken[call.call_id] = call
        since = min((call.started_at for call in taken.values()), default=now)
        windows = await windows_of(connection, sorted(clients), min(since, now))
        written, meters = await _write(connection, agency, list(taken.values()), windows, now)
    of_call = {verdict.call_id: verdict for verdict in written}
    return Receipt(
        tuple(verdict or of_call[call.call_id] for verdict, call in zip(verdicts, calls, strict=True)),
        tuple(client for client in sorted(clients) if blocked_at(windows[client], meters, now)),
    )


def blocked_at(windows: Sequence[Window], meters: Mapping[tuple[str, int], Meter], now: datetime) -> Blocked | None:
    """Why the client is to be served no call at `now`. A client who never had service is not blocked.

    `meters` are the periods that this report has moved, which nobody else can until it is committed: of reports at once
    each sees what those before it came to.
    """
    window = window_of(windows, now)
    if window:
        meter = meters.get((window.subscription, window.number), window.meter)
        return Blocked.CAP_REACHED if meter.blocks else None
    return {Unbilled.PAUSED: Blocked.PAUSED, Unbilled.ENDED: Blocked.ENDED}.get(unbilled_at(windows, now))


def _refusal(call: Call, clients: frozenset[str], now: datetime) -> Verdict | None:
    if call.client not in clients:
        return Verdict(call.call_id, "rejected", "unknown_client", f"{call.client} is not a client of this agency")
    if not 0 <= call.duration_seconds <= _LONGEST_SECONDS or not call.call_id:
        return Verdict(call.call_id, "rejected", "invalid", "a call has an id and a duration that is not negative")
    refused = check_start(call.started_at, now)
    return (
        Verdict(call.call_id, "rejected", refused.value, f"started_at {call.started_at.isoformat()}")
        if refused
        else None
    )


def _repeat(call: Call, known: Call | None) -> Verdict | None:
    if known is None:
        return None
    if known == call:
        return Verdict(call.call_id, "duplicate")
    return Verdict(call.call_id, "rejected", "conflict", f"known as {_content(known)}, sent as {_content(call)}")


def _content(call: Call) -> str:
    return f"{call.client} {call.started_at.isoformat()} {call.duration_seconds} s {call.outcome}"


async def _extend_periods(connection: Connection, clients: frozenset[str], now: datetime) -> None:
    """Let the periods reach `now`, also when the worker that would open them is away."""
    rows = await connection.fetch(
        """
        SELECT s.state FROM subscriptions s WHERE s.client_id = ANY ($1::text[]) AND s.period_end IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM periods p WHERE p.subscription_id = s.id AND p.ends_at > $2)
        ORDER BY s.id
        """,
        sorted(clients),
        now + _AHEAD,
    )
    for row in rows:
        state = decode_state(row["state"])
        await insert_periods(connection, state, coming(state, now + _AHEAD))


async def _write(
    connection: Connection, agency: str, calls: Sequence[Call], windows: dict[str, list[Window]], now: datetime
) -> tuple[list[Verdict], dict[tuple[str, int], Meter]]:
    over = await settled_up(
        connection, {w.subscription for of_client in windows.values() for w in of_client if w.frozen}
    )
    placed = sorted((_place(call, windows[call.client], over) for call in calls), key=lambda p: p.call.call_id)
    new = await _insert(connection, agency, placed, now)
    fresh = [one for one in placed if one.call.call_id in new]
    meters = await _count(connection, agency, fresh, now)
    known = await _known(connection, agency, [one.call.call_id for one in placed if one.call.call_id not in new])
    verdicts = [
        _taken(one) if one.call.call_id in new else _repeat(one.call, known[one.call.call_id]) or _taken(one)
        for one in placed
    ]
    return verdicts, meters


def _place(call: Call, windows: Sequence[Window], over: frozenset[str]) -> _Placed:
    window = window_of(windows, call.started_at)
    late = window is not None and window.frozen
    increment = window.increment if window else UNBILLED_INCREMENT
    billed = billed_seconds(call.duration_seconds, call.outcome, increment)
    if window is None:
        return _Placed(call, None, unbilled_at(windows, call.started_at), False, billed)
    if late and window.subscription in over:
        return _Placed(call, None, Unbilled.ENDED, False, billed)
    return _Placed(call, window, None, late, billed)


def _taken(placed: _Placed) -> Verdict:
    if placed.unbilled:
        return Verdict(placed.call.call_id, "unbilled", placed.unbilled.value)
    return Verdict(placed.call.call_id, "accepted")


async def _insert(connection: Connection, agency: str, placed: Sequence[_Placed], now: datetime) -> frozenset[str]:
    rows = await connection.fetch(
        """
        INSERT INTO calls (agency_id, call_id, client_id, started_at, duration_seconds, outcome, billed_seconds,
                           subscription_id, period, unbilled, late, received_at)
        SELECT $1, given.*, $2 FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::text[],
            $8::integer[], $9::text[], $10::integer[], $11::text[], $12::boolean[]) AS given
        ON CONFLICT (agency_id, call_id) DO NOTHING RETURNING call_id
        """,
        agency,
        now,
        [one.call.call_id for one in placed],
        [one.call.client for one in placed],
        [one.call.started_at for one in placed],
        [one.call.duration_seconds for one in placed],
        [one.call.outcome.value for one in placed],
        [one.billed for one in placed],
        [one.window.subscription if one.window else None for one in placed],
        [one.window.number if one.window else None for one in placed],
        [one.unbilled.value if one.unbilled else None for one in placed],
        [one.late for one in placed],
    )
    return frozenset(row["call_id"] for row in rows)


async def _count(
    connection: Connection, agency: str, placed: Sequence[_Placed], now: datetime
) -> dict[tuple[str, int], Meter]:
    """Add the new calls to their periods, and what those come to; a late one is an entry to be settled (billing-rules
    4)."""
    shifts: dict[tuple[str, int], tuple[int, int]] = {}
    for one in placed:
        if one.window and not one.late:
            period = (one.window.subscription, one.window.number)
            seconds, calls = shifts.get(period, (0, 0))
            shifts[period] = (seconds + one.billed, calls + 1)
    meters = await roll_up(connection, agency, shifts, now)
    late = [one for one in placed if one.late and one.billed]
    await connection.executemany(
        "INSERT INTO late_entries (agency_id, subscription_id, period, call_id, seconds, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [(agency, w.subscription, w.number, one.call.call_id, one.billed, now) for one, w in _windows(late)],
    )
    return meters


def _windows(placed: Sequence[_Placed]) -> Iterator[tuple[_Placed, Window]]:
    return ((one, one.window) for one in placed if one.window)


async def _known(connection: Connection, agency: str, ids: Sequence[str]) -> dict[str, Call]:
    rows = await connection.fetch(
        "SELECT call_id, client_id, started_at, duration_seconds, outcome FROM calls "
        "WHERE agency_id = $1 AND call_id = ANY ($2::text[])",
        agency,
        ids,
    )
    return {
        row["call_id"]: Call(
            row["call_id"], row["client_id"], row["started_at"], row["duration_seconds"], Outcome(row["outcome"])
        )
        for row in rows
    }
