"""Late calls and corrections: entries for the next invoice, as long as there will be one (billing-rules 4)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from asyncpg import UniqueViolationError

from adapters.postgres.locks import lock_client
from adapters.postgres.pool import Connection, Pool, transaction
from adapters.postgres.rollups import Shifts, roll_up
from billing.days import local_day


@dataclass(frozen=True)
class Correction:
    """Signed billed seconds that are added to a call."""

    correction_id: str
    call_id: str
    seconds: int
    reason: str


@dataclass(frozen=True)
class CorrectionVerdict:
    """What became of a correction. `code` says why it was rejected: unknown_call, below_zero, conflict, invalid."""

    result: Literal["accepted", "duplicate", "unbilled", "rejected"]
    code: str | None = None
    detail: str | None = None


LateEntry: TypeAlias = tuple[str, str, int, str, int]
"""Agency, subscription, period, call, billed seconds."""


async def settled_up(connection: Connection, subscriptions: Collection[str]) -> frozenset[str]:
    """Which of the subscriptions get no further invoice: cancelled ones whose last invoice is drafted or forgiven."""
    rows = await connection.fetch(
        """
        SELECT s.id FROM subscriptions s WHERE s.id = ANY ($1::text[]) AND s.status = 'cancelled' AND (
            EXISTS (
                SELECT 1 FROM invoices i WHERE i.subscription_id = s.id AND i.kind = 'final' AND i.closed_period = (
                    SELECT max(p.number) FROM periods p WHERE p.subscription_id = s.id
                )
            )
            OR (s.period_start IS NULL AND s.state -> 'to_issue' = '[]'::jsonb)
        )
        """,
        list(subscriptions),
    )
    return frozenset(row["id"] for row in rows)


async def enter_late(connection: Connection, entries: Iterable[LateEntry], now: datetime) -> None:
    """Enter calls that came after their period was frozen, for the next invoice."""
    await connection.executemany(
        "INSERT INTO late_entries (agency_id, subscription_id, period, call_id, seconds, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [(*entry, now) for entry in entries],
    )


async def record_correction(pool: Pool, agency: str, correction: Correction, now: datetime) -> CorrectionVerdict:
    """Add a correction, once: to an open period at once, to a closed one as an entry for the next invoice."""
    if correction.seconds == 0 or abs(correction.seconds) >= 2**31 or not correction.correction_id:
        return CorrectionVerdict("rejected", "invalid", "a correction has an id and seconds other than zero")
    try:
        return await _record(pool, agency, correction, now)
    except UniqueViolationError:
        # By this id a call of another client was corrected meanwhile, whose books are not locked by ours.
        return await _record(pool, agency, correction, now)


async def _record(pool: Pool, agency: str, correction: Correction, now: datetime) -> CorrectionVerdict:
    async with transaction(pool) as connection:
        client = await connection.fetchval(
            "SELECT client_id FROM calls WHERE (agency_id, call_id) = ($1, $2)", agency, correction.call_id
        )
        if client is None:
            return _unknown(correction)
        await lock_client(connection, client)
        return await _repeat(connection, agency, correction) or await _add(connection, agency, correction, now)


async def _repeat(connection: Connection, agency: str, correction: Correction) -> CorrectionVerdict | None:
    known = await connection.fetchrow(
        "SELECT call_id, seconds, reason FROM corrections WHERE (agency_id, correction_id) = ($1, $2)",
        agency,
        correction.correction_id,
    )
    if known is None:
        return None
    if Correction(correction.correction_id, *known) == correction:
        return CorrectionVerdict("duplicate")
    detail = f"known as {tuple(known)}, sent as {(correction.call_id, correction.seconds, correction.reason)}"
    return CorrectionVerdict("rejected", "conflict", detail)


async def _add(connection: Connection, agency: str, correction: Correction, now: datetime) -> CorrectionVerdict:
    call: Any = await connection.fetchrow(
        """
        SELECT c.billed_seconds + c.corrected_seconds AS net, c.started_at, c.subscription_id, c.period, c.unbilled,
               c.late OR coalesce(p.frozen_at IS NOT NULL, false) AS late, s.zone
        FROM calls c LEFT JOIN periods p ON (p.subscription_id, p.number) = (c.subscription_id, c.period)
        LEFT JOIN subscriptions s ON s.id = c.subscription_id
        WHERE (c.agency_id, c.call_id) = ($1, $2) FOR UPDATE OF c
        """,
        agency,
        correction.call_id,
    )
    if call is None:
        return _unknown(correction)
    if call["net"] + correction.seconds < 0:
        return CorrectionVerdict("rejected", "below_zero", f"the call has {call['net']} billed seconds")
    await _write(connection, agency, correction, call["late"], now)
    if call["period"] is not None and not call["late"]:
        shifts = Shifts()
        day = local_day(call["zone"], call["started_at"])
        shifts.add(call["subscription_id"], call["period"], day, correction.seconds)
        await roll_up(connection, agency, shifts, now)
    if call["unbilled"]:
        return CorrectionVerdict("unbilled", call["unbilled"])
    if call["late"]:
        return await _settle_later(connection, agency, call, correction, now)
    return CorrectionVerdict("accepted")


def _unknown(correction: Correction) -> CorrectionVerdict:
    return CorrectionVerdict("rejected", "unknown_call", f"no call {correction.call_id}")


async def _write(connection: Connection, agency: str, correction: Correction, late: bool, now: datetime) -> None:
    await connection.execute(
        "INSERT INTO corrections (agency_id, correction_id, call_id, seconds, reason, late, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        agency,
        correction.correction_id,
        correction.call_id,
        correction.seconds,
        correction.reason,
        late,
        now,
    )
    await connection.execute(
        "UPDATE calls SET corrected_seconds = corrected_seconds + $3 WHERE (agency_id, call_id) = ($1, $2)",
        agency,
        correction.call_id,
        correction.seconds,
    )


async def _settle_later(
    connection: Connection, agency: str, call: Any, correction: Correction, now: datetime
) -> CorrectionVerdict:
    if await settled_up(connection, [call["subscription_id"]]):
        return CorrectionVerdict("unbilled", "ended")
    await connection.execute(
        "INSERT INTO late_entries (agency_id, subscription_id, period, call_id, correction_id, seconds, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        agency,
        call["subscription_id"],
        call["period"],
        correction.call_id,
        correction.correction_id,
        correction.seconds,
        now,
    )
    return CorrectionVerdict("accepted")
