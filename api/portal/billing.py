"""The billing section's front page in one call: plan, usage, card, and what the client has to know."""

from datetime import date, datetime
from typing import Any, Final, Literal

from adapters.postgres import agencies, drafting, figures
from adapters.postgres.agencies import Agency
from adapters.postgres.pool import Connection
from adapters.postgres.subscriptions import current_subscription, in_debt_before
from api.card import CardOut, card_out
from api.fields import Answer
from api.guard import Calling
from api.invoice_out import NextInvoiceOut
from api.money import Money, Rate, money, rate
from api.openapi import example
from api.portal.door import billing_router, own_self
from api.services import Used
from api.spend_caps import CAP, CapUseOut, cap_use_out
from api.subscription_out import PERIOD, PLAN, PeriodOut, period_out
from api.support import SupportOut, support_out
from api.tenant import own_agency
from api.tokens import Caller
from api.usage_out import USAGE, UsageOut, usage_out
from billing import changes
from billing.plans import Terms
from billing.prorating import terms_at
from billing.state import Obstacle, State
from billing.switching import wanted_manual
from billing.usage import minutes_text
from billing.view import Banner, BannerKind, View, next_invoice, view, whole_debt

router = billing_router()

_SUPPORT: Final[dict[str, Any]] = {"email": "help@bright.example", "phone": None, "url": None}
_BANNER: Final[dict[str, Any]] = {
    "kind": "payment_failed",
    "reason": "Your card has insufficient funds.",
    "invoice_id": "inv_3f5m7kq2n4b6c8d0e2f4_p2",
    "amount_due": {"amount": 4900, "currency": "usd"},
    "open_invoices": 1,
    "next_attempt_at": "2026-11-04T00:00:05Z",
    "attempts_left": 3,
    "next_attempts": [
        {"at": "2026-11-04T00:00:05Z", "amount": {"amount": 4900, "currency": "usd"}, "attempts_left": 3}
    ],
    "obstacle": None,
    "possible_at": None,
    "sent": False,
    "actions": ["update_payment_method", "pay_now"],
}


class PortalAgencyOut(Answer):
    name: str
    support: SupportOut


class PortalPlanOut(Answer):
    """The plan as it was assigned."""

    name: str
    tier: str
    price: Money
    included_minutes: int
    overage_rate: Rate


class PendingPlanOut(Answer):
    """The plan that holds from `at` on."""

    at: datetime
    plan: PortalPlanOut


class SubscriptionStatusOut(Answer):
    """How the subscription stands. In a trial `current_period` is the trial, which costs nothing, and `trial_end` says
    when the first period begins; `pending_change` is the plan that is agreed for a boundary ahead. `starts_at` is set
    while service is still to begin, `pause_at` and `cancel_at` while its end is agreed and ahead."""

    status: Literal["awaiting_card", "trialing", "active", "past_due", "paused", "cancelled"]
    starts_at: datetime | None
    current_period: PeriodOut | None
    trial_end: datetime | None
    pending_change: PendingPlanOut | None
    pause_at: datetime | None
    cancel_at: datetime | None
    paused_reason: Literal["unpaid", "agency"] | None
    collection: Literal["automatic", "manual"]


class NextAttemptOut(Answer):
    """An attempt that is made by itself. `attempts_left`: this one and those after it."""

    at: datetime
    amount: Money
    attempts_left: int


_CARD: Final = "update_payment_method"


class BannerOut(Answer):
    """What stands over the page. `amount_due` is the whole debt, `invoice_id` its oldest invoice.

    Debts that are tried on days of their own are listed in `next_attempts`, the soonest first, which
    `next_attempt_at` and `attempts_left` are of. Where nothing is tried, `obstacle` says why, if anything stands in the
    way; for `card_limit`, `possible_at` is when this card can be tried again. `sent`: an invoice among them was sent,
    which only a person pays; everything else is charged to a new card at once.
    """

    kind: BannerKind
    reason: str | None
    invoice_id: str | None
    amount_due: Money
    open_invoices: int
    next_attempt_at: datetime | None
    attempts_left: int
    next_attempts: list[NextAttemptOut]
    obstacle: Obstacle | Literal["agency_frozen"] | None
    possible_at: datetime | None
    sent: bool
    actions: list[str]


class BillingOut(
    Answer,
    json_schema_extra=example(
        as_of="2026-11-23T15:00:00Z",
        agency={"name": "Bright Voice", "support": _SUPPORT},
        plan=PLAN,
        subscription={
            "status": "active",
            "starts_at": None,
            "current_period": PERIOD,
            "trial_end": None,
            "pending_change": None,
            "pause_at": None,
            "cancel_at": None,
            "paused_reason": None,
            "collection": "automatic",
        },
        usage=USAGE,
        spend_cap={**CAP, "reached": False},
        next_invoice={"at": "2026-12-01T01:00:00Z", "estimate": {"amount": 6300, "currency": "usd"}},
        payment_method={"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
        can_update_payment_method=True,
        banner=_BANNER,
    ),
):
    """Plan, subscription, usage and next invoice are null without a subscription; banner is null when all is well.
    `spend_cap` is the one on the current period's overage, if there is any. `can_update_payment_method`: a card can be
    entered now; not without a connected Stripe account of the agency."""

    as_of: datetime
    agency: PortalAgencyOut
    plan: PortalPlanOut | None
    subscription: SubscriptionStatusOut | None
    usage: UsageOut | None
    spend_cap: CapUseOut | None
    next_invoice: NextInvoiceOut | None
    payment_method: CardOut | None
    can_update_payment_method: bool
    banner: BannerOut | None


class DayOut(Answer):
    date: date
    minutes: str


class DailyUsageOut(
    Answer, json_schema_extra=example(timezone="UTC", data=[{"date": "2026-11-01", "minutes": "21.0"}])
):
    """Days with calls, in the subscription's time zone; null without a subscription."""

    timezone: str | None
    data: list[DayOut]


@router.get("", summary="The billing page")
async def read(services: Used, caller: Calling) -> BillingOut:
    """From the books alone: it is answered also while the billing engine is away."""
    agency, client = await own_agency(services, caller), await own_self(services, caller)
    now = services.clock.now()
    async with services.database.acquire() as books:
        known = await current_subscription(books, caller.agency, caller.client)
        state = known.state if known else None
        usage = await figures.client_usage(books, caller.agency, caller.client, now)
        coming = await _next_invoice(books, state) if state else None
        account = await agencies.account(books, caller.agency)
        takes_cards = account is not None and account.takes_cards
        banner = await _banner(books, caller, state, now, takes_cards=takes_cards)
    shown = view(state, now) if state else None
    return BillingOut(
        as_of=now,
        agency=_agency_out(agency),
        plan=_plan_out(terms_at(state, now)) if state else None,
        subscription=_subscription_out(state, shown, now) if state and shown else None,
        usage=usage_out(usage) if usage else None,
        spend_cap=cap_use_out(usage) if usage else None,
        next_invoice=coming,
        payment_method=card_out(client.card),
        can_update_payment_method=takes_cards,
        banner=banner,
    )


@router.get("/usage/daily", summary="Minutes a day in the current period")
async def daily(services: Used, caller: Calling) -> DailyUsageOut:
    await own_self(services, caller)
    async with services.database.acquire() as books:
        known = await current_subscription(books, caller.agency, caller.client)
        days = await figures.daily_usage(books, caller.agency, caller.client, services.clock.now())
    return DailyUsageOut(
        timezone=known.state.zone if known else None,
        data=[DayOut(date=day.day, minutes=minutes_text(day.seconds)) for day in days],
    )


async def _next_invoice(books: Connection, state: State) -> NextInvoiceOut | None:
    overage = await figures.overage_to_bill(books, state)
    coming = next_invoice(state, overage)
    if coming is None:
        return None
    at, amount = coming
    currency = state.terms.currency
    credit = await drafting.credit_left(books, state.client, currency)
    return NextInvoiceOut(at=at, estimate=money(max(0, amount - credit), currency))


def _agency_out(agency: Agency) -> PortalAgencyOut:
    return PortalAgencyOut(name=agency.name, support=support_out(agency))


def _plan_out(terms: Terms) -> PortalPlanOut:
    return PortalPlanOut(
        name=terms.name,
        tier=terms.tier,
        price=money(terms.price, terms.currency),
        included_minutes=terms.included_minutes,
        overage_rate=rate(terms.overage_rate, terms.currency),
    )


def _pending_out(state: State, now: datetime) -> PendingPlanOut | None:
    change = changes.pending(state, now)
    return PendingPlanOut(at=change.at, plan=_plan_out(change.terms)) if change else None


def _subscription_out(state: State, shown: View, now: datetime) -> SubscriptionStatusOut:
    return SubscriptionStatusOut(
        status=shown.status.value,
        starts_at=shown.starts_at,
        current_period=period_out(shown.current_period),
        trial_end=shown.trial_end,
        pending_change=_pending_out(state, now),
        pause_at=shown.pause_at,
        cancel_at=shown.cancel_at,
        paused_reason=shown.paused_reason,
        collection="manual" if wanted_manual(state) else "automatic",
    )


async def _banner(
    books: Connection, caller: Caller, state: State | None, now: datetime, *, takes_cards: bool
) -> BannerOut | None:
    """With what the client owes beside its subscription: `amount_due` is the whole debt."""
    before = await in_debt_before(books, caller.agency, caller.client)
    others = [one for one in before if state is None or one.id != state.id]
    if state is None and not others:
        return None
    currency = (state or others[-1]).terms.currency
    earlier = [view(one, now).banner for one in others if one.terms.currency == currency]
    whole = whole_debt(view(state, now).banner if state else None, earlier)
    return _banner_out(whole, currency, takes_cards=takes_cards) if whole else None


def _banner_out(banner: Banner, currency: str, *, takes_cards: bool) -> BannerOut:
    soonest = banner.tries[0] if banner.tries else None
    return BannerOut(
        kind=banner.kind,
        reason=banner.reason,
        invoice_id=banner.invoice,
        amount_due=money(banner.amount_due, currency),
        open_invoices=banner.open_invoices,
        next_attempt_at=soonest.at if soonest else None,
        attempts_left=soonest.attempts_left if soonest else 0,
        next_attempts=[
            NextAttemptOut(at=one.at, amount=money(one.amount, currency), attempts_left=one.attempts_left)
            for one in banner.tries
        ],
        obstacle="agency_frozen" if banner.frozen else banner.obstacle,
        possible_at=banner.possible_at,
        sent=banner.sent,
        actions=[one for one in banner.actions if takes_cards or one != _CARD],
    )
