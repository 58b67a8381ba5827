"""Books with a great many calls, as if each had been reported: keys, details, rollups and days written by the server
itself, some million a minute. Faster than reports, and the same when it is done: I4 holds of it (billing-rules 10).

What reports would do beside is left out, for nothing of it is there: late calls, corrections, calls that cost nothing,
and levels, which `subscribe` has crossed and told already.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.calls import make_months
from adapters.postgres.pool import Pool, open_pool, snapshot
from adapters.postgres.usage_checks import counted_once
from bench.estate import Agency, furnish_agencies, subscribe

DAYS: Final = 10
"""On which there are calls, of each client."""
_SECONDS: Final = 1_800.0
_AT_ONCE: Final = 2
# The columns are named where they are written by adapters.postgres.calls and .rollups. A report of 500 calls of ten
# clients has a row of details with fifty lines for each.
_FILL: Final = """
    WITH made AS MATERIALIZED (
        SELECT day::date, number, format('call-%s-%s-%s', $2::text, day::date, lpad(number::text, 6, '0')) AS id,
               (day::date + number * (interval '1 day' / $6)) AT TIME ZONE 'UTC' AS at, 30 + number % 300 AS seconds
        FROM generate_series($4::date, $4::date + $5::integer - 1, interval '1 day') AS day
        CROSS JOIN generate_series(0, $6::integer - 1) AS number
    ), told AS MATERIALIZED (
        SELECT *, (seconds + 59) / 60 * 60 AS billed,
               concat_ws(E'\\t', (extract(epoch FROM at) * 1000000)::bigint, seconds, 'completed') AS content
        FROM made
    ), keys AS (
        INSERT INTO calls (agency_id, call_id, client_id, started_at, content_hash, subscription_id, period, late,
                           billed_seconds)
        SELECT $1, id, $2, at, ('x' || left(encode(sha256(convert_to(concat_ws(E'\\t', $2, content), 'UTF8')), 'hex'),
                                            16))::bit(64)::bigint, $3, 1, false, billed
        FROM told
    ), details AS (
        INSERT INTO call_details (agency_id, received_at, client_id, day, calls)
        SELECT $1, max(at) + interval '1 minute', $2, day, string_agg(concat_ws(E'\\t', id, content), E'\\n')
        FROM told GROUP BY day, number / 50
    ), days AS (
        INSERT INTO usage_days (agency_id, subscription_id, period, day, seconds, calls)
        SELECT $1, $3, 1, day, sum(billed), count(*) FROM told GROUP BY day
    )
    UPDATE usage_rollups known SET seconds = known.seconds + of_all.seconds, calls = known.calls + of_all.calls
    FROM (SELECT sum(billed) AS seconds, count(*) AS calls FROM told) of_all
    WHERE (subscription_id, period) = ($3, 1)
"""


async def fill(dsn: str, clients: int, calls: int, now: datetime, *, examined: bool) -> Agency:
    """An agency with so many clients, each in its first period, and so many calls in all, evenly spread.

    Raises RuntimeError when keys and rollups differ; when all of I4 is `examined`, which takes long for many calls,
    also for whatever else is wrong.
    """
    each = calls // clients // DAYS
    async with open_pool(dsn, _AT_ONCE, command_seconds=_SECONDS) as pool:
        [agency] = await furnish_agencies(pool, ["acct_bench"], now - timedelta(days=60))
        states = await subscribe(pool, agency, [f"{n:04d}" for n in range(clients)], now + timedelta(days=15))
        first = states[0].clock.date() + timedelta(days=2)
        await make_months(pool, {(first + timedelta(days=n)).replace(day=1) for n in range(DAYS)})
        waiting = iter(states)

        async def enter() -> None:
            for state in waiting:
                await pool.execute(_FILL, agency.id, state.client, state.id, first, DAYS, each)

        await asyncio.gather(*(enter() for _ in range(_AT_ONCE)))
        await pool.execute("VACUUM ANALYZE")
        await pool.execute("CHECKPOINT")
        await _check(pool, clients + each * clients * DAYS, examined=examined)
    return agency


async def _check(pool: Pool, calls: int, *, examined: bool) -> None:
    async with snapshot(pool) as connection:
        found = await connection.fetchrow("SELECT (SELECT count(*) FROM calls), (SELECT sum(calls) FROM usage_rollups)")
        if found is None or set(found) != {calls}:
            raise RuntimeError(f"not {calls} calls, as keys and in rollups, but {found}")
        wrong = (await counted_once(connection)).wrong if examined else ()
    if wrong:
        raise RuntimeError(f"I4 does not hold of what was filled in: {wrong[:3]}")
