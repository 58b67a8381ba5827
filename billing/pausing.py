"""Service that the agency stops for a while, and begins again (billing-rules 7).

A pause takes effect at the end of the period: what was used in it is billed as always, and what is owed is collected
as always. It ends by the agency's word alone. A pause for want of payment ends by itself, when all of it is paid.
"""

from dataclasses import replace
from datetime import datetime

from billing import requests, service
from billing.orders import PauseRequested, PauseUndone
from billing.plans import FinalAction
from billing.state import Answer, Ending, State, Status


def pause_refusal(s: State, at: datetime) -> str | None:
    """The API's word for why the subscription can't be paused at the end of the period that holds `at`."""
    if s.status is Status.PAUSED or (s.ending and s.ending.into is Status.PAUSED):
        return "already_paused" if s.status is Status.PAUSED or not service.ahead(s, at) else "pause_pending"
    if s.status is Status.CANCELLED or s.ending:
        return "cancel_pending" if service.ahead(s, at) else "already_cancelled"
    return None if s.period and s.period.start <= at else "not_started"


def undo_pause_refusal(s: State, at: datetime) -> str | None:
    """Why there is no pause to take back: none is agreed, or its instant has passed."""
    return None if _undoable(s, at) else "no_pending_pause"


def resume_refusal(s: State, at: datetime) -> str | None:
    """Why service can't begin again at `at`: it goes on, has ended for good, or waits for the debt to be paid."""
    if s.status is Status.CANCELLED or (s.ending and s.ending.into is Status.CANCELLED and not service.ahead(s, at)):
        return "already_cancelled"
    if s.ending is None or service.ahead(s, at):
        return "not_paused"
    return "payment_overdue" if _waits_for_money(s) else None


def pause_requested(s: State, fact: PauseRequested) -> State:
    at = max(s.clock, fact.at)
    if pause_refusal(s, at) or s.period is None:
        return s
    end = service.end_of_period_at(s, s.period, at)
    return replace(s, ending=Ending(end, Status.PAUSED, at, fact.by, reason="agency"))


def pause_undone(s: State, fact: PauseUndone) -> State:
    return replace(s, ending=None) if _undoable(s, max(s.clock, fact.at)) else s


def answer_resumes(s: State, at: datetime) -> State:
    """Begin service again for who asked for it, once the period that the pause ended is closed."""
    asked = [one.id for one in s.asked if one.what == "resume"]
    if not asked:
        return s
    refused = resume_refusal(s, at)
    if refused is None:
        if s.period or _resumes_by_itself(s):
            return s
        s = service.open_period(s, at)
    for request in asked:
        # Who asked for what has happened meanwhile has it: another asked too, or the debt was paid.
        over = refused is None or refused == "not_paused"
        s = requests.answer(s, Answer(request, "done") if over else Answer(request, "refused", refused))
    return s


def _undoable(s: State, at: datetime) -> bool:
    return s.ending is not None and s.ending.into is Status.PAUSED and service.ahead(s, at)


def _resumes_by_itself(s: State) -> bool:
    return s.ending is not None and s.ending.reason == "unpaid"


def _waits_for_money(s: State) -> bool:
    """Whether only a payment begins service again: it was stopped for want of one, or would be stopped at once by the
    final action of a ladder that is exhausted."""
    ladder = s.ladder
    exhausted = ladder is not None and ladder.next_at is None and ladder.dunning.final_action is FinalAction.PAUSE
    return bool(s.debt) and (_resumes_by_itself(s) or exhausted)
