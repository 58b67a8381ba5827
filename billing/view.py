"""A subscription as people see it at an instant: what the clock alone has changed since its last fact is included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing import debt, expiry, freezing, trials
from billing.agenda import agenda
from billing.periods import boundary
from billing.service import SERVING, closing, too_many_unpaid
from billing.state import Obstacle, PausedReason, Period, State, Status
from billing.switching import wanted_manual


class BannerKind(StrEnum):
    PAYMENT_FAILED = "payment_failed"
    ACTION_REQUIRED = "action_required"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CARD_EXPIRING = "card_expiring"
    NO_PAYMENT_METHOD = "no_payment_method"
    CHECKING = "checking"


@dataclass(frozen=True)
class NextTry:
    """An attempt that will be made by itself: of how much, in minor units, and how many are left with it."""

    at: datetime
    amount: int
    attempts_left: int


@dataclass(frozen=True)
class Banner:
    """What the client has to know, and can do. `amount_due` is the whole debt in minor units, `invoice` its oldest.

    `tries` are the next ones, the soonest first: one for each ladder that can charge. Where there is none, `frozen` or
    else `obstacle` says why, and of a card that was tried too often `possible_at` when it can be tried again. `sent`:
    an invoice among them was sent, which only a person pays; everything else is charged to a new card at once.
    """

    kind: BannerKind
    reason: str | None
    invoice: str | None
    amount_due: int
    open_invoices: int
    tries: tuple[NextTry, ...]
    obstacle: Obstacle | None
    frozen: bool
    possible_at: datetime | None
    sent: bool
    actions: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """`starts_at` is set while service is still to begin, `cancel_at` or `pause_at` while a cancellation or a pause is
    agreed and still ahead, `trial_end` in a trial."""

    status: Status
    starts_at: datetime | None
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
    begins = s.trial.start if s.trial else s.anchor
    return View(
        status,
        begins if begins and begins > now and status in SERVING else None,
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
    ahead = s.ladder.next_at if s.ladder else None
    at = max(ahead, now) if ahead else now
    # The dates of a ladder that cannot charge are reminders: no attempt is promised.
    obstacle, frozen = debt.obstacle(s, at), freezing.is_frozen(s, at)
    return Banner(
        kind,
        next((i.reason for i in s.debt if i.reason), None),
        oldest.id if oldest else None,
        sum(i.amount for i in s.debt),
        len(s.debt),
        () if obstacle or frozen else tuple(_next_tries(s)),
        obstacle,
        frozen,
        debt.possible_again(s, now),
        debt.sent(s),
        _actions(s, kind, now),
    )


def _next_tries(s: State) -> Iterator[NextTry]:
    amount = sum(i.amount for i in debt.collectable(s))
    if s.ladder and s.ladder.next_at and amount:
        yield NextTry(s.ladder.next_at, amount, s.ladder.attempts_left)


def whole_debt(own: Banner | None, earlier: Sequence[Banner | None]) -> Banner | None:
    """The banner of a client, whose cancelled subscriptions may have left debts: one that tells of a debt goes first.

    `own` is that of the subscription, `earlier` those of the cancelled ones, the oldest first; all in one currency.
    What can be done is about the oldest invoice, unless nothing may be done meanwhile.
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
        tries=tuple(sorted((one for banner in owing for one in banner.tries), key=lambda one: one.at)),
        sent=any(one.sent for one in owing),
        actions=owing[0].actions if first.actions else (),
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
    charged = (status is Status.ACTIVE or trials.ends_soon(s, now)) and not wanted_manual(s)
    needed = charged or status is Status.AWAITING_CARD
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
    """Of what the client may do, what would be taken now. A card is entered in the agency's account, if it has one."""
    if kind is BannerKind.CHECKING or any(f.cause == "disconnected" and f.since <= now for f in s.freezes):
        return ()
    payable = debt.collectable(s) and debt.obstacle(s, now, on_session=True) is None and not freezing.is_frozen(s, now)
    return ("update_payment_method", "pay_now") if payable else ("update_payment_method",)
