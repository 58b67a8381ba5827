"""Changing the plan: what is refused, when a change holds, and how it is taken back (billing-rules 7).

A boundary bills the state at the boundary. So a change that is accepted before it belongs to the period that ends
there, and one accepted later waits until that boundary is billed, with its instant of acceptance.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from billing.orders import PlanChangeRequested, PlanChangeUndone
from billing.plans import Terms
from billing.prorating import take_effect, terms_at
from billing.service import end_of_period_at
from billing.state import PlanChange, State, Status

Effective = Literal["now", "period_end"]


def takes_effect_now(s: State, terms: Terms, effective: Effective | None, at: datetime) -> bool:
    """Whether the change holds from its acceptance: as asked, else for a higher or equal price.

    Where no period is open yet there is none to wait for.
    """
    if not _serving(s, at):
        return True
    return effective == "now" if effective else terms.price >= terms_at(s, at).price


def refusal(s: State, at: datetime, terms: Terms, *, now: bool) -> str | None:
    """The API's word for why the plan can't be changed to `terms` at `at`; none when it can."""
    ended = s.ending is not None and s.ending.at <= at
    if s.status is Status.CANCELLED or (ended and s.ending and s.ending.into is Status.CANCELLED):
        return "already_cancelled"
    if s.status is Status.PAUSED or ended:
        return "subscription_paused"
    if pending(s, at):
        return "change_pending"
    current = terms_at(s, at)
    if (terms.plan, terms.version) == (current.plan, current.version):
        return "no_change"
    if terms.currency != current.currency:
        return "currency_not_supported"
    if not now and s.ending and s.ending.into is Status.CANCELLED:
        return "cancel_pending"
    return "payment_overdue" if now and s.debt else None


def pending(s: State, at: datetime) -> PlanChange | None:
    """The change that is agreed for a boundary that is still ahead: until then it can be taken back."""
    return next((change for change in s.changes if change.at > at), None)


def undo_refusal(s: State, at: datetime) -> str | None:
    """Why there is no change to take back: none is agreed, or its boundary has passed."""
    return None if pending(s, at) else "no_pending_change"


def requested(s: State, fact: PlanChangeRequested) -> State:
    at = fact.at
    if s.status in (Status.CANCELLED, Status.PAUSED) or _known(s, fact.change):
        return s
    if s.period is None or at < s.period.start:
        return s if s.periods > 1 else _replaced(s, fact.terms)
    until = at if fact.now else end_of_period_at(s, s.period, at)
    change = PlanChange(fact.change, fact.terms, until, fact.now, at, fact.by)
    return take_effect(replace(s, changes=(*s.changes, change)))


def undone(s: State, fact: PlanChangeUndone) -> State:
    taken_back = pending(s, max(s.clock, fact.at))
    return replace(s, changes=tuple(c for c in s.changes if c is not taken_back)) if taken_back else s


def _known(s: State, change: str) -> bool:
    return any(c.id == change for c in s.changes) or any(one.change == change for one in s.segments)


def _serving(s: State, at: datetime) -> bool:
    return s.period is not None and s.period.start <= at


def _replaced(s: State, terms: Terms) -> State:
    """Nothing was billed by the old terms: the first period's price is the new one, unless it is given free."""
    issues = tuple(
        replace(i, price=0 if s.first_free else terms.price, name=terms.name)
        if i.opens and i.opens == s.period and not i.begun
        else i
        for i in s.to_issue
    )
    return replace(s, terms=terms, to_issue=issues)
