"""A client's subscription: assigning it, how it stands, what is coming."""

import re
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import Query, Request, Response
from pydantic import AfterValidator, Field

from adapters.postgres import figures
from adapters.postgres.subscriptions import Subscription, current_subscription
from api import fields
from api.agency.assigning import AssignIn, assign
from api.fields import Answer
from api.guard import Calling
from api.idempotency import seed
from api.live import Source, live_schedule, live_state
from api.money import Money, money
from api.openapi import conflicts, example, refusals
from api.problems import NotFound
from api.services import Services, Used
from api.subscription_out import SubscriptionOut, subscription_out
from api.tenant import agency_router, own_agency, own_client
from api.tokens import Caller
from billing.forecast import CardWorks, Entry, forecast
from billing.state import State

router = agency_router("Subscriptions", "/clients/{client_id}/subscription")
_FAILS_ON: Final = re.compile(r"works|fails_on:(\d{4}-\d\d-\d\d)")


class ScheduleItemOut(Answer):
    """One thing to come. `rule` names the rule it follows from; `amount` is null where it is not decided yet."""

    at: datetime
    action: str
    amount: Money | None
    rule: str
    detail: str


class ScheduleOut(
    Answer,
    json_schema_extra=example(
        data=[
            {
                "at": "2026-12-01T01:00:00Z",
                "action": "issue_invoice",
                "amount": {"amount": 4900, "currency": "usd"},
                "rule": "billing-rules 5",
                "detail": "price of period 2 and overage of period 1",
            }
        ],
        source="workflow",
    ),
):
    data: list[ScheduleItemOut]
    source: Source


class ForecastItemOut(Answer):
    """One event that would follow; `result` is what an attempt would come to."""

    at: datetime
    event: Literal["invoice", "attempt", "message", "status"]
    detail: str
    invoice_id: str | None
    amount: Money | None
    result: Literal["paid", "declined"] | None


class ForecastOut(
    Answer,
    json_schema_extra=example(
        assumptions={"months": 12, "minutes_per_month": 500, "card": "works"},
        data=[
            {
                "at": "2026-12-01T01:00:00Z",
                "event": "invoice",
                "detail": "invoice issued",
                "invoice_id": "inv_3f5m7kq2n4b6c8d0e2f4_p2",
                "amount": {"amount": 4900, "currency": "usd"},
                "result": None,
            }
        ],
    ),
):
    """What the rules would do, if things go as assumed."""

    assumptions: "AssumptionsOut"
    data: list[ForecastItemOut]


class AssumptionsOut(Answer):
    months: int
    minutes_per_month: int
    card: str


def _card(text: str) -> str:
    known = _FAILS_ON.fullmatch(text)
    if known is None:
        raise ValueError("is neither works nor fails_on:YYYY-MM-DD")
    if known[1]:
        date.fromisoformat(known[1])
    return text


class ForecastQuery(fields.Request):
    """Without `minutes_per_month`: what the current period comes to if it goes on as so far."""

    months: Annotated[int, Field(ge=1, le=36)] = 12
    minutes_per_month: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    card: Annotated[str, AfterValidator(_card)] = "works"


@router.put(
    "",
    summary="Assign a plan",
    status_code=201,
    responses={
        200: {"description": "The same again: nothing was changed", "model": SubscriptionOut},
        **conflicts("already_subscribed", "stripe_not_ready", "plan_archived", "agency_frozen", "client_archived"),
        **refusals(403, "billing_not_available"),
        **refusals(422, "currency_not_supported"),
    },
)
async def put(
    client_id: str, body: AssignIn, services: Used, caller: Calling, request: Request, response: Response
) -> SubscriptionOut:
    """Stores the subscription and its start together: it starts as soon as the billing engine is there."""
    made, new = await assign(services, caller, client_id, body, seed(request))
    response.status_code = HTTPStatus.CREATED if new else HTTPStatus.OK
    return subscription_out(await live_state(services, made))


@router.get("", summary="How the subscription stands")
async def read(client_id: str, services: Used, caller: Calling) -> SubscriptionOut:
    return subscription_out(await live_state(services, await own_subscription(services, caller, client_id)))


@router.get("/schedule", summary="Every coming step that is decided")
async def schedule(client_id: str, services: Used, caller: Calling) -> ScheduleOut:
    known = await own_subscription(services, caller, client_id)
    items, source = await live_schedule(services, known)
    currency = known.state.terms.currency
    return ScheduleOut(
        data=[
            ScheduleItemOut(
                at=item.at,
                action=item.action,
                amount=None if item.amount is None else money(item.amount, currency),
                rule=item.rule,
                detail=item.detail,
            )
            for item in items
        ],
        source=source,
    )


@router.get("/forecast", summary="What would follow")
async def read_forecast(
    client_id: str, query: Annotated[ForecastQuery, Query()], services: Used, caller: Calling
) -> ForecastOut:
    """Runs the rules themselves forward, with a pretend clock, card and usage."""
    live = await live_state(services, await own_subscription(services, caller, client_id))
    agency = await own_agency(services, caller)
    seconds = await _seconds_per_month(services, live.state, query.minutes_per_month, live.now)
    entries = forecast(
        live.state,
        live.now,
        months=query.months,
        seconds_per_month=seconds,
        card_works=_card_works(query.card, live.state.zone),
        dunning=agency.dunning,
    )
    currency = live.state.terms.currency
    return ForecastOut(
        assumptions=AssumptionsOut(months=query.months, minutes_per_month=seconds // 60, card=query.card),
        data=[_forecast_item(entry, currency) for entry in entries],
    )


async def own_subscription(services: Services, caller: Caller, client_id: str) -> Subscription:
    """The client's subscription. Raises NotFound without one, and for another tenant's client."""
    await own_client(services, caller, client_id)
    known = await current_subscription(services.database, caller.agency, client_id)
    if known is None:
        raise NotFound("The client has no subscription.")
    return known


async def _seconds_per_month(services: Services, state: State, minutes: int | None, now: datetime) -> int:
    if minutes is not None:
        return minutes * 60
    usage = await figures.client_usage(services.database, state.agency, state.client, now)
    return usage.projected_seconds if usage else 0


def _card_works(card: str, zone: str) -> CardWorks:
    """From the named day on, in the subscription's time zone, the pretend card declines."""
    day = card.removeprefix("fails_on:")
    if day == card:
        return lambda at: True
    fails_from = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    return lambda at: at < fails_from


def _forecast_item(entry: Entry, currency: str) -> ForecastItemOut:
    return ForecastItemOut(
        at=entry.at,
        event=entry.event,
        detail=entry.detail,
        invoice_id=entry.invoice,
        amount=None if entry.amount is None else money(entry.amount, currency),
        result=entry.result,
    )
