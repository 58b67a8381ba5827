"""A subscription as people see it at an instant: what the clock alone has changed since its last fact is included."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing import debt, expiry, freezing, trials
from billing.agenda import agenda
from billing.periods import boundary
from billing.service import SERVING, closing, too_many_unpaid
from billing.state import Obstacle, PausedReason, Period, State, Status


class BannerKind(StrEnum):
    PAYMENT_FAILED = "payment_failed"
    ACTION_REQUIRED = "action_required"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CARD_EXPIRING = "card_expiring"
    NO_PAYMENT_METHOD = "no_payment_method"
    CHECKING = "checking"


@dataclass(frozen=True)
class Banner:
    """What the client has to know, and can do. `amount_due` is the whole debt in minor units, `invoice` its oldest."""

    kind: BannerKind
    reason: str | None
    invoice: str | None
    amount_due: int
    open_invoices: int
    next_attempt_at: datetime | None
    attempts_left: int
    actions: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """`cancel_at` or `pause_at` is set while a cancellation or a pause is agreed and still ahead, `trial_end` in a
    trial."""

    status: Status
    current_period: Period | None
    cancel_at: datetime | None
    pause_at: datetime | None
    trial_end: datetime | None
    paused_reason: PausedReason | None
    banner: Banner | None


def view(s: State, now: datetime) -> View:
    """The subscription as it stands at `now`."""
    ended = s.ending is not None and s.ending.at <= now
    status = s.ending.into if s.ending and ended and s.status in SERVING else s.status
    if status is Status.TRIALING and s.trial and s.trial.end <= now:
        status = Status.ACTIVE
    agreed = s.ending if s.ending and not ended and s.status is not Status.CANCELLED else None
    return View(
        status,
        current_period(s, now),
        cancel_at=agreed.at if agreed and agreed.into is Status.CANCELLED else None,
        pause_at=agreed.at if agreed and agreed.into is Status.PAUSED else None,
        trial_end=s.trial.end if s.trial and status is Status.TRIALING else None,
        paused_reason=s.ending.reason if s.ending and status is Status.PAUSED else None,
        banner=banner(s, status, now),
    )


def current_period(s: State, now: datetime) -> Period | None:
    """The period that holds `now`, or the trial; none before the start and after the end of service."""
    trial = trials.span(s)
    if trial and trial.start <= now < trial.end:
        return trial
    due, period = closing(s), s.period
    if due is None or period is None or s.anchor is None or now < period.start or (s.ending and s.ending.at <= now):
        return None
    end, last = due
    period = replace(period, end=end)
    while period.end <= now and not last:
        ahead = boundary(s.anchor, s.zone, period.index + 2)
        period = Period(period.number + 1, period.index + 1, period.end, ahead)
        last = s.ending is not None and s.ending.at <= period.end
    return period if now < period.end else None


def next_invoice(s: State, overage: int) -> tuple[datetime, int] | None:
    """When the next invoice is issued and what stands on it by now, in minor units; none when none will be.

    `overage` is what the oldest period that is not closed has come to so far. Credits are not looked at.
    """
    item = next((item for item in agenda(s) if item.action == "issue_invoice"), None)
    if item is None:
        return None
    closes = item.step is None and s.status is not Status.TRIALING
    return item.at, (item.amount or 0) + (overage if closes else 0)


def renewal(s: State, now: datetime) -> tuple[datetime, int] | None:
    """When the next period opens and its price in minor units; none when none will, as far as it is decided."""
    period = current_period(s, now)
    if period is None or too_many_unpaid(s) or (s.ending is not None and s.ending.at <= period.end):
        return None
    first = next((issue.price for issue in s.to_issue if issue.opens and issue.opens.start == period.end), None)
    return period.end, s.terms.price if first is None else first


def banner(s: State, status: Status, now: datetime) -> Banner | None:
    """What stands over the client's billing page; none when all is well."""
    kind = _banner_kind(s, status, now)
    if kind is None:
        return None
    oldest = s.debt[0] if s.debt else None
    next_at = s.ladder.next_at if s.ladder else None
    # The dates of a ladder that cannot charge are reminders: no attempt is promised.
    tries = s.ladder if next_at and debt.obstacle(s, next_at) is None and not freezing.is_frozen(s, now) else None
    return Banner(
        kind,
        next((i.reason for i in s.debt if i.reason), None),
        oldest.id if oldest else None,
        sum(i.amount for i in s.debt),
        len(s.debt),
        tries.next_at if tries else None,
        tries.attempts_left if tries else 0,
        _actions(s, kind, now),
    )


def whole_debt(own: Banner | None, earlier: Sequence[Banner | None]) -> Banner | None:
    """The banner of a client, whose cancelled subscriptions may have left debts: one that tells of a debt goes first.

    `own` is that of the subscription, `earlier` those of the cancelled ones, the oldest first; all in one currency.
    """
    owing = [one for one in (*earlier, own) if one and one.open_invoices]
    if not owing:
        return own
    first = own if own and own.open_invoices else owing[-1]
    return replace(
        first,
        invoice=owing[0].invoice,
        amount_due=sum(one.amount_due for one in owing),
        open_invoices=sum(one.open_invoices for one in owing),
    )


def _banner_kind(s: State, status: Status, now: datetime) -> BannerKind | None:
    checked = s.attempt and (s.attempt.processing or any(b.key.startswith("charge:") for b in s.backoff))
    blocked = debt.obstacle(s, now)
    if checked:
        return BannerKind.CHECKING
    if status is Status.PAUSED:
        return BannerKind.PAUSED
    if status is Status.PAST_DUE:
        return BannerKind.PAST_DUE
    if debt.sent(s) and not any(i.failed for i in s.debt):
        return None  # it waits to be paid on its page, which needs no card on file
    needed = status in (Status.ACTIVE, Status.AWAITING_CARD) or trials.ends_soon(s, now)
    if blocked is Obstacle.NO_CARD and (s.debt or needed):
        return BannerKind.NO_PAYMENT_METHOD
    if blocked is Obstacle.CUSTOMER_MUST_ACT:
        return BannerKind.ACTION_REQUIRED
    if s.ladder or any(i.failed for i in s.debt):
        return BannerKind.PAYMENT_FAILED
    return BannerKind.CARD_EXPIRING if _expires_first(s, status, now) else None


def _expires_first(s: State, status: Status, now: datetime) -> bool:
    since = expiry.announced_at(s)
    return since is not None and since <= now and status in (Status.TRIALING, Status.ACTIVE)


def _actions(s: State, kind: BannerKind, now: datetime) -> tuple[str, ...]:
    if kind is BannerKind.CHECKING:
        return ()
    payable = debt.collectable(s) and debt.obstacle(s, now, on_session=True) is None and not freezing.is_frozen(s, now)
    return ("update_payment_method", "pay_now") if payable else ("update_payment_method",)
