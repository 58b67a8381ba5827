"""What the books know of an agency and its connected account, as billing needs it."""

from datetime import datetime, timedelta

from adapters.postgres import freezes
from adapters.postgres.pool import Connection
from billing.payments import AccountReading
from billing.plans import Dunning, FinalAction


async def dunning(connection: Connection, agency: str) -> Dunning:
    """The agency's retry policy as it is now (billing-rules 6). Raises LookupError."""
    row = await connection.fetchrow("SELECT gaps_days, final_action FROM agencies WHERE id = $1", agency)
    if row is None:
        raise LookupError(f"no agency {agency}")
    return Dunning(tuple(row["gaps_days"]), FinalAction(row["final_action"]))


async def grace(connection: Connection, agency: str) -> timedelta:
    """The agency's usage grace as it is now (billing-rules 4). Raises LookupError."""
    minutes: int | None = await connection.fetchval("SELECT usage_grace_minutes FROM agencies WHERE id = $1", agency)
    if minutes is None:
        raise LookupError(f"no agency {agency}")
    return timedelta(minutes=minutes)


async def review_over(connection: Connection, agency: str, currency: str) -> int | None:
    """The agency's own limit for the overage of plans without a price, in minor units; none set in this currency."""
    limit: int | None = await connection.fetchval(
        "SELECT review_over FROM agencies WHERE id = $1 AND review_over_currency = $2", agency, currency
    )
    return limit


def state_of(reading: AccountReading) -> str:
    """The word for an account's health (http-api.md, "Its Stripe account, and what is left to do"): attempts are made
    on an active one only."""
    if not reading.connected:
        return "disconnected"
    if reading.healthy:
        return "active"
    return "restricted" if reading.details_submitted else "onboarding"


async def mirror_account(connection: Connection, reading: AccountReading, at: datetime) -> str | None:
    """Take over the account's health as Stripe has it, with the freeze or thaw that follows (billing-rules 8); its
    agency, or none for an account that is not ours."""
    agency: str | None = await connection.fetchval(
        "SELECT agency_id FROM connected_accounts WHERE account_id = $1", reading.account
    )
    if agency is None:
        return None
    # Whoever assigns a plan holds it too: no subscription begins between a freeze and its wake-up.
    await connection.execute("SELECT FROM agencies WHERE id = $1 FOR NO KEY UPDATE", agency)
    state = state_of(reading)
    was = await connection.fetchval("SELECT state FROM connected_accounts WHERE account_id = $1", reading.account)
    await connection.execute(
        """
        UPDATE connected_accounts SET state = $2, charges_enabled = $3, payouts_enabled = $4, details_submitted = $5,
                                      card_payments = $6, requirements = $7, updated_at = $8
        WHERE account_id = $1
        """,
        reading.account,
        state,
        reading.charges_enabled,
        reading.payouts_enabled,
        reading.details_submitted,
        reading.card_payments,
        list(reading.requirements),
        at,
    )
    await freezes.account_moved(connection, agency, reading.account, was, state, at)
    return agency
