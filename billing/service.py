"""Service to a client: when a period opens and closes, and how service ends (billing-rules 3, 6 and 7)."""

from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from billing import prorating
from billing.facts import (
    FinalActionTaken,
    PeriodClosed,
)
from billing.invoices import InvoiceKind
from billing.orders import (
    CancelRequested,
    CancelUndone,
)
from billing.periods import boundary
from billing.plans import FinalAction
from billing.state import Closed, Ending, Forgive, Issue, Period, State, Status
from billing.switches import collected_from

SERVING: Final = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)
"""While an end of service can be agreed that is still ahead."""
UNPAID_PERIODS: Final = 3
"""Open period invoices at a boundary that let no new period open (billing-rules 6)."""


def invoice_id(subscription: str, kind: InvoiceKind, number: int) -> str:
    """The id of a subscription's invoice, made before anything is written, so that a repeat makes the same one."""
    return f"inv_{subscription.removeprefix('sub_')}_{kind[0]}{number}"


def open_period(s: State, start: datetime, *, free: bool = False) -> State:
    """A first period from a new anchor: at the start, when the card is saved, or when a pause is over.

    A pause ended the period to whose end a change of the plan was agreed: what was agreed holds from here on.
    """
    s = replace(s, terms=s.changes[-1].terms if s.changes else s.terms, segments=(), changes=())
    manual = s.switches[-1].manual if s.switches else s.manual
    period = Period(s.periods + 1, 0, start, boundary(start, s.zone, 1))
    issue = Issue(
        invoice_id(s.id, InvoiceKind.PERIOD, period.number),
        InvoiceKind.PERIOD,
        str(period.number),
        start,
        opens=period,
        price=0 if free else s.terms.price,
        name=s.terms.name,
        statement=manual,
    )
    return replace(
        s,
        manual=manual,
        switches=(),
        anchor=start,
        period=period,
        periods=period.number,
        to_issue=(*s.to_issue, issue),
        status=Status.ACTIVE,
        paused_reason=None,
        ended_at=None,
        ending=None,
    )


def closing(s: State) -> tuple[datetime, bool] | None:
    """When the oldest unclosed period ends, and whether it is the last; none without a period (billing-rules 7).

    A cancellation `now` after a boundary whose period is not closed yet moves that boundary to the cancellation.
    """
    period, ending = s.period, s.ending
    if period is None or ends_unopened(s):
        return None
    if ending is None:
        return period.end, False
    if not ending.now:
        return period.end, ending.at <= period.end
    if ending.at <= period.end or ending.at < _boundary(s, period.index + 2):
        return ending.at, True
    return period.end, False


def period_closed(s: State, fact: PeriodClosed) -> State:
    due, old = closing(s), s.period
    if due is None or old is None or old.number != fact.number:
        return s
    end, last = due
    own = prorating.terms_in(s, old)
    closed = Closed(
        fact.number,
        old.start,
        fact.end,
        fact.seconds,
        fact.overage,
        own.included_minutes,
        own.terms.overage_rate,
        own.terms.price,
    )
    if s.grace_next is not None:
        s = replace(s, grace=s.grace_next, grace_next=None)
    manual, switches = collected_from(s.manual, s.switches, fact.end)
    s = replace(s, manual=manual, switches=switches)
    # A cancellation while this closing was in flight moved the end, but not the usage that was frozen before it.
    if last and s.ending and end <= fact.end:
        return _end_service(s, closed, s.ending, fact.at)
    if too_many_unpaid(s):
        # As at a final action: what is agreed for later happens now.
        ending = s.ending or Ending(fact.end, Status.PAUSED, fact.at, "rules")
        return _end_service(s, closed, replace(ending, at=fact.end, attempt=False), fact.at)
    period = Period(old.number + 1, old.index + 1, fact.end, _boundary(s, old.index + 2))
    s = prorating.renewed(s, period.start)
    issue = Issue(
        invoice_id(s.id, InvoiceKind.PERIOD, period.number),
        InvoiceKind.PERIOD,
        str(period.number),
        fact.at,
        closed=closed,
        opens=period,
        price=s.terms.price,
        name=s.terms.name,
        statement=s.manual,
    )
    # What was accepted after the boundary belongs to the new period, and is billed behind the boundary's invoice.
    s = prorating.take_effect(replace(s, period=period, periods=period.number, to_issue=(*s.to_issue, issue)))
    return _cut_short(s, s.ending.at) if s.ending and s.ending.now else s


def _end_service(s: State, closed: Closed, ending: Ending, at: datetime) -> State:
    """The last period is closed: its overage is all that is left to bill."""
    final = Issue(
        invoice_id(s.id, InvoiceKind.FINAL, closed.number),
        InvoiceKind.FINAL,
        str(closed.number),
        at,
        closed=closed,
        attempt=ending.attempt,
        statement=s.manual,
    )
    return replace(
        s,
        status=ending.into,
        paused_reason=ending.reason if ending.into is Status.PAUSED else None,
        ended_at=ending.at,
        ending=ending,
        period=None,
        changes=() if ending.into is Status.CANCELLED else s.changes,
        to_issue=s.to_issue if ending.forgive is Forgive.ALL else (*s.to_issue, final),
    )


def too_many_unpaid(s: State) -> bool:
    """Whether the boundary finds so many period invoices open that no new period opens (billing-rules 6)."""
    return sum(i.kind is InvoiceKind.PERIOD for i in s.debt) >= UNPAID_PERIODS


def awaits_final_action(s: State) -> bool:
    """Whether the ladder's end is still to bring its final action: a pause for unpaid periods leaves only a cancel."""
    if s.status is Status.PAUSED:
        return s.ladder is not None and s.ladder.dunning.final_action is FinalAction.CANCEL
    return s.status is Status.ACTIVE


def final_action_taken(s: State, fact: FinalActionTaken) -> State:
    if not awaits_final_action(s) or s.ladder is None or s.ladder.next_at is not None:
        return s
    if s.status is Status.PAUSED:
        return _cancel_paused(s, Ending(fact.at, Status.CANCELLED, fact.at, "rules"))
    if fact.action is FinalAction.PAST_DUE:
        return replace(s, status=Status.PAST_DUE)
    # What was agreed for the period's end happens now: a cancelled one is never resumed, and one that the agency
    # paused not by being paid.
    cancel = fact.action is FinalAction.CANCEL or (s.ending is not None and s.ending.into is Status.CANCELLED)
    into: Literal[Status.CANCELLED, Status.PAUSED] = Status.CANCELLED if cancel else Status.PAUSED
    reason = s.ending.reason if s.ending else "unpaid"
    ending = Ending(fact.at, into, fact.at, "rules", now=True, attempt=False, reason=reason)
    paused = None if cancel else reason
    s = replace(s, changes=() if cancel else s.changes)
    return _cut_short(replace(s, status=into, paused_reason=paused, ended_at=fact.at, ending=ending), fact.at)


def cancel_requested(s: State, fact: CancelRequested) -> State:
    at = max(s.clock, fact.at)
    ending = Ending(at, Status.CANCELLED, at, fact.by, fact.now, fact.forgive)
    if s.status is Status.CANCELLED:
        return s
    if s.status is Status.PAUSED:
        return _cancel_paused(s, ending)
    if s.status is Status.TRIALING and s.period and not fact.now and at < s.period.start:
        return s if s.ending else replace(s, ending=replace(ending, at=s.period.start), changes=())
    if s.period is None or s.period.start > at:
        return cancelled_unopened(s, replace(ending, now=True))
    if s.ending and s.ending.into is Status.PAUSED and s.ending.at <= at:
        return _cancel_paused(replace(s, ended_at=s.ending.at), ending)
    if s.ending and s.ending.into is Status.CANCELLED and (s.ending.at <= at or not fact.now):
        return s  # agreed already, and perhaps in effect: only a cancellation ahead can become one now
    if not fact.now:
        agreed = tuple(change for change in s.changes if change.at <= at)
        return replace(s, ending=replace(ending, at=end_of_period_at(s, s.period, at)), changes=agreed)
    s = replace(s, status=Status.CANCELLED, ended_at=at, ending=ending, changes=())
    return _cut_short(_forgiven(s, ending), at)


def ends_unopened(s: State) -> bool:
    """Whether it is agreed that the subscription ends with its trial: then no period ever opens."""
    if s.status is not Status.TRIALING or s.period is None or s.ending is None:
        return False
    return s.ending.at <= s.period.start


def undoable(s: State, at: datetime) -> bool:
    """Whether a cancellation at the period's end is agreed and still ahead: until then it can be undone."""
    return s.ending is not None and s.ending.into is Status.CANCELLED and ahead(s, at)


def ahead(s: State, at: datetime) -> bool:
    """Whether an end of service is agreed that has not come at `at`."""
    return s.status in SERVING and s.ending is not None and at < s.ending.at


def cancel_undone(s: State, fact: CancelUndone) -> State:
    return replace(s, ending=None) if undoable(s, max(s.clock, fact.at)) else s


def _cut_short(s: State, at: datetime) -> State:
    """Service ends at `at`: no price is billed for the period that it cuts short, unless its invoice is begun.

    Without the price, the changes of it that wait behind that invoice are not billed either.
    """
    cut = next((i for i in s.to_issue if i.opens and i.opens == s.period and at < i.opens.end and not i.begun), None)
    if cut is None:
        return s
    behind = s.to_issue[s.to_issue.index(cut) + 1 :]
    kept = tuple(i for i in behind if i.change is None)
    return replace(s, to_issue=(*s.to_issue[: s.to_issue.index(cut)], replace(cut, price=0), *kept))


def _forgiven(s: State, ending: Ending) -> State:
    """With everything forgiven, what is not begun is never issued; what is the client's credit stays his."""
    if ending.forgive is not Forgive.ALL:
        return s
    return replace(s, to_issue=tuple(i for i in s.to_issue if i.begun or (i.change and i.price < 0)))


def cancelled_unopened(s: State, ending: Ending) -> State:
    """Cancelled before its first period, while a card is awaited or with its trial: nothing was ever billed."""
    return replace(s, status=Status.CANCELLED, ended_at=ending.at, ending=ending, period=None, to_issue=(), changes=())


def _cancel_paused(s: State, ending: Ending) -> State:
    """Cancelled while paused: service stays ended when it was paused, and so does what is billed for it."""
    attempt = s.ending is not None and s.ending.attempt
    ending = replace(ending, at=s.ended_at or ending.at, now=True, attempt=attempt)
    return _forgiven(replace(s, status=Status.CANCELLED, paused_reason=None, ending=ending, changes=()), ending)


def end_of_period_at(s: State, period: Period, at: datetime) -> datetime:
    """The end of the period that holds `at`, whether or not the ones before it are closed yet."""
    index, end = period.index, period.end
    while end <= at:
        index += 1
        end = _boundary(s, index + 1)
    return end


def _boundary(s: State, n: int) -> datetime:
    if s.anchor is None:
        raise ValueError(f"{s.id} has a period but no anchor")
    return boundary(s.anchor, s.zone, n)
