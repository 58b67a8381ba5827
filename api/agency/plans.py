"""Plans: what an agency sells (billing-rules 2)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Query, Request
from pydantic import Field, model_validator

from adapters.postgres import plans, trail
from adapters.postgres.plans import Plan
from adapters.postgres.pool import transaction
from api import fields
from api.fields import Answer, Increment, Name, ShortText, Whole
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import Money, MoneyIn, Rate, RateIn, money, rate
from api.openapi import example, refusals
from api.pagination import Page, PageQuery, page
from api.problems import InvalidFields
from api.services import Used
from api.tenant import agency_router, own_agency, own_plan

router = agency_router("Plans", "/plans")
_PLAN: Final[dict[str, Any]] = {
    "name": "Voice Pro",
    "tier": "pro",
    "price": {"amount": 4900, "currency": "usd"},
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
    "call_increment_seconds": 60,
    "trial_days": 0,
}
MOST_MINUTES: Final = 10_000_000


class PlanIn(fields.Request, json_schema_extra=example(**_PLAN)):
    """A plan. Zero price, zero included minutes and a zero rate are legal, alone and together."""

    name: Name
    tier: ShortText
    price: MoneyIn
    included_minutes: Annotated[Whole, Field(ge=0, le=MOST_MINUTES)]
    overage_rate: RateIn
    call_increment_seconds: Increment = 60
    trial_days: Annotated[Whole, Field(ge=0, le=730)] = 0

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if self.price.currency != self.overage_rate.currency:
            raise ValueError("price and overage_rate have different currencies")
        return self


class PlanOut(
    Answer,
    json_schema_extra=example(id="pln_3f5m7kq2n4b6c8d0e2f4", version=1, **_PLAN, created_at="2026-11-23T15:00:00Z"),
):
    """A plan in its newest version."""

    id: str
    version: int
    name: str
    tier: str
    price: Money
    included_minutes: int
    overage_rate: Rate
    call_increment_seconds: Literal[1, 6, 60]
    trial_days: int
    created_at: datetime


@router.post("", summary="Create a plan", status_code=201, responses=refusals(422, "not_available"))
async def create(body: PlanIn, services: Used, caller: Calling, request: Request) -> PlanOut:
    """Product and price appear in the agency's Stripe account when the plan is first assigned."""
    if body.trial_days:
        raise InvalidFields(("trial_days", "trials are not available in this version"), code="not_available")
    await own_agency(services, caller)
    now = services.clock.now()
    plan = Plan(
        id=made_id("pln", seed(request)),
        version=1,
        name=body.name,
        tier=body.tier,
        currency=body.price.currency,
        price=body.price.amount,
        included_minutes=body.included_minutes,
        overage_rate=Decimal(body.overage_rate.amount_decimal),
        call_increment_seconds=body.call_increment_seconds,
        created_at=now,
    )
    async with transaction(services.database) as connection:
        await plans.insert_plan(connection, caller.agency, plan)
        await trail.write(
            connection,
            caller.agency,
            at=now,
            who=caller.name,
            what="plan_created",
            detail={"plan": plan.id},
            dedupe_key=f"{plan.id}:created",
        )
    return plan_out(await own_plan(services, caller, plan.id))


@router.get("", summary="Plans, newest first")
async def list_plans(query: Annotated[PageQuery, Query()], services: Used, caller: Calling) -> Page[PlanOut]:
    scope = f"plans:{caller.agency}"
    rows = await plans.plans(services.database, caller.agency, query.limit + 1, query.after_time(scope))
    return page(rows, query.limit, scope, lambda plan: (plan.created_at, plan.id), plan_out)


@router.get("/{plan_id}", summary="A plan")
async def read(plan_id: str, services: Used, caller: Calling) -> PlanOut:
    return plan_out(await own_plan(services, caller, plan_id))


def plan_out(plan: Plan) -> PlanOut:
    return PlanOut(
        id=plan.id,
        version=plan.version,
        name=plan.name,
        tier=plan.tier,
        price=money(plan.price, plan.currency),
        included_minutes=plan.included_minutes,
        overage_rate=rate(plan.overage_rate, plan.currency),
        call_increment_seconds=plan.call_increment_seconds,
        trial_days=0,
        created_at=plan.created_at,
    )
