"""Connecting an account that exists: links that are good once, and whose account it becomes (stripe.md)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from adapters.postgres import trail
from adapters.postgres.accounts import mirror_account
from adapters.postgres.pool import Connection, Pool, transaction
from billing.payments import AccountReading

Hindrance = Literal["account_taken", "account_connected"]


class AdoptionRefused(Exception):
    """The account can't become the agency's: another one has it, or the agency has another one."""

    def __init__(self, why: Hindrance) -> None:
        super().__init__(why)
        self.why: Hindrance = why


@dataclass(frozen=True)
class OAuthLink:
    id: str
    agency_id: str
    return_url: str


async def open_link(pool: Pool, link: OAuthLink, at: datetime) -> None:
    """Enter the link. One that is there already, because its request is repeated, stays as it is."""
    await pool.execute(
        "INSERT INTO oauth_links (id, agency_id, return_url, created_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        link.id,
        link.agency_id,
        link.return_url,
        at,
    )


async def use_link(pool: Pool, link: str, at: datetime) -> OAuthLink | None:
    """The link, for the first who asks; none for everybody after."""
    row = await pool.fetchrow(
        "UPDATE oauth_links SET used_at = $2 WHERE id = $1 AND used_at IS NULL RETURNING id, agency_id, return_url",
        link,
        at,
    )
    return OAuthLink(**row) if row else None


async def adopt(pool: Pool, agency: str, reading: AccountReading, at: datetime) -> None:
    """Make the account the agency's current one, with what follows from its health. Raises AdoptionRefused.

    The account that it has left comes back, another one begins anew (billing-rules 8); while one is connected, no other
    takes its place. One that was never used is given up for it.
    """
    async with transaction(pool) as connection:
        await connection.execute("SELECT FROM agencies WHERE id = $1 FOR NO KEY UPDATE", agency)
        await _make_room(connection, agency, reading.account, at)
        try:
            await _enter(connection, agency, reading.account, at)
        except asyncpg.UniqueViolationError as taken:
            raise AdoptionRefused("account_taken") from taken
        await mirror_account(connection, reading, at)
        await trail.write(
            connection,
            agency,
            at=at,
            who="system",
            what="account_connected",
            detail={"account": reading.account},
            dedupe_key=f"{agency}:connected:{reading.account}:{at.isoformat()}",
        )


async def _make_room(connection: Connection, agency: str, account: str, at: datetime) -> None:
    """Give up an account of which nothing was ever used. Raises AdoptionRefused while another one is connected."""
    current = await connection.fetchrow(
        """
        SELECT number, EXISTS (SELECT FROM customers c WHERE c.account_id = a.account_id) AS used, state
        FROM connected_accounts a
        WHERE agency_id = $1 AND account_id IS DISTINCT FROM $2 AND state <> 'disconnected'
        """,
        agency,
        account,
    )
    if current is None:
        return
    if current["used"] or current["state"] != "onboarding":
        raise AdoptionRefused("account_connected")
    await connection.execute(
        "UPDATE connected_accounts SET state = 'disconnected', updated_at = $3 WHERE (agency_id, number) = ($1, $2)",
        agency,
        current["number"],
        at,
    )


async def _enter(connection: Connection, agency: str, account: str, at: datetime) -> None:
    """The account's row, as the newest of the agency's. Raises asyncpg.UniqueViolationError: it is another agency's."""
    moved = await connection.execute(
        """
        UPDATE connected_accounts
        SET updated_at = $3, number = CASE WHEN number = newest THEN number ELSE newest + 1 END
        FROM (SELECT max(number) AS newest FROM connected_accounts WHERE agency_id = $1) known
        WHERE agency_id = $1 AND account_id = $2
        """,
        agency,
        account,
        at,
    )
    if moved == "UPDATE 0":
        await connection.execute(
            """
            INSERT INTO connected_accounts (agency_id, number, account_id, state, created_at, updated_at)
            SELECT $1, coalesce(max(number), 0) + 1, $2, 'onboarding', $3, $3
            FROM connected_accounts WHERE agency_id = $1
            """,
            agency,
            account,
            at,
        )
