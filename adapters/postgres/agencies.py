"""Agencies, their settings, and their Stripe accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from adapters.postgres.pool import Connection, Pool
from billing.plans import Dunning, FinalAction

Tier: TypeAlias = Literal["starter", "growth", "scale"]
TaxMode: TypeAlias = Literal["none", "rates"]
AccountState: TypeAlias = Literal["onboarding", "active", "restricted", "disconnected"]
SELLING_TIERS: Final = frozenset({"growth", "scale"})
"""The tiers that may assign plans (billing-rules 8)."""


@dataclass(frozen=True)
class Agency:
    """An agency with its settings, as its row has them."""

    id: str
    name: str
    country: str
    timezone: str
    tier: Tier
    default_currency: str
    application_fee_percent: Decimal
    gaps_days: tuple[int, ...]
    final_action: str
    usage_grace_minutes: int
    usage_alert_percents: tuple[int, ...]
    review_over: int | None
    review_over_currency: str | None
    allowed_origins: tuple[str, ...]
    tax_mode: TaxMode
    tax_rate_ids: tuple[str, ...]
    sender_name: str | None
    sender_email: str | None
    support_email: str | None
    support_phone: str | None
    support_url: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def tax_rates(self) -> tuple[str, ...]:
        """Those that its invoices are drafted with now."""
        return self.tax_rate_ids if self.tax_mode == "rates" else ()

    @property
    def dunning(self) -> Dunning:
        return Dunning(self.gaps_days, FinalAction(self.final_action))

    @property
    def grace(self) -> timedelta:
        return timedelta(minutes=self.usage_grace_minutes)


@dataclass(frozen=True)
class Account:
    """An agency's connected account. `account_id` is none until Stripe has answered; `number` counts its accounts."""

    agency_id: str
    number: int
    account_id: str | None
    state: AccountState
    charges_enabled: bool
    payouts_enabled: bool
    details_submitted: bool
    card_payments: str
    requirements: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether it can charge (billing-rules 8)."""
        return self.state == "active"

    @property
    def takes_cards(self) -> bool:
        """Whether a card can be saved in it, which it may be before it can charge."""
        return self.account_id is not None and self.state != "disconnected"


_LISTS: Final = ("gaps_days", "usage_alert_percents", "allowed_origins", "tax_rate_ids", "requirements")
_AGENCY: Final = ", ".join(Agency.__dataclass_fields__)
_ACCOUNT: Final = ", ".join(Account.__dataclass_fields__)
CHANGEABLE: Final = frozenset(Agency.__dataclass_fields__) - {"id", "country", "created_at", "updated_at"}


def _fields(row: Mapping[str, object]) -> dict[str, object]:
    return {name: tuple(value) if name in _LISTS else value for name, value in row.items()}  # type: ignore[arg-type]


async def insert_agency(
    connection: Connection,
    agency: str,
    *,
    name: str,
    country: str,
    timezone: str,
    tier: Tier,
    default_currency: str,
    application_fee_percent: Decimal,
    at: datetime,
) -> None:
    """Enter a new agency. One that is there already, because its request is repeated, stays as it is."""
    await connection.execute(
        """
        INSERT INTO agencies (id, name, country, timezone, tier, default_currency, application_fee_percent, created_at,
                              updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (id) DO NOTHING
        """,
        agency,
        name,
        country,
        timezone,
        tier,
        default_currency,
        application_fee_percent,
        at,
    )


async def agency(source: Connection | Pool, agency: str) -> Agency | None:
    row = await source.fetchrow(f"SELECT {_AGENCY} FROM agencies WHERE id = $1", agency)
    return Agency(**_fields(row)) if row else None  # type: ignore[arg-type]


async def locked_agency(connection: Connection, agency: str) -> Agency | None:
    """The agency as it is until the transaction ends: nobody else changes it meanwhile."""
    row = await connection.fetchrow(f"SELECT {_AGENCY} FROM agencies WHERE id = $1 FOR NO KEY UPDATE", agency)
    return Agency(**_fields(row)) if row else None  # type: ignore[arg-type]


async def shared_agency(connection: Connection, agency: str) -> None:
    """Let nobody change the agency, or freeze it, until the transaction ends."""
    await connection.execute("SELECT FROM agencies WHERE id = $1 FOR SHARE", agency)


async def change_agency(connection: Connection, agency: str, changes: Mapping[str, object], at: datetime) -> None:
    """Set the given columns. Raises ValueError for one that can't be changed."""
    if not changes.keys() <= CHANGEABLE:
        raise ValueError(f"not to be changed: {sorted(changes.keys() - CHANGEABLE)}")
    sets = "".join(f", {name} = ${n}" for n, name in enumerate(changes, start=3))
    if "usage_alert_percents" in changes:
        sets += ", usage_levels_since = $2"
    await connection.execute(f"UPDATE agencies SET updated_at = $2{sets} WHERE id = $1", agency, at, *changes.values())


async def account(source: Connection | Pool, agency: str) -> Account | None:
    """The agency's account: the current one, or the last that was disconnected."""
    row = await source.fetchrow(
        f"SELECT {_ACCOUNT} FROM connected_accounts WHERE agency_id = $1 ORDER BY number DESC LIMIT 1", agency
    )
    return Account(**_fields(row)) if row else None  # type: ignore[arg-type]


async def begin_account(connection: Connection, agency: str, at: datetime) -> Account:
    """The agency's current account, or a new one that still awaits its id from Stripe.

    Tax rates are an account's: with a new one the agency names them anew, for Stripe would refuse each invoice.
    """
    await connection.execute("SELECT 1 FROM agencies WHERE id = $1 FOR NO KEY UPDATE", agency)
    known = await account(connection, agency)
    if known and known.state != "disconnected":
        return known
    await connection.execute("UPDATE agencies SET tax_mode = 'none', tax_rate_ids = '{}' WHERE id = $1", agency)
    row = await connection.fetchrow(
        f"""
        INSERT INTO connected_accounts (agency_id, number, state, created_at, updated_at)
        VALUES ($1, $2, 'onboarding', $3, $3) RETURNING {_ACCOUNT}
        """,
        agency,
        known.number + 1 if known else 1,
        at,
    )
    return Account(**_fields(row))  # type: ignore[arg-type]


async def name_account(pool: Pool, agency: str, number: int, account_id: str, at: datetime) -> None:
    """Write the id that Stripe gave the account."""
    await pool.execute(
        """
        UPDATE connected_accounts SET account_id = $3, updated_at = $4
        WHERE agency_id = $1 AND number = $2 AND account_id IS NULL
        """,
        agency,
        number,
        account_id,
        at,
    )
