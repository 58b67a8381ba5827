"""Plans: each version's terms stand once they are written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import asyncpg

from adapters.postgres.pool import Connection, Pool
from billing.money import format_rate
from billing.plans import Terms


@dataclass(frozen=True)
class Plan:
    """A plan in its newest version. `price` is minor units a month, `overage_rate` minor units a minute.

    `account_id` is the connected account in which product and price exist; none while no one was assigned it.
    """

    id: str
    version: int
    name: str
    tier: str
    currency: str
    price: int
    included_minutes: int
    overage_rate: Decimal
    call_increment_seconds: Literal[1, 6, 60]
    created_at: datetime
    trial_days: int = 0
    account_id: str | None = None
    archived_at: datetime | None = None

    @property
    def terms(self) -> Terms:
        return Terms(
            plan=self.id,
            version=self.version,
            name=self.name,
            tier=self.tier,
            currency=self.currency,
            price=self.price,
            included_minutes=self.included_minutes,
            overage_rate=format_rate(self.overage_rate),
            call_increment_seconds=self.call_increment_seconds,
        )


_NEWEST: Final = """
    SELECT p.id, v.version, v.name, v.tier, v.currency, v.price, v.included_minutes, v.overage_rate,
           v.call_increment_seconds, p.created_at, v.trial_days, v.account_id, p.archived_at
    FROM plans p JOIN LATERAL (
        SELECT * FROM plan_versions WHERE plan_id = p.id ORDER BY version DESC LIMIT 1
    ) v ON true
    WHERE p.agency_id = $1
"""


@dataclass(frozen=True)
class Priced:
    """Where a version's product and price are at Stripe; `imported`: they were there before the plan."""

    version: int
    product: str
    price: str
    imported: bool


class PriceTaken(Exception):
    """The price is a plan's already."""


class PlanArchived(Exception):
    """The plan takes no new version."""


async def insert_plan(connection: Connection, agency: str, plan: Plan) -> None:
    """Enter a new plan with its version. One that is there already, because its request is repeated, stays."""
    await connection.execute(
        "INSERT INTO plans (id, agency_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        plan.id,
        agency,
        plan.created_at,
    )
    await _insert_version(connection, agency, plan, plan.created_at, request=None)


async def insert_imported(connection: Connection, agency: str, plan: Plan, product: str, price: str) -> None:
    """Enter a plan whose product and price the account has already. Raises PriceTaken."""
    await insert_plan(connection, agency, plan)
    try:
        await connection.execute(
            """
            UPDATE plan_versions SET account_id = $3, product_id = $4, price_id = $5, imported = true
            WHERE plan_id = $1 AND version = $2
            """,
            plan.id,
            plan.version,
            plan.account_id,
            product,
            price,
        )
    except asyncpg.UniqueViolationError as error:
        raise PriceTaken from error


async def add_version(connection: Connection, agency: str, plan: Plan, request: str, at: datetime) -> Plan:
    """Make these terms the plan's next version, once for each `request`; as it is numbered. Raises PlanArchived."""
    if await connection.fetchval("SELECT archived_at FROM plans WHERE id = $1 FOR UPDATE", plan.id):
        raise PlanArchived
    made = await connection.fetchval(
        "SELECT version FROM plan_versions WHERE plan_id = $1 AND request = $2", plan.id, request
    )
    if made is not None:
        return replace(plan, version=made)
    newest = await connection.fetchval("SELECT max(version) FROM plan_versions WHERE plan_id = $1", plan.id)
    plan = replace(plan, version=newest + 1)
    await _insert_version(connection, agency, plan, at, request=request)
    return plan


async def _insert_version(
    connection: Connection, agency: str, plan: Plan, at: datetime, *, request: str | None
) -> None:
    await connection.execute(
        """
        INSERT INTO plan_versions (plan_id, version, agency_id, name, tier, currency, price, included_minutes,
                                   overage_rate, call_increment_seconds, created_at, request, trial_days)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (plan_id, version) DO NOTHING
        """,
        plan.id,
        plan.version,
        agency,
        plan.name,
        plan.tier,
        plan.currency,
        plan.price,
        plan.included_minutes,
        plan.overage_rate,
        plan.call_increment_seconds,
        at,
        request,
        plan.trial_days,
    )


async def archive(connection: Connection, plan: str, at: datetime) -> None:
    """From now on nobody is assigned the plan: whoever just is (`still_offered`) is waited for."""
    await connection.execute("UPDATE plans SET archived_at = coalesce(archived_at, $2) WHERE id = $1", plan, at)


async def still_offered(connection: Connection, plan: str) -> bool:
    """Whether the plan is not archived; it stays so until the transaction ends."""
    archived_at = await connection.fetchval("SELECT archived_at FROM plans WHERE id = $1 FOR SHARE", plan)
    return archived_at is None


async def priced_versions(pool: Pool, plan: str, account: str) -> list[Priced]:
    """The versions whose product and price are in this account."""
    rows = await pool.fetch(
        """
        SELECT version, product_id AS product, price_id AS price, imported FROM plan_versions
        WHERE plan_id = $1 AND account_id = $2 AND price_id IS NOT NULL ORDER BY version
        """,
        plan,
        account,
    )
    return [Priced(**row) for row in rows]


async def imported_prices(pool: Pool, agency: str, account: str) -> frozenset[str]:
    """The account's prices that are plans already."""
    rows = await pool.fetch(
        "SELECT price_id FROM plan_versions WHERE agency_id = $1 AND account_id = $2 AND imported", agency, account
    )
    return frozenset(row["price_id"] for row in rows)


async def plan(source: Connection | Pool, agency: str, plan: str) -> Plan | None:
    row = await source.fetchrow(f"{_NEWEST} AND p.id = $2", agency, plan)
    return Plan(**row) if row else None


async def plans(pool: Pool, agency: str, limit: int, after: tuple[datetime, str] | None) -> list[Plan]:
    """At most `limit` plans, newest first, behind the position `after`."""
    rows = await pool.fetch(
        f"""
        {_NEWEST} AND ($2::timestamptz IS NULL OR (p.created_at, p.id) < ($2, $3::text))
        ORDER BY p.created_at DESC, p.id DESC LIMIT $4
        """,
        agency,
        *(after or (None, None)),
        limit,
    )
    return [Plan(**row) for row in rows]


async def versions(pool: Pool, plan: str, limit: int, before: int | None) -> list[Plan]:
    """At most `limit` of the plan's versions, newest first, below the number `before`; each since when it was sold."""
    rows = await pool.fetch(
        """
        SELECT p.id, v.version, v.name, v.tier, v.currency, v.price, v.included_minutes, v.overage_rate,
               v.call_increment_seconds, v.created_at, v.trial_days, v.account_id, p.archived_at
        FROM plans p JOIN plan_versions v ON v.plan_id = p.id
        WHERE p.id = $1 AND ($2::bigint IS NULL OR v.version < $2) ORDER BY v.version DESC LIMIT $3
        """,
        plan,
        before,
        limit,
    )
    return [Plan(**row) for row in rows]


async def clients_on(pool: Pool, agency: str, plans: Sequence[str]) -> dict[tuple[str, int], int]:
    """How many clients have each version of these plans now, by plan and version; a version that nobody has is left
    out."""
    rows = await pool.fetch(
        """
        SELECT state -> 'terms' ->> 'plan' AS plan, (state -> 'terms' ->> 'version')::int AS version, count(*)
        FROM subscriptions WHERE agency_id = $1 AND plan_id IS NOT NULL AND NOT finished AND status <> 'cancelled'
        AND state -> 'terms' ->> 'plan' = ANY ($2::text[]) GROUP BY 1, 2
        """,
        agency,
        plans,
    )
    return {(row["plan"], row["version"]): row["count"] for row in rows}


async def priced(pool: Pool, plan: Plan, account: str, product_id: str, price_id: str) -> None:
    """Remember where the version's product and price are at Stripe."""
    await pool.execute(
        """
        UPDATE plan_versions SET account_id = $3, product_id = $4, price_id = $5 WHERE plan_id = $1 AND version = $2
        """,
        plan.id,
        plan.version,
        account,
        product_id,
        price_id,
    )
