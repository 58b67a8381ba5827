"""Prices that exist in the agency's own Stripe account, and the plans that are made of them (billing-rules 2)."""

from decimal import Decimal
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field

from adapters.postgres import plans, trail
from adapters.postgres.plans import Plan, PriceTaken
from adapters.postgres.pool import transaction
from api import fields
from api.agency.plans import MOST_MINUTES, PlanOut, shown_plan
from api.fields import Answer, Increment, Name, ShortText, Whole
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import Money, RateIn, money
from api.openapi import conflicts, example
from api.pagination import Page, PageQuery, cut
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import agency_router, connected_account, own_agency
from billing.imports import PriceReading, import_obstacle

router = agency_router("Plans")
_TIER = "standard"
_TAKEN = ("stripe_price_id", "is a plan already")


class PriceOut(
    Answer,
    json_schema_extra=example(
        id="price_1Nv0FGQ9RKHgCVdK",
        product_id="prod_OgnWkQv1ZxH3bM",
        name="Voice Pro",
        nickname=None,
        price={"amount": 4900, "currency": "usd"},
    ),
):
    """A monthly price of the agency's own that no plan has yet. `name` is its product's."""

    id: str
    product_id: str
    name: str
    nickname: str | None
    price: Money


class ImportIn(
    fields.Request,
    json_schema_extra=example(
        stripe_price_id="price_1Nv0FGQ9RKHgCVdK",
        included_minutes=500,
        overage_rate={"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
    ),
):
    """What Stripe does not know of the plan. Its price, currency and, unless it is given, name are the price's."""

    stripe_price_id: Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_]+$")]
    included_minutes: Annotated[Whole, Field(ge=0, le=MOST_MINUTES)]
    overage_rate: RateIn
    name: Name | None = None
    tier: ShortText = _TIER
    call_increment_seconds: Increment = 60


@router.get("/stripe/prices", summary="Prices that could be imported", responses=conflicts("stripe_not_ready"))
async def list_prices(query: Annotated[PageQuery, Query()], services: Used, caller: Calling) -> Page[PriceOut]:
    """Active, monthly, licensed, one whole amount per unit, and no plan's yet. A page can be short and yet not the
    last: `next_cursor` says."""
    agency = await own_agency(services, caller)
    _, account = await connected_account(services, agency.id)
    scope = f"prices:{account}"
    position = query.after(scope)
    found = await services.prices.importable(account, query.limit, position[1] if position else None)
    taken = await plans.imported_prices(services.database, agency.id, account)
    shown = [_out(price) for price in found.prices if price.id not in taken]
    return cut(shown, ("", found.last) if found.last else None, scope)


@router.post(
    "/plans/import",
    summary="Make a plan of a Stripe price",
    status_code=201,
    responses=conflicts("stripe_not_ready"),
)
async def import_price(body: ImportIn, services: Used, caller: Calling, request: Request) -> PlanOut:
    """The price stays the agency's: archiving the plan leaves it as it is."""
    agency = await own_agency(services, caller)
    _, account = await connected_account(services, agency.id)
    price, amount = await _fitting(services, account, body)
    plan = _plan(made_id("pln", seed(request)), services, account, price, amount, body)
    try:
        async with transaction(services.database) as connection:
            await plans.insert_imported(connection, agency.id, plan, price.product, price.id)
            await trail.write(
                connection,
                agency.id,
                at=plan.created_at,
                who=caller.name,
                what="plan_imported",
                detail={"plan": plan.id, "price": price.id},
                dedupe_key=f"{plan.id}:created",
            )
    except PriceTaken:
        raise InvalidFields(_TAKEN) from None
    return await shown_plan(services, caller, plan.id)


async def _fitting(services: Services, account: str, body: ImportIn) -> tuple[PriceReading, int]:
    """The price with its amount. Raises InvalidFields with what keeps it from being this plan's."""
    price = await services.prices.read(account, body.stripe_price_id)
    if price is None:
        raise InvalidFields(("stripe_price_id", "is no price of the agency's Stripe account"))
    obstacle = import_obstacle(price)
    if obstacle or price.amount is None:
        raise InvalidFields(("stripe_price_id", obstacle or "has no amount"))
    if body.overage_rate.currency != price.currency:
        raise InvalidFields(("overage_rate.currency", f"is not the price's, {price.currency}"))
    return price, price.amount


def _plan(id: str, services: Services, account: str, price: PriceReading, amount: int, body: ImportIn) -> Plan:
    return Plan(
        id=id,
        version=1,
        name=body.name or price.name,
        tier=body.tier,
        currency=price.currency,
        price=amount,
        included_minutes=body.included_minutes,
        overage_rate=Decimal(body.overage_rate.amount_decimal),
        call_increment_seconds=body.call_increment_seconds,
        created_at=services.clock.now(),
        account_id=account,
    )


def _out(price: PriceReading) -> PriceOut:
    return PriceOut(
        id=price.id,
        product_id=price.product,
        name=price.name,
        nickname=price.nickname,
        price=money(price.amount or 0, price.currency),
    )
