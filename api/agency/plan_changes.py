"""Changing a client's plan: previewed, ordered, and taken back (billing-rules 7)."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import Request
from starlette.responses import Response

from adapters.postgres import moving, quoting
from adapters.postgres.plans import Plan
from adapters.postgres.pool import snapshot
from adapters.postgres.subscriptions import Subscription
from api import fields
from api.agency.assigning import plan_of, price_at_stripe
from api.agency.commands import Ordered, ordered
from api.agency.subscriptions import own_subscription
from api.commands import settling
from api.conflicts import conflict
from api.fields import Answer, Id
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.invoice_out import LineOut, lines_out
from api.live import live_state
from api.money import Money, money
from api.openapi import example, refusals
from api.problems import InvalidFields
from api.services import Services, Used
from api.subscription_out import PLAN, SubscriptionOut, TermsOut, terms_out
from api.tenant import agency_router, own_agency
from api.tokens import Caller
from billing import changes
from billing.invoices import total
from billing.orders import PlanChangeRequested
from billing.payments import Refused, Taxed
from billing.plans import Terms
from billing.prorating import terms_at, terms_in
from billing.quotes import Quote, overage_effect, quote
from billing.state import State
from billing.subscription import apply
from billing.view import current_period
from workflows.messages import ChangePlan, UndoPlanChange

router = agency_router("Subscriptions", "/clients/{client_id}/subscription/plan-changes")
_PLAN_ID: Final = "pln_5h7k9m2p4q6r8s0t2v4w"
_PERIOD: Final[dict[str, Any]] = {"start": "2026-03-11T00:00:00Z", "end": "2026-04-01T00:00:00Z"}


def _line(description: str, amount: int) -> dict[str, Any]:
    usd = {"amount": amount, "currency": "usd"}
    nothing = {"quantity_seconds": None, "rate_per_minute": None}
    return {"kind": "price", "description": description, "amount": usd, "period": _PERIOD, **nothing}


class PlanChangeIn(fields.Request, json_schema_extra=example(plan_id=_PLAN_ID, effective="now", preview=True)):
    """To the plan's newest version. Without `effective`: `now` for a higher or equal price, else `period_end`.

    `preview` only says what would be billed, and is refused as the change would be.
    """

    plan_id: Id
    effective: Literal["now", "period_end"] | None = None
    preview: bool = False


class OverageEffectOut(Answer):
    """The overage of the current period to date, under the old and the new terms."""

    old_terms: Money
    new_terms: Money


class PlanChangePreviewOut(
    Answer,
    json_schema_extra=example(
        effective="now",
        at="2026-03-11T00:00:00Z",
        plan={"id": _PLAN_ID, "version": 1, **PLAN, "call_increment_seconds": 60},
        lines=[
            _line("Unused time on Voice Pro, 11 Mar 2026 – 1 Apr 2026", -3319),
            _line("Voice Max, 11 Mar 2026 – 1 Apr 2026", 6706),
        ],
        total={"amount": 3387, "currency": "usd"},
        tax={"amount": 643, "currency": "usd"},
        total_with_tax={"amount": 4030, "currency": "usd"},
        carried_credit={"amount": 0, "currency": "usd"},
        included_minutes=974,
        overage_effect={
            "old_terms": {"amount": 1400, "currency": "usd"},
            "new_terms": {"amount": 0, "currency": "usd"},
        },
    ),
):
    """The invoice that the change brings, as it would be issued: its own when it is `now`, else that of the boundary,
    with the usage to date. `carried_credit` is what it leaves to later invoices; `included_minutes` is the allowance of
    the period from which the change holds.

    `total` is the sum of the lines, `tax` Stripe's word on them at the agency's present rates: a part of them where the
    rates are inclusive, else on top. It and `total_with_tax` are null of a statement, and where Stripe refuses to say,
    as of an account that was disconnected."""

    effective: Literal["now", "period_end"]
    at: datetime
    plan: TermsOut
    lines: list[LineOut]
    total: Money
    tax: Money | None
    total_with_tax: Money | None
    carried_credit: Money
    included_minutes: int
    overage_effect: OverageEffectOut


@router.post(
    "",
    summary="Change the plan, or preview it",
    status_code=HTTPStatus.CREATED,
    response_model=SubscriptionOut,
    responses={
        200: {"description": "A preview: nothing was changed", "model": PlanChangePreviewOut},
        **settling(
            "no_change",
            "payment_overdue",
            "payment_in_progress",
            "change_pending",
            "cancel_pending",
            "already_cancelled",
            "subscription_paused",
            "plan_archived",
        ),
        **refusals(422, "currency_not_supported"),
    },
)
async def change(client_id: str, body: PlanChangeIn, services: Used, caller: Calling, request: Request) -> Ordered:
    """`now` prorates by the second and is billed at once; `period_end` holds from the next boundary, and can be taken
    back until then."""
    target = await own_subscription(services, caller, client_id)
    plan = await plan_of(services, caller, body.plan_id)
    if plan.archived_at:
        raise conflict("plan_archived")
    if plan.currency != target.state.terms.currency:
        told = "is in another currency: that takes a new subscription"
        raise InvalidFields(("plan_id", told), code="currency_not_supported")
    if body.preview:
        shown = await _previewed(services, caller, target, plan.terms, body.effective)
        return Response(shown.model_dump_json(), media_type="application/json")
    await _sellable(services, target, plan)
    order = ChangePlan(made_id("chg", seed(request)), plan.terms, body.effective, caller.name)
    return await ordered(services, caller, client_id, order, request)


@router.delete(
    "/pending",
    summary="Take back a plan change",
    response_model=SubscriptionOut,
    responses=settling("no_pending_change"),
)
async def undo(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    """Possible until the boundary from which the change would hold."""
    return await ordered(services, caller, client_id, UndoPlanChange(caller.name), request)


async def _sellable(services: Services, target: Subscription, plan: Plan) -> None:
    """Product and price at Stripe, where the agency sees them; of a subscription that is over nobody will bill it."""
    if not target.finished and target.state.account:
        await price_at_stripe(services, plan, target.state.account)


async def _previewed(
    services: Services,
    caller: Caller,
    target: Subscription,
    terms: Terms,
    effective: Literal["now", "period_end"] | None,
) -> PlanChangePreviewOut:
    live = await live_state(services, target)
    now = changes.takes_effect_now(live.state, terms, effective, live.now)
    refused = changes.refusal(live.state, live.now, terms, now=now)
    if refused:
        raise conflict(refused)
    wanted = PlanChangeRequested(live.now, "preview", terms, now, "")
    period = current_period(live.state, live.now)
    async with snapshot(services.database) as connection:
        known = await quoting.known(connection, live.state)
        used = renewed = known.seconds.get(period.number, 0) if period else 0
        if period and now and terms.call_increment_seconds != terms_at(live.state, live.now).call_increment_seconds:
            increment = terms.call_increment_seconds
            renewed = await moving.seconds_at(connection, live.state.id, period.number, increment)
    quoted = quote(live.state, wanted, known)
    effect = overage_effect(live.state, wanted, used, renewed)
    return _preview_out(live.state, wanted, quoted, effect, await _taxed(services, caller, live.state, quoted))


async def _taxed(services: Services, caller: Caller, state: State, quoted: Quote) -> Taxed | None:
    """The quoted lines with tax; none of a statement, and where Stripe refuses to say.

    Raises billing.payments.PaymentTrouble while Stripe is away: without tax the preview would not be what is billed.
    """
    if quoted.statement:
        return None
    rates = (await own_agency(services, caller)).tax_rates
    asked_at, lines = services.clock.now(), quoted.draft.lines
    try:
        return await services.previews.taxed(
            state.account, state.customer, state.terms.currency, lines, rates, asked_at
        )
    except Refused:
        return None


def _preview_out(
    state: State, wanted: PlanChangeRequested, quoted: Quote, effect: tuple[int, int], taxed: Taxed | None
) -> PlanChangePreviewOut:
    after, period = apply(state, wanted), current_period(state, wanted.at)
    pending, currency = changes.pending(after, wanted.at), wanted.terms.currency
    own = terms_in(after, period) if period and pending is None else None
    return PlanChangePreviewOut(
        effective="period_end" if pending else "now",
        at=pending.at if pending else wanted.at,
        plan=terms_out(wanted.terms),
        lines=lines_out(quoted.draft.lines, currency),
        total=money(total(quoted.draft.lines), currency),
        tax=money(taxed.tax, currency) if taxed else None,
        total_with_tax=money(taxed.total, currency) if taxed else None,
        carried_credit=money(quoted.credit_left, currency),
        included_minutes=own.included_minutes if own else wanted.terms.included_minutes,
        overage_effect=OverageEffectOut(old_terms=money(effect[0], currency), new_terms=money(effect[1], currency)),
    )
