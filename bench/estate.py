"""Agencies with subscribed clients in the books, without the API: benchmarks begin where months have passed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from adapters.postgres import accounts, agencies, clients, plans, projection
from adapters.postgres.calls import Call
from adapters.postgres.plans import Plan
from adapters.postgres.pool import Connection, Pool, transaction
from adapters.postgres.usage import record_calls
from billing.payments import AccountReading
from billing.periods import boundary
from billing.state import RULES, Card, State
from billing.subscription import opened
from billing.usage import Outcome

ZONE: Final = "UTC"
BEGUN_BEFORE: Final = timedelta(days=32)
"""How long before its closing a subscription's first period began: longer than any month."""
OVER_SECONDS: Final = 31_000
"""A little more than the 500 minutes that the plan includes: every invoice has its overage line."""
CALLS_AT_ONCE: Final = 500
CARD: Final = Card("pm_bench", "fp_bench", 12, 2040, "visa", "4242")


@dataclass(frozen=True)
class Agency:
    """An agency that can charge, and the one plan that it sells."""

    id: str
    account: str
    plan: Plan


@dataclass(frozen=True)
class Holder:
    """Who is charged: the customer at the provider, and the card on file. The account is the agency's."""

    customer: str
    card: Card


async def furnish_agencies(pool: Pool, named: Sequence[str], at: datetime) -> list[Agency]:
    """An agency for each of these connected accounts."""
    return [await _furnish_agency(pool, f"agc_{number}", account, at) for number, account in enumerate(named)]


async def _furnish_agency(pool: Pool, agency: str, account: str, at: datetime) -> Agency:
    plan = Plan(f"pln_{agency}", 1, "Voice Pro", "pro", "usd", 4900, 500, Decimal("12.5"), 60, at)
    async with transaction(pool) as connection:
        await agencies.insert_agency(
            connection,
            agency,
            name="Bench",
            country="US",
            timezone=ZONE,
            tier="growth",
            default_currency="usd",
            application_fee_percent=Decimal(0),
            at=at,
        )
        await agencies.begin_account(connection, agency, at)
        await plans.insert_plan(connection, agency, plan)
    await agencies.name_account(pool, agency, 1, account, at)
    reading = AccountReading(
        account, charges_enabled=True, payouts_enabled=True, details_submitted=True, card_payments="active"
    )
    async with transaction(pool) as connection:
        await accounts.mirror_account(connection, reading, at)
    return Agency(agency, account, plan)


async def subscribe(
    pool: Pool, agency: Agency, names: Sequence[str], closing_at: datetime, holders: Sequence[Holder] = ()
) -> list[State]:
    """A client of each name, whose first period was paid and is closed at `closing_at`, with calls beyond the plan's.

    `holders` are theirs in turn; without any, customers and cards are made up.
    """
    states = [
        _state(agency, name, closing_at, holders[number] if holders else Holder(f"cus_{name}", CARD))
        for number, name in enumerate(names)
    ]
    async with transaction(pool) as connection:
        for state in states:
            await _enter(connection, state)
    for first in range(0, len(states), CALLS_AT_ONCE):
        await _report(pool, agency, states[first : first + CALLS_AT_ONCE])
    return states


def _state(agency: Agency, name: str, closing_at: datetime, holder: Holder) -> State:
    anchor = closing_at - BEGUN_BEFORE
    state = opened(
        id=f"sub_{name}",
        agency=agency.id,
        client=f"cli_{name}",
        account=agency.account,
        customer=holder.customer,
        zone=ZONE,
        terms=agency.plan.terms,
        rules=RULES,
        at=anchor,
        starts_at=anchor,
        card=holder.card,
        # The grace makes up for the length of the month, so that everybody's period closes at the same instant.
        grace=closing_at - boundary(anchor, ZONE, 1),
    )
    return replace(state, to_issue=())


async def _enter(connection: Connection, state: State) -> None:
    await clients.insert_client(
        connection,
        state.agency,
        state.client,
        name=state.client,
        email=f"{state.client}@bench.example",
        external_id=None,
        billing_details=None,
        at=state.clock,
    )
    await connection.execute(
        "INSERT INTO customers (client_id, account_id, agency_id, customer_id, created_at) VALUES ($1, $2, $3, $4, $5)",
        state.client,
        state.account,
        state.agency,
        state.customer,
        state.clock,
    )
    await projection.open_subscription(connection, state, {}, state.clock)


async def _report(pool: Pool, agency: Agency, states: Sequence[State]) -> None:
    at = states[0].clock + timedelta(days=1)
    calls = [Call(f"call-{state.id}", state.client, at, OVER_SECONDS, Outcome.COMPLETED) for state in states]
    receipt = await record_calls(pool, agency.id, calls, at + timedelta(days=1))
    if any(verdict.result != "accepted" for verdict in receipt.verdicts):
        raise RuntimeError("a call was not accepted: what would be closed is not a period with overage")
