"""A trial: service before the first period, metered and shown, never billed (billing-rules 7).

The first period begins where the trial ends, so a trial is a start that lies ahead, with service until then. Whatever
changes in it, changes before anything is billed.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from billing import service
from billing.periods import days_later
from billing.state import Period, State, Status
from billing.steps import MarkTrial
from billing.trialing import Trial, TrialEnded, TrialEnding

NOTICE: Final = timedelta(days=3)
"""How long before its end a trial's end is announced, with or without a card (billing-rules 7)."""


def begin(s: State, at: datetime) -> State:
    """Service begins at `at`: with the trial, if one is agreed, else with the first period."""
    if not s.trial_days:
        return service.open_period(s, at, free=s.first_free)
    end = days_later(at, s.zone, s.trial_days)
    ahead = service.open_period(s, end, free=s.first_free)
    return replace(ahead, status=Status.TRIALING, trial=Trial(at, end))


def span(s: State) -> Period | None:
    """The trial as a span for which usage is shown: it is no period, and has the number 0.

    One that was cancelled ended then.
    """
    if s.trial is None:
        return None
    end = min(s.trial.end, s.ended_at) if s.ended_at else s.trial.end
    return Period(0, 0, s.trial.start, max(s.trial.start, end))


def ends_soon(s: State, now: datetime) -> bool:
    """Whether the trial is in its last days, and paid service is to follow."""
    return s.status is Status.TRIALING and s.ending is None and s.trial is not None and s.trial.end - NOTICE <= now


def turns(s: State) -> Iterator[MarkTrial]:
    """What is still to come of the trial: its announcement, and its end."""
    if s.status is not Status.TRIALING or s.trial is None:
        return
    if not (s.trial.told or s.ending):
        yield MarkTrial("ending", max(s.trial.start, s.trial.end - NOTICE))
    yield MarkTrial("ended", s.trial.end)


def moved(s: State, fact: TrialEnding | TrialEnded) -> State:
    """Told of; or over, and paid service begins. Where a cancellation was agreed nothing ever does."""
    if s.status is not Status.TRIALING or s.trial is None:
        return s
    if isinstance(fact, TrialEnding):
        # Cancelled while it was being told: nothing begins, unless that is taken back.
        return s if s.ending else replace(s, trial=replace(s.trial, told=True))
    if fact.at < s.trial.end:
        return s
    if s.ending and service.ends_unopened(s):
        return service.cancelled_unopened(s, s.ending)
    return replace(s, status=Status.ACTIVE)
