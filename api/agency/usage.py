"""Usage of every client in its current period: who is about to run over what is included."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from fastapi import Query
from pydantic import Field

from adapters.postgres import clients, figures
from adapters.postgres.figures import Usage
from api.fields import Answer
from api.guard import Calling
from api.money import Money, money
from api.openapi import example
from api.pagination import NO_CURSOR, Page, PageQuery, page
from api.problems import InvalidFields
from api.services import Used
from api.spend_caps import CAP, CapUseOut, cap_use_out
from api.subscription_out import PERIOD, PeriodOut, period_out
from api.tenant import agency_router, own_agency
from billing.usage import minutes_text

router = agency_router("Usage", "/usage")
_NOTHING_INCLUDED: Final = Decimal(-1)
"""Where a client of whose plan no percentage can be said stands in the order: last."""


class ClientUsageOut(
    Answer,
    json_schema_extra=example(
        client_id="cli_3f5m7kq2n4b6c8d0e2f4",
        client_name="Harbor Dental",
        subscription_id="sub_3f5m7kq2n4b6c8d0e2f4",
        current_period=PERIOD,
        seconds_used=36720,
        minutes_used="612.0",
        minutes_included=500,
        percent=122.4,
        overage_minutes="112.0",
        overage_so_far={"amount": 1400, "currency": "usd"},
        spend_cap={**CAP, "reached": False},
        projected_minutes="700.0",
        projected_overage={"amount": 2500, "currency": "usd"},
    ),
):
    """A client's current period. `percent` is null when nothing is included; `projected_…`: if it goes on like this."""

    client_id: str
    client_name: str
    subscription_id: str
    current_period: PeriodOut | None
    seconds_used: int
    minutes_used: str
    minutes_included: int
    percent: float | None
    overage_minutes: str
    overage_so_far: Money
    spend_cap: CapUseOut | None
    projected_minutes: str
    projected_overage: Money


class UsageQuery(PageQuery):
    over_percent: Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=10, decimal_places=1)] | None = None


@router.get("", summary="Usage of every client, by percent of what is included")
async def list_usage(query: Annotated[UsageQuery, Query()], services: Used, caller: Calling) -> Page[ClientUsageOut]:
    """Clients with a current period, the fullest first. `over_percent` leaves those who have used that much or more."""
    await own_agency(services, caller)
    scope = f"usage:{caller.agency}:{query.over_percent}"
    after = _rank_of(query.after(scope))
    usages = await figures.agency_usage(services.database, caller.agency, services.clock.now())
    wanted = [usage for usage in usages if query.over_percent is None or _percent(usage) >= query.over_percent]
    rows = [usage for usage in wanted if after is None or _rank(usage) > after][: query.limit + 1]
    names = await clients.names(services.database, caller.agency, [usage.client for usage in rows])
    return page(
        rows, query.limit, scope, lambda u: (str(_percent(u)), u.client), lambda usage: _out(usage, names[usage.client])
    )


def _percent(usage: Usage) -> Decimal:
    return _NOTHING_INCLUDED if usage.percent is None else usage.percent


def _rank(usage: Usage) -> tuple[Decimal, str]:
    """The order of `figures.agency_usage`."""
    return -_percent(usage), usage.client


def _rank_of(position: tuple[str, str] | None) -> tuple[Decimal, str] | None:
    if position is None:
        return None
    try:
        return -Decimal(position[0]), position[1]
    except InvalidOperation as error:
        raise InvalidFields(NO_CURSOR) from error


def _out(usage: Usage, name: str) -> ClientUsageOut:
    return ClientUsageOut(
        client_id=usage.client,
        client_name=name,
        subscription_id=usage.subscription,
        current_period=period_out(usage.period),
        seconds_used=usage.seconds_used,
        minutes_used=minutes_text(usage.seconds_used),
        minutes_included=usage.seconds_included // 60,
        percent=None if usage.percent is None else float(usage.percent),
        overage_minutes=minutes_text(usage.overage_seconds),
        overage_so_far=money(usage.overage_so_far, usage.currency),
        spend_cap=cap_use_out(usage),
        projected_minutes=minutes_text(usage.projected_seconds),
        projected_overage=money(usage.projected_overage, usage.currency),
    )
