"""Calls at rest: a key for each, and the details of all of a report in few rows.

The key decides what is a duplicate and says where the call counts, which can change until its period is frozen. It is
in one table, for what is unique for all time cannot be held by partitions of time. The details are what was reported,
and never change: one row for each client and day of a report, in partitions of a month (UTC), with a line for each
call. A line is four texts between tabs: id, start in microseconds since 1970, seconds, outcome. The view
`reported_calls` has them as columns.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

import msgspec

from adapters.postgres.locks import TURNS, turn_of
from adapters.postgres.pool import Connection, Pool
from billing.usage import Outcome

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_AT_A_TIME: Final = 100
_BIGINT: Final = Struct(">q").unpack_from


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call as it is reported. `client` is our id of the client. Hundreds of thousands live for a moment: they hold
    nothing that the garbage collector would have to look for."""

    call_id: str
    client: str
    started_at: datetime
    duration_seconds: int
    outcome: Outcome


class Details(NamedTuple):
    """Of a row of `call_details`: calls of a client that began on a day (UTC), a line for each."""

    client_id: str
    day: date
    calls: str


class MonthMissing(Exception):
    """No partition holds details of these days yet: `make_months` makes them."""

    def __init__(self, days: Iterable[date]) -> None:
        self.days = sorted({day.replace(day=1) for day in days})
        super().__init__(f"no partition for calls of {', '.join(map(str, self.days))}")


Reported: TypeAlias = tuple[Call, int, str, int]
"""A call, its start in microseconds since 1970, what its line says after the id, and 64 bits of all that was reported
of it beside the id."""


async def reported(calls: Sequence[Call]) -> list[Reported]:
    """Each call with its content, some at a time, so that others have their turn beside a large report."""
    told: list[Reported] = []
    for first in range(0, len(calls), _AT_A_TIME):
        await asyncio.sleep(0)
        told += _with_contents(calls[first : first + _AT_A_TIME])
    return told


def _with_contents(calls: Sequence[Call]) -> Iterable[Reported]:
    starts = [(call.started_at - _EPOCH) // _MICROSECOND for call in calls]
    contents = [f"{start}\t{call.duration_seconds}\t" + call.outcome for call, start in zip(calls, starts, strict=True)]
    # The migration that made the column says the same in SQL.
    hashes = [
        _BIGINT(sha256(f"{call.client}\t{content}".encode()).digest())[0]
        for call, content in zip(calls, contents, strict=True)
    ]
    return zip(calls, starts, contents, hashes, strict=True)


async def share_clients(
    connection: Connection, agency: str, clients: Collection[str], ids: Iterable[str]
) -> tuple[frozenset[str], dict[str, int]]:
    """Let nobody else move these clients' books until the transaction ends; those of the agency that exist. And of the
    ids of calls those that are taken, with the hashes of their contents.

    Both at once, and each list as one text: a report spends most of its time on ways to the server and on arrays.
    """
    [(shared, known)] = await connection.fetch(
        """
        WITH shared AS (
            SELECT id FROM clients
            WHERE (SELECT count(pg_advisory_xact_lock_shared($4, turn)) FROM unnest($5::integer[]) AS turn) > 0
            AND agency_id = $1 AND id = ANY (string_to_array($2, E'\n')) ORDER BY id FOR SHARE
        )
        SELECT (SELECT string_agg(id, E'\n') FROM shared), (
            SELECT jsonb_object_agg(call_id, content_hash) FROM calls
            WHERE agency_id = $1 AND call_id = ANY (string_to_array($3, E'\n'))
        )
        """,
        agency,
        "\n".join(clients),
        "\n".join(ids),
        TURNS,
        sorted({turn_of(client) for client in clients}),
    )
    return frozenset(shared.split("\n") if shared else ()), known or {}


async def known_contents(connection: Connection, agency: str, ids: Sequence[str]) -> Mapping[str, Call]:
    """The calls as they were reported first."""
    rows = await connection.fetch(
        """
        SELECT r.call_id, r.client_id, r.started_at, r.duration_seconds, r.outcome
        FROM calls c JOIN reported_calls r ON (r.agency_id, r.client_id, r.day, r.call_id)
            = (c.agency_id, c.client_id, (c.started_at AT TIME ZONE 'UTC')::date, c.call_id)
        WHERE c.agency_id = $1 AND c.call_id = ANY ($2::text[])
        """,
        agency,
        ids,
    )
    return {
        row["call_id"]: Call(
            row["call_id"], row["client_id"], row["started_at"], row["duration_seconds"], Outcome(row["outcome"])
        )
        for row in rows
    }


async def make_months(pool: Pool, days: Iterable[date]) -> None:
    """Make the partitions that hold details of these days; those that are there stay."""
    for day in days:
        await pool.execute("SELECT make_call_month($1)", day)
