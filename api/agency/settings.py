"""An agency's settings: what its subscriptions follow, and how its clients reach it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import AfterValidator, Field

from adapters.postgres import agencies, inbox, trail
from adapters.postgres.agencies import Agency, TaxMode
from adapters.postgres.pool import Connection, transaction
from api import fields
from api.fields import Answer, Email, Name, Origin, ShortText, WebAddress, Whole, Zone
from api.guard import Calling
from api.idempotency import seed
from api.money import Money, MoneyIn, money
from api.openapi import conflicts, example
from api.problems import InvalidFields, NotFound
from api.services import Services, Used
from api.support import SupportOut, support_out
from api.tenant import agency_router, connected_account, own_agency
from api.tokens import Caller
from billing.ledger import SETTINGS_CHANGED
from billing.plans import FinalAction

router = agency_router("Settings", "/settings")
LONGEST_GRACE_MINUTES: Final = 7 * 24 * 60
_DUNNING: Final[dict[str, Any]] = {"gaps_days": [3, 5, 7], "final_action": "past_due"}
_SENDER: Final[dict[str, Any]] = {"name": "Bright Voice", "email": "billing@bright.example"}
_SUPPORT: Final[dict[str, Any]] = {"email": "help@bright.example", "phone": None, "url": None}


def _once_each(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("names one twice")
    return values


def _above_zero(limit: MoneyIn) -> MoneyIn:
    if limit.amount == 0:
        raise ValueError("is zero: every overage would be held")
    return limit


GapDays = Annotated[Whole, Field(ge=1, le=30)]
Percents = Annotated[list[Annotated[Whole, Field(ge=1, le=1000)]], Field(max_length=10), AfterValidator(_once_each)]
Origins = Annotated[list[Origin], Field(max_length=50), AfterValidator(_once_each)]


RateIds = Annotated[
    list[Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_]+$")]],
    Field(max_length=10),
    AfterValidator(_once_each),
]


class DunningChange(fields.Change):
    """The gaps between automatic attempts, and what follows the last. Ladders that run keep theirs, until it is applied
    to them."""

    gaps_days: Annotated[list[GapDays], Field(min_length=1, max_length=8)] | None = None
    final_action: FinalAction | None = None


class SenderChange(fields.Change):
    CLEARABLE = frozenset({"name", "email"})
    name: Name | None = None
    email: Email | None = None


class SupportChange(fields.Change):
    CLEARABLE = frozenset({"email", "phone", "url"})
    email: Email | None = None
    phone: ShortText | None = None
    url: WebAddress | None = None


class TaxChange(fields.Change):
    mode: TaxMode | None = None
    """`rate_ids` are of the agency's Stripe account: active, and all inclusive or all exclusive."""

    rate_ids: RateIds | None = None


class SettingsChange(
    fields.Change, json_schema_extra=example(dunning={"gaps_days": [2, 4]}, allowed_origins=["https://app.example.com"])
):
    """What is left out stays, inside the objects too. `timezone` is that of subscriptions that start from now on."""

    CLEARABLE = frozenset({"review_over"})
    timezone: Zone | None = None
    dunning: DunningChange | None = None
    usage_alert_percents: Percents | None = None
    usage_grace_minutes: Annotated[Whole, Field(ge=0, le=LONGEST_GRACE_MINUTES)] | None = None
    allowed_origins: Origins | None = None
    review_over: Annotated[MoneyIn, AfterValidator(_above_zero)] | None = None
    sender: SenderChange | None = None
    support: SupportChange | None = None
    tax: TaxChange | None = None


class DunningOut(Answer):
    gaps_days: list[int]
    final_action: FinalAction


class SenderOut(Answer):
    name: str | None
    email: str | None


class TaxOut(Answer):
    mode: TaxMode
    rate_ids: list[str]


class SettingsOut(
    Answer,
    json_schema_extra=example(
        timezone="America/New_York",
        dunning=_DUNNING,
        usage_alert_percents=[80, 100],
        usage_grace_minutes=60,
        allowed_origins=["https://app.example.com"],
        review_over={"amount": 10000, "currency": "usd"},
        sender=_SENDER,
        support=_SUPPORT,
        tax={"mode": "rates", "rate_ids": ["txr_1MnyuqLkdIwHu7ixW3jKGm0G"]},
    ),
):
    """Where a plan has no price, an overage over `review_over` may be held for review. With `tax.mode` rates, Stripe
    applies them to every line."""

    timezone: str
    dunning: DunningOut
    usage_alert_percents: list[int]
    usage_grace_minutes: int
    allowed_origins: list[str]
    review_over: Money | None
    sender: SenderOut
    support: SupportOut
    tax: TaxOut


@router.get("", summary="Settings")
async def read(services: Used, caller: Calling) -> SettingsOut:
    return _out(await own_agency(services, caller))


@router.patch("", summary="Change settings", responses=conflicts("stripe_not_ready"))
async def change(body: SettingsChange, services: Used, caller: Calling, request: Request) -> SettingsOut:
    """Retries follow a new policy from the next ladder on, periods a new grace from the next boundary on."""
    if body.tax is not None and body.tax.rate_ids:
        await _check_rates(services, caller, body.tax.rate_ids)
    now = services.clock.now()
    async with transaction(services.database) as connection:
        before = await agencies.locked_agency(connection, caller.agency)
        if before is None:
            raise NotFound
        changes = {name: value for name, value in _columns(body).items() if value != _stored(before, name)}
        if changes.get("tax_mode", before.tax_mode) == "rates" and not changes.get("tax_rate_ids", before.tax_rate_ids):
            raise InvalidFields(("tax.rate_ids", "names no tax rate, and the mode is rates"))
        if changes:
            await agencies.change_agency(connection, before.id, changes, now)
            await _write_trail(connection, before, changes, caller.name, now)
        if "usage_grace_minutes" in changes:
            await _wake_subscriptions(connection, before.id, seed(request), now)
    return _out(await own_agency(services, caller))


async def _check_rates(services: Services, caller: Caller, rates: Sequence[str]) -> None:
    """Raises InvalidFields for what Stripe would refuse on an invoice, and Conflict `stripe_not_ready`."""
    _, account = await connected_account(services, caller.agency)
    found = [await services.prices.tax_rate(account, rate) for rate in rates]
    wrong = [
        (f"tax.rate_ids.{n}", "is no active tax rate of the agency's Stripe account")
        for n, rate in enumerate(found)
        if rate is None or not rate.active
    ]
    if not wrong and len({rate.inclusive for rate in found if rate}) > 1:
        wrong = [("tax.rate_ids", "mixes rates inside the price with rates on top of it")]
    if wrong:
        raise InvalidFields(*wrong)


def _columns(body: SettingsChange) -> dict[str, object]:
    """The given settings by the columns that hold them."""
    given = body.given()
    dunning = given.pop("dunning", {})
    nested = {
        f"{owner}_{name}": value
        for owner in ("sender", "support", "tax")
        for name, value in given.pop(owner, {}).items()
    }
    if "review_over" in given:
        limit = given.pop("review_over") or {"amount": None, "currency": None}
        nested |= {"review_over": limit["amount"], "review_over_currency": limit["currency"]}
    return {**given, **dunning, **nested}


def _stored(agency: Agency, column: str) -> object:
    value = getattr(agency, column)
    return list(value) if isinstance(value, tuple) else value


async def _write_trail(
    connection: Connection, before: Agency, changes: Mapping[str, object], who: str, now: datetime
) -> None:
    detail = {name: {"from": _stored(before, name), "to": value} for name, value in changes.items()}
    await trail.write(connection, before.id, at=now, who=who, what="settings_changed", detail=detail)


async def _wake_subscriptions(connection: Connection, agency: str, change: str, now: datetime) -> None:
    """Running subscriptions learn a new grace, and since when it holds, from their inbox (docs/adr/0002)."""
    await inbox.receive(
        connection,
        account=inbox.OWN,
        event_id=f"settings:{agency}:{change}",
        type=SETTINGS_CHANGED,
        object_id=agency,
        customer_id=None,
        created_at=now,
        payload={},
        received_at=now,
    )


def _limit(agency: Agency) -> Money | None:
    amount, currency = agency.review_over, agency.review_over_currency
    return money(amount, currency) if amount is not None and currency else None


def _out(agency: Agency) -> SettingsOut:
    return SettingsOut(
        timezone=agency.timezone,
        dunning=DunningOut(gaps_days=list(agency.gaps_days), final_action=agency.dunning.final_action),
        usage_alert_percents=list(agency.usage_alert_percents),
        usage_grace_minutes=agency.usage_grace_minutes,
        allowed_origins=list(agency.allowed_origins),
        review_over=_limit(agency),
        sender=SenderOut(name=agency.sender_name, email=agency.sender_email),
        support=support_out(agency),
        tax=TaxOut(mode=agency.tax_mode, rate_ids=list(agency.tax_rate_ids)),
    )
