"""Calls coming in (billing-rules 4): each has a verdict, committed before it is given.

A report is one transaction: the clients' locks are shared in order, keys and rollups written in order, so reports
never wait for each other in a circle, and a period is not closed under a report.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asyncpg import UniqueViolationError

from adapters.postgres.calls import (
    Call,
    MonthMissing,
    Reported,
    known_contents,
    make_months,
    reported,
    share_clients,
)
from adapters.postgres.codec import decode_state
from adapters.postgres.keys import Key, insert_keys
from adapters.postgres.late import LateEntry, enter_late, settled_up
from adapters.postgres.placing import coming, insert_periods
from adapters.postgres.pool import Connection, Pool, transaction
from adapters.postgres.rollups import take_in
from adapters.postgres.spans import DUPLICATE, Spans, Verdict
from adapters.postgres.windows import Window, unbilled_at, window_of, windows_of
from billing.metering import Blocked, Meter
from billing.usage import LATEST_AHEAD, OLDEST, Unbilled, billed_seconds, check_start, starts_taken

_LONGEST_SECONDS: Final = 2_000_000_000
"""What an integer column holds, with room for rounding up."""
_KEY_TAKEN: Final = "calls_pkey"


@dataclass(frozen=True)
class Receipt:
    """The verdicts, in the order of the calls, and which of the clients have no service at this time."""

    verdicts: tuple[Verdict, ...]
    blocked: tuple[str, ...]


async def record_calls(pool: Pool, agency: str, calls: Sequence[Call], now: datetime) -> Receipt:
    """Store the calls, each once, in the period that holds its start. Safe to repeat as a whole or in part.

    What another report took between our look and our writing is found when we look again: each round that begins anew
    knows a call more, so the rounds end.
    """
    preparing = asyncio.create_task(reported(calls))  # while the server begins and looks
    while True:
        try:
            async with transaction(pool) as connection:
                return await _record(connection, agency, calls, preparing, now)
        except UniqueViolationError as error:
            if error.constraint_name != _KEY_TAKEN:
                raise
        except MonthMissing as missing:
            await make_months(pool, missing.days)


async def _record(
    connection: Connection, agency: str, calls: Sequence[Call], preparing: asyncio.Task[list[Reported]], now: datetime
) -> Receipt:
    asked, ids = {call.client for call in calls}, [call.call_id for call in calls]
    clients, known = await share_clients(connection, agency, asked, ids)
    since = max(now - OLDEST, min((call.started_at for call in calls), default=now))
    windows, (verdicts, first, others) = await asyncio.gather(
        _windows(connection, clients, min(since, now), now), _first_of_each(preparing, clients, known, now)
    )
    over = await _over(connection, windows)
    taken, meters = await _take(connection, agency, first, Spans(agency, windows, over), now)
    stored = await known_contents(connection, agency, others) if others else {}
    return Receipt(
        tuple(
            verdict or taken.get(call.call_id) or _conflict(call, stored[call.call_id])
            for verdict, call in zip(verdicts, calls, strict=True)
        ),
        tuple(client for client in sorted(clients) if blocked_at(windows[client], meters, now)),
    )


async def _first_of_each(
    preparing: asyncio.Task[list[Reported]], clients: frozenset[str], known: Mapping[str, int], now: datetime
) -> tuple[list[Verdict | None], dict[str, Reported], list[str]]:
    """The verdicts that are clear; by their ids the calls to be taken in; and the ids that are taken by another
    content, which is to be named. A repeat is held against what is stored, or will be: never against a call that is
    itself rejected."""
    first: dict[str, Reported] = {}
    others: list[str] = []
    verdicts: list[Verdict | None] = []
    starts = starts_taken(now)
    for one in await preparing:
        call = one[0]
        verdict = _refusal(call, clients, starts)
        if verdict is None and call.call_id in known:
            if one[3] == known[call.call_id]:
                verdict = DUPLICATE
            else:
                others.append(call.call_id)
        elif verdict is None and (earlier := first.setdefault(call.call_id, one)) is not one:
            verdict = DUPLICATE if call == earlier[0] else _conflict(call, earlier[0])
        verdicts.append(verdict)
    return verdicts, first, others


def _refusal(call: Call, clients: frozenset[str], starts: tuple[datetime, datetime]) -> Verdict | None:
    if call.client not in clients:
        return Verdict("rejected", "unknown_client", f"{call.client} is not a client of this agency")
    if not (0 <= call.duration_seconds <= _LONGEST_SECONDS and call.call_id and call.call_id.isprintable()):
        return Verdict("rejected", "invalid", "a call has a printable id and a duration that is not negative")
    refused = check_start(call.started_at, starts)
    return Verdict("rejected", refused.value, f"started_at {call.started_at.isoformat()}") if refused else None


def _conflict(call: Call, first: Call) -> Verdict:
    return Verdict("rejected", "conflict", f"known as {_content(first)}, sent as {_content(call)}")


def _content(call: Call) -> str:
    return f"{call.client} {call.started_at.isoformat()} {call.duration_seconds} s {call.outcome}"


async def _windows(
    connection: Connection, clients: frozenset[str], since: datetime, now: datetime
) -> dict[str, list[Window]]:
    """The clients' windows since then, which reach to now also when the worker that would open them is away."""
    known = await windows_of(connection, sorted(clients), since)
    until = now + LATEST_AHEAD
    behind = [client for client, windows in known.items() if not any(until < window.end for window in windows)]
    if not behind:
        return known
    # Read again also when another report was faster, and nothing was left to add: what we know is older.
    await _extend_periods(connection, behind, until)
    return await windows_of(connection, sorted(clients), since)


async def _extend_periods(connection: Connection, clients: Sequence[str], until: datetime) -> None:
    """Let the periods reach `until`."""
    rows = await connection.fetch(
        """
        SELECT s.state FROM subscriptions s WHERE s.client_id = ANY ($1::text[]) AND s.period_end IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM periods p WHERE p.subscription_id = s.id AND p.ends_at > $2)
        ORDER BY s.id
        """,
        sorted(clients),
        until,
    )
    for row in rows:
        state = decode_state(row["state"])
        await insert_periods(connection, state, coming(state, until))


async def _over(connection: Connection, windows: Mapping[str, Sequence[Window]]) -> frozenset[str]:
    """The subscriptions that get no further invoice, of those to which something can come late."""
    frozen = {window.subscription for of_client in windows.values() for window in of_client if window.frozen}
    return await settled_up(connection, frozen) if frozen else frozenset()


async def _take(
    connection: Connection, agency: str, told: Mapping[str, Reported], spans: Spans, now: datetime
) -> tuple[dict[str, Verdict], dict[tuple[str, int], Meter]]:
    """Enter calls, by ids that were free: the verdicts by id, and what the calls' periods have come to.

    A late one is an entry to be settled (billing-rules 4).
    """
    if not told:
        return {}, {}
    taking = _Taking(agency, spans)
    # In the order of the ids, so that reports at once do not wait in a circle.
    await insert_keys(connection, taking.keys(told[id] for id in sorted(told)))
    shifts, details = spans.totals()
    meters = await take_in(connection, agency, shifts, details, spans.periods(), now)
    if taking.late:
        await enter_late(connection, taking.late, now)
    return taking.verdicts, meters


class _Taking:
    """Calls on their way into the books: each finds its span, and is counted there, when its key is asked for. So the
    server enters the first keys while the places of the next are looked for."""

    def __init__(self, agency: str, spans: Spans) -> None:
        self._agency, self._spans = agency, spans
        self.verdicts: dict[str, Verdict] = {}
        self.late: list[LateEntry] = []

    def keys(self, told: Iterable[Reported]) -> Iterator[Key]:
        for call, start, content, hash in told:
            span = self._spans.of(call.client, call.started_at)
            seconds = billed_seconds(call.duration_seconds, call.outcome, span.increment)
            span.count(f"{call.call_id}\t{content}", seconds)
            self.verdicts[call.call_id] = span.verdict
            if span.late and span.window and seconds:
                late = self._agency, span.window.subscription, span.window.number, call.call_id, seconds
                self.late.append(late)
            yield span.place, call.call_id, start, hash, seconds


def blocked_at(windows: Sequence[Window], meters: Mapping[tuple[str, int], Meter], now: datetime) -> Blocked | None:
    """Why the client is to be served no call at `now`. A client who never had service is not blocked.

    `meters` are the periods that this report has moved, which nobody else can until it is committed: of reports at once
    each sees what those before it came to.
    """
    window = window_of(windows, now)
    if window:
        meter = meters.get((window.subscription, window.number), window.metered.meter)
        return Blocked.CAP_REACHED if meter.blocks else None
    return {Unbilled.PAUSED: Blocked.PAUSED, Unbilled.ENDED: Blocked.ENDED}.get(unbilled_at(windows, now))
