"""An agency's clients, their Stripe customers, and the pages on which they enter a card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import asyncpg

from adapters.postgres.codec import Json, decode_card
from adapters.postgres.pool import Connection, Pool
from adapters.postgres.standings import OPEN
from billing.state import Card

Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at", "usage", "-usage", "debt", "-debt"]


class ExternalIdTaken(Exception):
    """Another client of the agency has this external id."""


@dataclass(frozen=True)
class Client:
    """A client. `status` is that of its newest subscription, none without one.

    `credits` is what its next invoices may consume, in minor units by currency.
    """

    id: str
    agency_id: str
    name: str
    email: str
    external_id: str | None
    billing_details: Json
    card: Card | None
    created_at: datetime
    archived_at: datetime | None
    status: str | None
    plan_name: str | None
    credits: Mapping[str, int]


@dataclass(frozen=True)
class CardSession:
    """Stripe's page for a new card; without `url` it still has to be made."""

    id: str
    account_id: str
    return_url: str
    url: str | None
    expires_at: datetime | None


_CLIENTS: Final = """
    SELECT c.id, c.agency_id, c.name, c.email, c.external_id, c.billing_details, c.card, c.created_at, c.archived_at,
           s.status, s.plan_name, ARRAY(
               SELECT (k.currency, sum(k.amount - k.consumed)::bigint) FROM credits k
               WHERE k.client_id = c.id AND k.consumed < k.amount GROUP BY k.currency ORDER BY k.currency
           ) AS credits
    FROM clients c
    LEFT JOIN LATERAL (
        SELECT status, state -> 'terms' ->> 'name' AS plan_name FROM subscriptions
        WHERE client_id = c.id AND plan_id IS NOT NULL ORDER BY (status = 'cancelled'), created_at DESC LIMIT 1
    ) s ON true
    WHERE c.agency_id = $1
"""
_STATUS: Final = """
    (SELECT status FROM subscriptions
     WHERE client_id = c.id AND plan_id IS NOT NULL ORDER BY (status = 'cancelled'), created_at DESC LIMIT 1)
"""
_USED: Final = """
    SELECT client_id, max(round(100.0 * seconds / nullif(included, 0), 1)) AS percent FROM (
        SELECT p.client_id, r.seconds, p.included_seconds AS included
        FROM periods p JOIN usage_rollups r ON (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE p.agency_id = $1 AND p.starts_at <= $8 AND p.ends_at > $8
        UNION ALL
        SELECT s.client_id, r.seconds, 60 * (s.state -> 'terms' ->> 'included_minutes')::bigint
        FROM subscriptions s JOIN usage_rollups r ON r.subscription_id = s.id
        WHERE s.agency_id = $1 AND NOT s.finished AND s.trial_start <= $8 AND s.trial_end > $8 AND NOT EXISTS (
            SELECT FROM periods p WHERE (p.subscription_id, p.number) = (r.subscription_id, r.period)
        )
    ) AS current GROUP BY client_id
"""
"""How many percent each client has used of what the period that holds $8 includes; a trial is no period, and has the
plan's minutes."""
_DEBT: Final = f"""
    SELECT client_id, max(due) AS due FROM ({OPEN} GROUP BY i.client_id, i.currency) AS by_currency GROUP BY client_id
"""
_KEYS: Final[dict[str, tuple[str, str]]] = {
    "name": ("lower(c.name)", "text"),
    "created_at": ("c.created_at", "timestamptz"),
    "usage": ("coalesce(u.percent, 0)", "numeric"),
    "debt": ("coalesce(d.due, 0)", "bigint"),
}
"""What each order goes by, and its type. Of debts in several currencies the largest number counts."""
_CHANGEABLE: Final = frozenset({"name", "email", "external_id", "billing_details"})


def _client(row: Mapping[str, Any]) -> Client:
    card = decode_card(row["card"]) if row["card"] else None
    return Client(**{**row, "card": card, "credits": dict(map(tuple, row["credits"]))})


async def insert_client(
    connection: Connection,
    agency: str,
    client: str,
    *,
    name: str,
    email: str,
    external_id: str | None,
    billing_details: Json,
    at: datetime,
) -> None:
    """Enter a new client; one that is there already, because its request is repeated, stays. Raises ExternalIdTaken."""
    try:
        async with connection.transaction():
            await connection.execute(
                """
                INSERT INTO clients (id, agency_id, name, email, external_id, billing_details, created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (id) DO NOTHING
                """,
                client,
                agency,
                name,
                email,
                external_id,
                billing_details,
                at,
            )
    except asyncpg.UniqueViolationError as error:
        raise ExternalIdTaken from error


async def client(source: Connection | Pool, agency: str, client: str) -> Client | None:
    row = await source.fetchrow(f"{_CLIENTS} AND c.id = $2", agency, client)
    return _client(dict(row)) if row else None


async def clients(
    pool: Pool,
    agency: str,
    *,
    search: str | None,
    status: str | None,
    over: Decimal | None,
    now: datetime,
    sort: Sort,
    limit: int,
    after: tuple[str, str] | None,
) -> list[tuple[Client, str]]:
    """At most `limit` clients behind the position `after` (sort key as text, id), each with its sort key.

    `search` is a part of name, mail or external id; `status` one of a subscription's, `none` or `archived`. Archived
    clients are listed only when asked for. `over` leaves those who have used that many percent, or more, of what the
    period includes that holds `now`.
    """
    key, cast = _KEYS[sort.removeprefix("-")]
    compare, direction = ("<", "DESC") if sort.startswith("-") else (">", "ASC")
    used = f"LEFT JOIN ({_USED}) u ON u.client_id = c.id" if over is not None or "usage" in sort else ""
    debt = f"LEFT JOIN ({_DEBT}) d ON d.client_id = c.id" if "debt" in sort else ""
    # Which clients is settled first: all else is read for those alone.
    rows = await pool.fetch(
        f"""
        WITH page AS MATERIALIZED (
            SELECT c.id AS page_id, {key} AS key FROM clients c {used} {debt} WHERE c.agency_id = $1
            AND ($2::text IS NULL OR strpos(lower(concat_ws(chr(10), c.name, c.email, c.external_id)), lower($2)) > 0)
            AND CASE $3::text
                WHEN 'archived' THEN c.archived_at IS NOT NULL
                WHEN 'none' THEN c.archived_at IS NULL AND {_STATUS} IS NULL
                ELSE c.archived_at IS NULL AND ($3 IS NULL OR {_STATUS} = $3)
            END
            {"AND ($7::numeric IS NULL OR u.percent >= $7)" if used else ""}
            AND ($4::text IS NULL OR ({key}, c.id) {compare} (($4::text)::{cast}, $5::text))
            ORDER BY key {direction}, c.id {direction} LIMIT $6
        )
        SELECT found.*, page.key::text FROM page JOIN ({_CLIENTS}) AS found ON found.id = page.page_id
        ORDER BY page.key {direction}, found.id {direction}
        """,
        agency,
        search,
        status,
        *(after or (None, None)),
        limit,
        *((over, now) if used else ()),
    )
    return [(_client({name: value for name, value in row.items() if name != "key"}), row["key"]) for row in rows]


async def names(source: Connection | Pool, agency: str, clients: Sequence[str]) -> dict[str, str]:
    """The names of these clients of the agency."""
    rows = await source.fetch(
        "SELECT id, name FROM clients WHERE agency_id = $1 AND id = ANY ($2::text[])", agency, clients
    )
    return {row["id"]: row["name"] for row in rows}


async def change_client(
    connection: Connection, agency: str, client: str, changes: Mapping[str, object], at: datetime
) -> None:
    """Set the given columns. Raises ExternalIdTaken, ValueError for a column that can't be changed."""
    if not changes.keys() <= _CHANGEABLE:
        raise ValueError(f"not to be changed: {sorted(changes.keys() - _CHANGEABLE)}")
    sets = "".join(f", {name} = ${n}" for n, name in enumerate(changes, start=4))
    try:
        await connection.execute(
            f"UPDATE clients SET updated_at = $3{sets} WHERE agency_id = $1 AND id = $2",
            agency,
            client,
            at,
            *changes.values(),
        )
    except asyncpg.UniqueViolationError as error:
        raise ExternalIdTaken from error


async def archive_client(connection: Connection, agency: str, client: str, at: datetime) -> bool:
    """Archive the client, unless a subscription of it is not over. Says whether it is archived."""
    await connection.execute("SELECT 1 FROM clients WHERE id = $1 FOR NO KEY UPDATE", client)
    archived = await connection.fetchval(
        """
        UPDATE clients SET archived_at = coalesce(archived_at, $3), updated_at = $3
        WHERE agency_id = $1 AND id = $2
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE client_id = $2 AND NOT finished)
        RETURNING true
        """,
        agency,
        client,
        at,
    )
    return bool(archived)


async def customer(source: Connection | Pool, client: str, account: str) -> str | None:
    """The client's customer in this connected account."""
    found: str | None = await source.fetchval(
        "SELECT customer_id FROM customers WHERE client_id = $1 AND account_id = $2", client, account
    )
    return found


async def client_of_customer(source: Connection | Pool, account: str, customer: str) -> str | None:
    """The client who is this customer of the connected account."""
    found: str | None = await source.fetchval(
        "SELECT client_id FROM customers WHERE (account_id, customer_id) = ($1, $2)", account, customer
    )
    return found


async def locked_card(connection: Connection, client: str) -> Card | None:
    """The card on file, which nobody changes until the transaction ends."""
    card = await connection.fetchval("SELECT card FROM clients WHERE id = $1 FOR NO KEY UPDATE", client)
    return decode_card(card) if card else None


@dataclass(frozen=True)
class Customer:
    account_id: str
    customer_id: str


async def current_customer(pool: Pool, client: str) -> Customer | None:
    """The client's customer in the agency's current account."""
    row = await pool.fetchrow(
        """
        SELECT u.account_id, u.customer_id FROM customers u JOIN connected_accounts a USING (account_id)
        WHERE u.client_id = $1 AND a.state <> 'disconnected'
        """,
        client,
    )
    return Customer(**row) if row else None


async def set_customer(pool: Pool, agency: str, client: str, account: str, customer: str, at: datetime) -> None:
    await pool.execute(
        """
        INSERT INTO customers (client_id, account_id, agency_id, customer_id, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, account_id) DO NOTHING
        """,
        client,
        account,
        agency,
        customer,
        at,
    )


async def begin_card_session(
    pool: Pool, agency: str, client: str, session: str, *, account: str, return_url: str, at: datetime
) -> CardSession:
    """The session with this id of ours: new, or as it is when its request is repeated. Raises LookupError."""
    await pool.execute(
        """
        INSERT INTO card_sessions (id, agency_id, client_id, account_id, return_url, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING
        """,
        session,
        agency,
        client,
        account,
        return_url,
        at,
    )
    row = await pool.fetchrow(
        "SELECT id, account_id, return_url, url, expires_at FROM card_sessions WHERE agency_id = $1 AND id = $2",
        agency,
        session,
    )
    if row is None:
        raise LookupError(f"no card session {session} of {agency}")
    return CardSession(**row)


async def open_card_session(pool: Pool, session: str, session_id: str, url: str, expires_at: datetime) -> None:
    """Stripe has made the page."""
    await pool.execute(
        "UPDATE card_sessions SET session_id = $2, url = $3, expires_at = $4 WHERE id = $1",
        session,
        session_id,
        url,
        expires_at,
    )
