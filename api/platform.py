"""The platform's calls: agencies, their tier and the platform's fee."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import Field

from adapters.postgres import agencies, freezes, trail
from adapters.postgres.agencies import Agency, Tier
from adapters.postgres.pool import transaction
from api import fields
from api.fields import Answer, Country, Name, Zone
from api.guard import BEARER, Calling, guarded
from api.idempotency import seed
from api.ids import made_id
from api.money import Currency
from api.openapi import example
from api.problems import NotFound
from api.services import Used
from api.tokens import Role

router = APIRouter(prefix="/v1/agencies", tags=["Platform"], route_class=guarded(Role.PLATFORM), dependencies=[BEARER])
_NEW: Final[dict[str, Any]] = {
    "name": "Bright Voice",
    "country": "US",
    "timezone": "America/New_York",
    "tier": "growth",
    "default_currency": "usd",
}
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]


class AgencyIn(fields.Request, json_schema_extra=example(**_NEW)):
    """A new agency. `timezone` is copied into each subscription that it starts."""

    name: Name
    country: Country
    timezone: Zone = "UTC"
    tier: Tier
    default_currency: Currency
    application_fee_percent: Percent | None = None


class AgencyChange(fields.Change, json_schema_extra=example(tier="scale")):
    """What the platform may change; what is left out stays."""

    name: Name | None = None
    tier: Tier | None = None
    application_fee_percent: Percent | None = None


class AgencyOut(
    Answer,
    json_schema_extra=example(
        id="agc_3f5m7kq2n4b6c8d0e2f4", **_NEW, application_fee_percent=1.5, created_at="2026-11-23T15:00:00Z"
    ),
):
    id: str
    name: str
    country: str
    timezone: str
    tier: Tier
    default_currency: str
    application_fee_percent: float
    created_at: datetime


@router.post("", summary="Create an agency", status_code=201)
async def create(body: AgencyIn, services: Used, caller: Calling, request: Request) -> AgencyOut:
    agency, now = made_id("agc", seed(request)), services.clock.now()
    async with transaction(services.database) as connection:
        await agencies.insert_agency(
            connection,
            agency,
            name=body.name,
            country=body.country,
            timezone=body.timezone,
            tier=body.tier,
            default_currency=body.default_currency,
            application_fee_percent=body.application_fee_percent or Decimal(0),
            at=now,
        )
        await trail.write(
            connection, agency, at=now, who=caller.name, what="agency_created", dedupe_key=f"{agency}:created"
        )
    return await _shown(services, agency)


@router.get("/{agency_id}", summary="An agency")
async def read(agency_id: str, services: Used) -> AgencyOut:
    return await _shown(services, agency_id)


@router.patch("/{agency_id}", summary="Change an agency")
async def change(agency_id: str, body: AgencyChange, services: Used, caller: Calling) -> AgencyOut:
    """A new fee is that of invoices which are drafted from now on."""
    changes, now = body.given(), services.clock.now()
    said = {name: str(value) if isinstance(value, Decimal) else value for name, value in changes.items()}
    async with transaction(services.database) as connection:
        before = await agencies.locked_agency(connection, agency_id)
        if before is None:
            raise NotFound
        await agencies.change_agency(connection, agency_id, changes, now)
        if body.tier:
            await freezes.tier_moved(connection, agency_id, before.tier, body.tier, now)
        await trail.write(connection, agency_id, at=now, who=caller.name, what="agency_changed", detail=said)
    return await _shown(services, agency_id)


async def _shown(services: Used, agency: str) -> AgencyOut:
    known = await agencies.agency(services.database, agency)
    if known is None:
        raise NotFound
    return _out(known)


def _out(agency: Agency) -> AgencyOut:
    return AgencyOut(
        id=agency.id,
        name=agency.name,
        country=agency.country,
        timezone=agency.timezone,
        tier=agency.tier,
        default_currency=agency.default_currency,
        application_fee_percent=float(agency.application_fee_percent),
        created_at=agency.created_at,
    )
