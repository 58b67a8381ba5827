"""How a subscription is shown: the same answer after a read and after every command."""

from datetime import datetime
from typing import Any, Final, Literal

from api.fields import Answer
from api.live import Live, Source
from api.money import Money, Rate, money, rate
from api.openapi import example
from api.spend_caps import CAP, SpendCapOut, cap_out
from billing import changes
from billing.plans import Terms
from billing.prorating import terms_at
from billing.state import Ladder, Period, State
from billing.switching import wanted_manual
from billing.view import view

PERIOD: Final[dict[str, Any]] = {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}
PLAN: Final[dict[str, Any]] = {
    "name": "Voice Pro",
    "tier": "pro",
    "price": {"amount": 4900, "currency": "usd"},
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
}


class PeriodOut(Answer):
    """A billing period [start, end)."""

    start: datetime
    end: datetime


class TermsOut(Answer):
    """The plan as it was assigned: later versions of it do not move this subscription."""

    id: str
    version: int
    name: str
    tier: str
    price: Money
    included_minutes: int
    overage_rate: Rate
    call_increment_seconds: Literal[1, 6, 60]


class PendingChangeOut(Answer):
    """A change of the plan that is agreed and holds from `at` on; until then it can be taken back."""

    id: str
    at: datetime
    plan: TermsOut


class LadderOut(Answer):
    """The failed-payment chain. No `next_attempt_at`: it is exhausted. `extended`: its next date was moved once."""

    started_at: datetime
    gaps_days: list[int]
    final_action: Literal["past_due", "pause", "cancel"]
    used: int
    attempts_left: int
    extended: bool
    next_attempt_at: datetime | None


class SubscriptionOut(
    Answer,
    json_schema_extra=example(
        id="sub_3f5m7kq2n4b6c8d0e2f4",
        client_id="cli_3f5m7kq2n4b6c8d0e2f4",
        status="active",
        plan={"id": "pln_3f5m7kq2n4b6c8d0e2f4", "version": 1, **PLAN, "call_increment_seconds": 60},
        current_period=PERIOD,
        starts_at="2026-11-01T00:00:00Z",
        trial_end=None,
        ladder=None,
        pending_change=None,
        cancel_at=None,
        pause_at=None,
        ended_at=None,
        paused_reason=None,
        collection="automatic",
        spend_cap=CAP,
        open_invoices=0,
        amount_due={"amount": 0, "currency": "usd"},
        parked_invoices=[],
        as_of="2026-11-23T15:00:00Z",
        source="workflow",
    ),
):
    """`starts_at` is where the first period begins, which is `trial_end` in a trial; the trial itself is then the
    `current_period`. `source` says who answered: the workflow itself, or the books when it did not within a second.
    """

    id: str
    client_id: str
    status: Literal["awaiting_card", "trialing", "active", "past_due", "paused", "cancelled"]
    plan: TermsOut
    current_period: PeriodOut | None
    starts_at: datetime | None
    trial_end: datetime | None
    ladder: LadderOut | None
    pending_change: PendingChangeOut | None
    cancel_at: datetime | None
    pause_at: datetime | None
    ended_at: datetime | None
    paused_reason: Literal["unpaid", "agency"] | None
    collection: Literal["automatic", "manual"]
    spend_cap: SpendCapOut | None
    open_invoices: int
    amount_due: Money
    parked_invoices: list[str]
    as_of: datetime
    source: Source


def subscription_out(live: Live) -> SubscriptionOut:
    state = live.state
    shown = view(state, live.now)
    return SubscriptionOut(
        id=state.id,
        client_id=state.client,
        status=shown.status.value,
        plan=terms_out(terms_at(state, live.now)),
        current_period=period_out(shown.current_period),
        starts_at=state.anchor,
        trial_end=shown.trial_end,
        ladder=ladder_out(state.ladder),
        pending_change=pending_change_out(state, live.now),
        cancel_at=shown.cancel_at,
        pause_at=shown.pause_at,
        ended_at=state.ended_at,
        paused_reason=shown.paused_reason,
        collection="manual" if wanted_manual(state) else "automatic",
        spend_cap=cap_out(state.spend_cap, state.terms.currency),
        open_invoices=len(state.debt),
        amount_due=money(sum(invoice.amount for invoice in state.debt), state.terms.currency),
        parked_invoices=[parked.invoice for parked in state.parked],
        as_of=live.now,
        source=live.source,
    )


def terms_out(terms: Terms) -> TermsOut:
    return TermsOut(
        id=terms.plan,
        version=terms.version,
        name=terms.name,
        tier=terms.tier,
        price=money(terms.price, terms.currency),
        included_minutes=terms.included_minutes,
        overage_rate=rate(terms.overage_rate, terms.currency),
        call_increment_seconds=terms.call_increment_seconds,
    )


def pending_change_out(state: State, now: datetime) -> PendingChangeOut | None:
    change = changes.pending(state, now)
    return PendingChangeOut(id=change.id, at=change.at, plan=terms_out(change.terms)) if change else None


def period_out(period: Period | None) -> PeriodOut | None:
    return PeriodOut(start=period.start, end=period.end) if period else None


def ladder_out(ladder: Ladder | None) -> LadderOut | None:
    if ladder is None:
        return None
    return LadderOut(
        started_at=ladder.started_at,
        gaps_days=list(ladder.dunning.gaps_days),
        final_action=ladder.dunning.final_action.value,
        used=ladder.used,
        attempts_left=ladder.attempts_left,
        extended=ladder.extended,
        next_attempt_at=ladder.next_at,
    )
