"""Assigning a plan: everything that must hold, what Stripe must know, and one transaction (billing-rules 8)."""

from datetime import datetime
from typing import Any, Literal, Self

import asyncpg
from pydantic import model_validator

from adapters.postgres import plans, trail
from adapters.postgres.agencies import Agency
from adapters.postgres.clients import Client
from adapters.postgres.plans import Plan
from adapters.postgres.pool import transaction
from adapters.postgres.subscriptions import Subscription, current_subscription
from api import fields
from api.agency.selling import charging_account, check_currency, check_tier
from api.agency.starting import begin
from api.conflicts import conflict
from api.fields import Id, Instant, TrialDays
from api.ids import made_id
from api.openapi import example
from api.problems import InvalidFields
from api.services import Services
from api.spend_caps import SpendCapIn, cap_of
from api.tenant import customer_of, own_agency, own_client
from api.tokens import Caller
from billing.periods import START_AHEAD, START_BACK
from billing.state import RULES
from workflows.messages import Start


class AssignIn(
    fields.Request,
    json_schema_extra=example(
        plan_id="pln_3f5m7kq2n4b6c8d0e2f4", start="now", first_period="bill", collection="automatic"
    ),
):
    """`starts_at` is when service begins, up to 31 days back or 366 ahead (default: now). `start: first_card` takes the
    instant at which a card is saved instead. That is the anchor, or the beginning of a trial of `trial_days` (default:
    the plan's), whose end is the anchor. `first_period: free` is for clients who paid for it elsewhere."""

    plan_id: Id
    trial_days: TrialDays | None = None
    start: Literal["now", "first_card"] = "now"
    starts_at: Instant | None = None
    first_period: Literal["bill", "free"] = "bill"
    collection: Literal["automatic", "manual"] = "automatic"
    spend_cap: SpendCapIn | None = None

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.start == "first_card" and self.starts_at:
            raise ValueError("starts_at does not go with start: first_card")
        if self.start == "first_card" and self.collection == "manual":
            raise ValueError("collection: manual does not go with start: first_card")
        return self


async def assign(
    services: Services, caller: Caller, client_id: str, body: AssignIn, seed: str
) -> tuple[Subscription, bool]:
    """The client's subscription to the plan, and whether it is new; the same again changes nothing.

    Raises Conflict `already_subscribed`, `stripe_not_ready`, `agency_frozen`, `client_archived` or `plan_archived`,
    Forbidden `billing_not_available`, InvalidFields.
    """
    client, plan = await own_client(services, caller, client_id), await plan_of(services, caller, body.plan_id)
    known = await _same(services, client, plan, body)
    if known:
        return known, False
    agency = await own_agency(services, caller)
    now = services.clock.now()
    account = await _may_sell(services, agency, client, plan, body, now)
    customer = await customer_of(services, client, account) if account else ""
    if account:
        await price_at_stripe(services, plan, account)
    start = _start(agency, client, plan, body, account, customer, made_id("sub", seed), now)
    try:
        await _enter(services, caller, start, _asked(plan, body), now)
    except asyncpg.UniqueViolationError:
        known = await _same(services, client, plan, body)
        if known is None:
            raise
        return known, False
    made = await current_subscription(services.database, client.agency_id, client.id)
    assert made is not None, "what was just committed"
    return made, True


async def plan_of(services: Services, caller: Caller, plan_id: str) -> Plan:
    """The plan that a request names. Raises InvalidFields for one that is not the agency's."""
    plan = await plans.plan(services.database, caller.agency, plan_id)
    if plan is None:
        raise InvalidFields(("plan_id", "is not a plan of this agency"))
    return plan


async def _same(services: Services, client: Client, plan: Plan, body: AssignIn) -> Subscription | None:
    """The running subscription when it was assigned by the same request. Raises Conflict when by another one."""
    known = await current_subscription(services.database, client.agency_id, client.id)
    if known is None or known.state.status == "cancelled":
        return None
    same = (known.plan_id, known.plan_version, known.request) == (plan.id, plan.version, _asked(plan, body))
    if not same:
        raise conflict("already_subscribed")
    return known


def _asked(plan: Plan, body: AssignIn) -> dict[str, Any]:
    """The request as it is compared and kept: an instant in any offset is the same instant."""
    asked = body.model_dump(mode="json")
    starts_at = body.starts_at.timestamp() if body.starts_at else None
    return {**asked, "starts_at": starts_at, "trial_days": _trial_days(plan, body)}


def _trial_days(plan: Plan, body: AssignIn) -> int:
    return plan.trial_days if body.trial_days is None else body.trial_days


async def _may_sell(
    services: Services, agency: Agency, client: Client, plan: Plan, body: AssignIn, now: datetime
) -> str:
    """The connected account, once everything holds that must hold for a new subscription; empty under manual
    collection, which needs none."""
    if client.archived_at:
        raise conflict("client_archived")
    if plan.archived_at:
        raise conflict("plan_archived")
    cap_of(body.spend_cap, plan.currency)
    if body.starts_at and not now - START_BACK <= body.starts_at <= now + START_AHEAD:
        raise InvalidFields(("starts_at", "is more than 31 days back or 366 days ahead"))
    if body.collection == "manual":
        check_tier(agency)
        return ""
    account = await charging_account(services, agency)
    await check_currency(services, agency, plan.currency, "plan_id", now)
    return account


async def price_at_stripe(services: Services, plan: Plan, account: str) -> None:
    """Product and price at Stripe, where the agency sees them."""
    if plan.account_id == account:
        return
    made = await services.directory.create_plan_price(
        account, plan.id, plan.version, name=plan.name, currency=plan.currency, price=plan.price
    )
    await plans.priced(services.database, plan, account, made.product, made.price)


def _start(
    agency: Agency, client: Client, plan: Plan, body: AssignIn, account: str, customer: str, id: str, now: datetime
) -> Start:
    return Start(
        subscription=id,
        agency=agency.id,
        client=client.id,
        account=account,
        customer=customer,
        zone=agency.timezone,
        terms=plan.terms,
        rules=RULES,
        requested_at=now,
        starts_at=None if body.start == "first_card" else body.starts_at or now,
        first_free=body.first_period == "free",
        grace=agency.grace,
        spend_cap=cap_of(body.spend_cap, plan.currency),
        manual=body.collection == "manual",
        trial_days=_trial_days(plan, body),
    )


async def _enter(services: Services, caller: Caller, start: Start, asked: dict[str, Any], now: datetime) -> None:
    """Row and start in one transaction: delivery brings the start to Temporal, also when that is away now."""
    async with transaction(services.database) as connection:
        if not await plans.still_offered(connection, start.terms.plan):
            raise conflict("plan_archived")
        await begin(connection, start, asked, now)
        await trail.write(
            connection,
            start.agency,
            at=now,
            who=caller.name,
            what="plan_assigned",
            client=start.client,
            subscription=start.subscription,
            detail={"plan": start.terms.plan, "version": start.terms.version, **asked},
            dedupe_key=f"{start.subscription}:assigned",
        )
