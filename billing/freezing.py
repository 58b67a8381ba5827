"""Freeze and thaw: what waits while the agency's account can't charge, and how it goes on (billing-rules 8).

A freeze is a row of the account, or of the agency whose tier fell; subscriptions learn of it and of its end by reading
how things stand now, so that a wake-up that is late, doubled or overtaken by the next one changes nothing. Periods
never move: what is stopped is issuing, trying, reminding and the final action.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from billing.facts import (
    AccountFrozen,
    AccountReplaced,
    AccountThawed,
)
from billing.orders import (
    CancelRequested,
)
from billing.service import cancel_requested, end_of_period_at
from billing.state import Forgive, Freeze, FreezeCause, Origin, Period, State, Status
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    CreditInvoice,
    IssueInvoice,
    MarkInvoice,
    MarkTrial,
    ReadNews,
    Remind,
    RepeatParking,
    SendInvoice,
    Step,
    VoidInvoice,
)

THAW_SPREAD: Final = timedelta(minutes=60)
"""Over how long what waited is begun again: not all of an agency's subscriptions at once (billing-rules 8)."""
LIFTED_KEPT: Final = 20
_Learned = AccountFrozen | AccountThawed | AccountReplaced


@dataclass(frozen=True)
class OpenFreeze:
    """A freeze that holds: the account can't charge since then, or the agency's tier fell then."""

    id: int
    cause: FreezeCause
    at: datetime
    replaced_at: datetime | None = None
    """When the agency connected another account instead."""


@dataclass(frozen=True)
class Standing:
    """How the account of a subscription stands in the books now. `lifted`: freezes that the subscription still knows,
    and the instant at which each ended."""

    open: tuple[OpenFreeze, ...] = ()
    lifted: tuple[tuple[int, datetime], ...] = ()


def learned(s: State, standing: Standing) -> Iterator[_Learned]:
    """What `standing` tells that the subscription does not know yet, in the order in which it came."""
    if _nothing_left(s):
        return
    known = {freeze.id: freeze for freeze in s.freezes}
    ended: list[_Learned] = [AccountThawed(at, id) for id, at in standing.lifted if id in known]
    begun: list[_Learned] = [
        AccountFrozen(freeze.at, freeze.id, freeze.cause)
        for freeze in standing.open
        if freeze.id not in known or known[freeze.id].cause != freeze.cause
    ]
    yield from sorted([*ended, *begun], key=lambda fact: fact.at)
    yield from (AccountReplaced(freeze.replaced_at) for freeze in standing.open if freeze.replaced_at)


def frozen_since(s: State) -> datetime | None:
    """Since when everything stands still, or will from then on; none when nothing stops it."""
    return min((freeze.since for freeze in s.freezes), default=None)


def is_frozen(s: State, at: datetime) -> bool:
    since = frozen_since(s)
    return since is not None and since <= at


def stops(s: State, step: Step, at: datetime) -> bool:
    """Whether the step waits for the account at `at`. An attempt that is in flight is read, where it can be."""
    if not is_frozen(s, at) or isinstance(step, ReadNews | ClosePeriod | RepeatParking) or _in_the_books(step):
        return False
    if isinstance(step, ChargeInvoice) and s.attempt is not None:
        return any(freeze.cause == "disconnected" for freeze in s.freezes)
    return True


def not_before(s: State, step: Step, at: datetime) -> datetime:
    """When a step may begin that is due at `at`: what waited for the thaw takes its place in the hour after it.

    What a person asked for, a new card, and the dates of a ladder, which moved, are not put off once more.
    """
    if s.resumes_at is None or not _waited(s, step):
        return at
    return max(at, s.resumes_at)


def frozen(s: State, fact: AccountFrozen) -> State:
    """Everything stands still from now on; after a fallen tier, from the end of the period or trial that is open."""
    if fact.freeze in s.lifted:
        return s
    known = next((freeze for freeze in s.freezes if freeze.id == fact.freeze), None)
    if known:
        caused = replace(known, cause=fact.cause)
        return replace(s, freezes=tuple(caused if freeze is known else freeze for freeze in s.freezes))
    since = fact.at
    if fact.cause == "tier" and s.period and s.status is not Status.CANCELLED:
        since = _served_until(s, s.period, fact.at)
    return replace(s, freezes=(*s.freezes, Freeze(fact.freeze, fact.cause, since)), resumes_at=None)


def _served_until(s: State, period: Period, at: datetime) -> datetime:
    """The end of the trial or the period that holds `at`; `at` itself before service begins."""
    if period.start <= at:
        return end_of_period_at(s, period, at)
    return period.start if s.status is Status.TRIALING else at


def thawed(s: State, fact: AccountThawed) -> State:
    """The freeze is over. With the last one the ladder's date moves by the whole span, and what waited may begin."""
    ended = next((freeze for freeze in s.freezes if freeze.id == fact.freeze), None)
    if ended is None:
        return s
    others = tuple(freeze for freeze in s.freezes if freeze is not ended)
    s = replace(s, freezes=others, lifted=(*s.lifted, ended.id)[-LIFTED_KEPT:])
    if ended.since >= fact.at:
        return s  # lifted before it took effect
    if any(freeze.since <= fact.at for freeze in others):
        # Another one holds: the span is that of both together.
        return replace(s, freezes=tuple(replace(f, since=min(f.since, ended.since)) for f in others))
    # What failed before was for want of the account: an attempt in flight is read at once, before all else.
    backoff = tuple(b for b in s.backoff if not b.key.startswith(("charge:", "issue:", "void:")))
    return _moved(replace(s, backoff=backoff, resumes_at=fact.at + place_in_thaw(s.id)), fact.at - ended.since)


def _moved(s: State, span: timedelta) -> State:
    """The ladder's date, and those that will be counted from an attempt whose outcome is not known yet."""
    ladder, sweep, attempt = s.ladder, s.sweep, s.attempt
    if ladder and ladder.next_at:
        ladder = replace(ladder, next_at=ladder.next_at + span)
    if sweep and attempt:
        sweep = replace(sweep, started_at=sweep.started_at + span)
        attempt = replace(attempt, held=attempt.held + span)
    return replace(s, ladder=ladder, sweep=sweep, attempt=attempt)


def replaced(s: State, fact: AccountReplaced) -> State:
    """The subscription ends where it stands: its period is closed, and nothing is billed, tried or owed any more.

    What was issued in the account that was left stays open there: who owns it may still collect it, we can't.
    """
    ended = cancel_requested(s, CancelRequested(fact.at, now=True, forgive=Forgive.ALL, by="system"))
    # Agreed before and not in effect yet: what it would still have billed is let go too.
    ending = replace(ended.ending, forgive=Forgive.ALL) if ended.ending else None
    owing = replace(ended, debt=(), to_issue=(), ladder=None, attempt=None, sweep=None, parked=())
    return replace(owing, ending=ending, card=None, fresh_card=False)


def place_in_thaw(subscription: str) -> timedelta:
    """Where in the hour after a thaw the subscription goes on: by its id, so always the same."""
    number = int.from_bytes(sha256(subscription.encode()).digest()[:8], "big")
    return timedelta(seconds=number % int(THAW_SPREAD.total_seconds()))


def set_back(s: State) -> State:
    """A step over the debt that a freeze stopped between two attempts begins anew after the thaw, when it is due."""
    if s.sweep is None or s.attempt is not None:
        return s
    return replace(s, sweep=None, fresh_card=s.fresh_card or s.sweep.origin is Origin.NEW_CARD)


def _in_the_books(step: Step) -> bool:
    """A statement needs no account, and a trial ends when it ends."""
    match step:
        case IssueInvoice(issue=issue):
            return issue.statement
        case MarkTrial(what=what):
            return what == "ended"
        case _:
            return False


def _waited(s: State, step: Step) -> bool:
    if _in_the_books(step):
        return False
    match step:
        case ReadNews() | ClosePeriod() | RepeatParking() | SendInvoice() | MarkInvoice() | CreditInvoice():
            return False
        case ChargeInvoice(origin=origin):
            return origin is Origin.ISSUE and s.attempt is None
        case Remind(origin=origin):
            return origin is Origin.ISSUE
        case VoidInvoice(request=request):
            return request is None
        case _:
            return True


def _nothing_left(s: State) -> bool:
    return s.status is Status.CANCELLED and not (s.period or s.to_issue or s.debt or s.attempt)
