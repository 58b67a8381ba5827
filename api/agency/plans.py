"""Plans: what an agency sells (billing-rules 2)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Query, Request
from pydantic import Field, model_validator

from adapters.postgres import agencies, plans, trail
from adapters.postgres.plans import Plan, PlanArchived
from adapters.postgres.pool import transaction
from api import fields
from api.conflicts import conflict
from api.fields import Answer, Increment, Name, ShortText, TrialDays, Whole
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import Money, MoneyIn, Rate, RateIn, money, rate
from api.openapi import conflicts, example
from api.pagination import Page, PageQuery, page
from api.services import Services, Used
from api.tenant import agency_router, own_agency, own_plan
from api.tokens import Caller

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
    trial_days: TrialDays = 0

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if self.price.currency != self.overage_rate.currency:
            raise ValueError("price and overage_rate have different currencies")
        return self


class VersionOut(Answer, json_schema_extra=example(version=1, **_PLAN, created_at="2026-11-23T15:00:00Z", clients=12)):
    """A plan's terms from `created_at` on, until its next version. `clients` is how many have this version now."""

    version: int
    name: str
    tier: str
    price: Money
    included_minutes: int
    overage_rate: Rate
    call_increment_seconds: Literal[1, 6, 60]
    trial_days: int
    created_at: datetime
    clients: int


class PlanOut(
    VersionOut,
    json_schema_extra=example(
        id="pln_3f5m7kq2n4b6c8d0e2f4",
        version=1,
        **_PLAN,
        created_at="2026-11-23T15:00:00Z",
        clients=12,
        clients_of_all_versions=20,
        archived_at=None,
    ),
):
    """A plan in its newest version. `created_at` is the plan's. Once it is archived nobody is assigned it any more."""

    id: str
    clients_of_all_versions: int
    archived_at: datetime | None


@router.post("", summary="Create a plan", status_code=201)
async def create(body: PlanIn, services: Used, caller: Calling, request: Request) -> PlanOut:
    """Product and price appear in the agency's Stripe account when the plan is first assigned."""
    await own_agency(services, caller)
    now = services.clock.now()
    plan = _plan(made_id("pln", seed(request)), body, now)
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
    return await shown_plan(services, caller, plan.id)


@router.post(
    "/{plan_id}/versions",
    summary="Make a new version of a plan",
    status_code=201,
    responses=conflicts("plan_archived"),
)
async def add_version(plan_id: str, body: PlanIn, services: Used, caller: Calling, request: Request) -> PlanOut:
    """The plan's terms from now on, whole. Subscriptions that run keep those that they were assigned: a plan change
    moves them."""
    plan, now = await own_plan(services, caller, plan_id), services.clock.now()
    terms = _plan(plan.id, body, plan.created_at)
    try:
        async with transaction(services.database) as connection:
            made = await plans.add_version(connection, caller.agency, terms, seed(request), now)
            await trail.write(
                connection,
                caller.agency,
                at=now,
                who=caller.name,
                what="plan_version_created",
                detail={"plan": plan.id, "version": made.version},
                dedupe_key=f"{plan.id}:v{made.version}:created",
            )
    except PlanArchived:
        raise conflict("plan_archived") from None
    return await shown_plan(services, caller, plan.id)


@router.post("/{plan_id}/archive", summary="Archive a plan")
async def archive(plan_id: str, services: Used, caller: Calling) -> PlanOut:
    """Nobody is assigned it any more; subscriptions to it go on. What we made of it at Stripe is archived there too."""
    plan, now = await own_plan(services, caller, plan_id), services.clock.now()
    # Before our own row: when Stripe is away nothing has changed, and the same request again repairs the rest.
    await _archive_at_stripe(services, caller.agency, plan)
    async with transaction(services.database) as connection:
        await plans.archive(connection, plan.id, now)
        await trail.write(
            connection,
            caller.agency,
            at=now,
            who=caller.name,
            what="plan_archived",
            detail={"plan": plan.id},
            dedupe_key=f"{plan.id}:archived",
        )
    return await shown_plan(services, caller, plan.id)


async def _archive_at_stripe(services: Services, agency: str, plan: Plan) -> None:
    account = await agencies.account(services.database, agency)
    if account is None or account.account_id is None or account.state == "disconnected":
        return
    for priced in await plans.priced_versions(services.database, plan.id, account.account_id):
        if not priced.imported:
            await services.prices.archive(account.account_id, plan.id, priced.version, priced.product)


@router.get("", summary="Plans, newest first")
async def list_plans(query: Annotated[PageQuery, Query()], services: Used, caller: Calling) -> Page[PlanOut]:
    scope = f"plans:{caller.agency}"
    rows = await plans.plans(services.database, caller.agency, query.limit + 1, query.after_time(scope))
    having = await plans.clients_on(services.database, caller.agency, [plan.id for plan in rows])
    return page(rows, query.limit, scope, lambda plan: (plan.created_at, plan.id), lambda plan: _plan_out(plan, having))


@router.get("/{plan_id}", summary="A plan")
async def read(plan_id: str, services: Used, caller: Calling) -> PlanOut:
    return await shown_plan(services, caller, plan_id)


@router.get("/{plan_id}/versions", summary="A plan's versions, newest first")
async def list_versions(
    plan_id: str, query: Annotated[PageQuery, Query()], services: Used, caller: Calling
) -> Page[VersionOut]:
    """What was sold when. Each subscription names the version that it was assigned."""
    plan, scope = await own_plan(services, caller, plan_id), f"plan-versions:{caller.agency}:{plan_id}"
    rows = await plans.versions(services.database, plan.id, query.limit + 1, query.after_number(scope))
    having = await plans.clients_on(services.database, caller.agency, [plan.id])
    return page(
        rows, query.limit, scope, lambda one: ("", str(one.version)), lambda one: VersionOut(**_version(one, having))
    )


def _plan(id: str, body: PlanIn, created_at: datetime) -> Plan:
    return Plan(
        id=id,
        version=1,
        name=body.name,
        tier=body.tier,
        currency=body.price.currency,
        price=body.price.amount,
        included_minutes=body.included_minutes,
        overage_rate=Decimal(body.overage_rate.amount_decimal),
        call_increment_seconds=body.call_increment_seconds,
        created_at=created_at,
        trial_days=body.trial_days,
    )


async def shown_plan(services: Services, caller: Caller, plan_id: str) -> PlanOut:
    """Raises NotFound."""
    plan = await own_plan(services, caller, plan_id)
    return _plan_out(plan, await plans.clients_on(services.database, caller.agency, [plan.id]))


def _plan_out(plan: Plan, having: Mapping[tuple[str, int], int]) -> PlanOut:
    """`having`: how many clients have each version."""
    return PlanOut(
        id=plan.id,
        archived_at=plan.archived_at,
        clients_of_all_versions=sum(count for (of, _), count in having.items() if of == plan.id),
        **_version(plan, having),
    )


def _version(plan: Plan, having: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    return {
        "version": plan.version,
        "name": plan.name,
        "tier": plan.tier,
        "price": money(plan.price, plan.currency),
        "included_minutes": plan.included_minutes,
        "overage_rate": rate(plan.overage_rate, plan.currency),
        "call_increment_seconds": plan.call_increment_seconds,
        "trial_days": plan.trial_days,
        "created_at": plan.created_at,
        "clients": having.get((plan.id, plan.version), 0),
    }
