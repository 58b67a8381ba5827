"""What reconciliation found: one row for as long as a difference lasts, and one message with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.ids import derived_id
from adapters.postgres import messages
from adapters.postgres.compared import Compared, figures, sentences
from adapters.postgres.pool import Connection, Pool
from billing.notices import Notice, NoticeKind
from billing.reconciling import Difference, FindingKind


@dataclass(frozen=True)
class Finding:
    """A difference between our books and Stripe, each in words. No `resolved_at`: it lasts."""

    id: str
    kind: FindingKind
    object: str
    account_id: str
    invoice_id: str | None
    client_id: str | None
    ours: str
    theirs: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True)
class LastRun:
    """The last run over all accounts. `failed` of them could not be compared."""

    started_at: datetime
    finished_at: datetime
    accounts: int
    failed: int


_LASTING: Final = """
    SELECT format('%s: %s, %s in the books, %s at Stripe', object, replace(kind, '_', ' '), ours, theirs)
    FROM findings WHERE resolved_at IS NULL ORDER BY first_seen_at, id
"""
_COLUMNS: Final = ", ".join(Finding.__dataclass_fields__)


async def findings(
    source: Connection | Pool, agency: str, *, open_only: bool, limit: int, after: tuple[datetime, str] | None
) -> list[Finding]:
    """At most `limit` of the agency's, the newest first, behind the position `after`."""
    rows = await source.fetch(
        f"""
        SELECT {_COLUMNS} FROM findings WHERE agency_id = $1 AND (NOT $2 OR resolved_at IS NULL)
        AND ($3::timestamptz IS NULL OR (first_seen_at, id) < ($3, $4::text))
        ORDER BY first_seen_at DESC, id DESC LIMIT $5
        """,
        agency,
        open_only,
        *(after or (None, None)),
        limit,
    )
    return [Finding(**{**row, "kind": FindingKind(row["kind"])}) for row in rows]


async def open_of(source: Connection | Pool, account: str) -> list[tuple[FindingKind, str]]:
    """Kind and object of the account's open findings."""
    rows = await source.fetch(
        "SELECT kind, object FROM findings WHERE account_id = $1 AND resolved_at IS NULL", account
    )
    return [(FindingKind(row["kind"]), row["object"]) for row in rows]


async def last_run(source: Connection | Pool) -> LastRun | None:
    row = await source.fetchrow(
        "SELECT started_at, finished_at, accounts, failed FROM reconciliations ORDER BY finished_at DESC LIMIT 1"
    )
    return LastRun(**row) if row else None


async def agrees_with_stripe(connection: Connection) -> Compared:
    """I9, as far as Stripe goes: no finding lasts, as of the last time at which it was asked."""
    row = await figures(connection, "SELECT count(*) AS runs, max(finished_at) AS last FROM reconciliations")
    told = (
        f"last compared with Stripe at {row['last']:%Y-%m-%d %H:%M} UTC"
        if row["runs"]
        else "not yet compared with Stripe"
    )
    return Compared("I9", told, await sentences(connection, _LASTING))


async def enter(connection: Connection, account: str, differences: Sequence[Difference], at: datetime) -> int:
    """Enter what differs; what differed already is seen once more. How many are new: of each the agency is told."""
    agency = await connection.fetchval("SELECT agency_id FROM connected_accounts WHERE account_id = $1", account)
    opened = 0
    for difference in differences:
        finding = _finding_id(account, difference, at)
        new = await connection.fetchval(
            """
            INSERT INTO findings (id, agency_id, account_id, kind, object, invoice_id, client_id, ours, theirs,
                                  first_seen_at, last_seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
            ON CONFLICT (account_id, kind, object) WHERE resolved_at IS NULL
            DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs, last_seen_at = excluded.last_seen_at
            RETURNING id = $1
            """,
            finding,
            agency,
            account,
            difference.kind.value,
            difference.object,
            difference.invoice,
            difference.client,
            difference.ours,
            difference.theirs,
            at,
        )
        if new:
            opened += 1
            await messages.write(connection, agency, _notice(difference, finding, at), client=difference.client)
    return opened


async def resolve(
    connection: Connection, account: str, differences: Sequence[Difference], looked_at: Collection[str], at: datetime
) -> int:
    """Close the findings about what was looked at that are no more; how many."""
    rows = await connection.fetch(
        """
        UPDATE findings SET resolved_at = $5 WHERE account_id = $1 AND resolved_at IS NULL
        AND object = ANY ($2::text[]) AND (kind, object) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))
        RETURNING id
        """,
        account,
        list(looked_at),
        [difference.kind.value for difference in differences],
        [difference.object for difference in differences],
        at,
    )
    return len(rows)


def _notice(difference: Difference, finding: str, at: datetime) -> Notice:
    detail = f"{difference.kind.value.replace('_', ' ')}, {difference.object}: {difference.ours} in Retainer, "
    return Notice(
        NoticeKind.FINDING, "agency", finding, at, f"{detail}{difference.theirs} at Stripe", difference.invoice
    )


def _finding_id(account: str, difference: Difference, at: datetime) -> str:
    """The same one when the entering is repeated; another when the difference comes back after it was resolved."""
    return derived_id("fnd", account, difference.kind.value, difference.object, at.isoformat())
