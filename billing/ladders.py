"""A running ladder whose dates a person moves (billing-rules 6 and 7)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from billing.facts import LadderExtended
from billing.state import State

LONGEST_EXTENSION_DAYS: Final = 14


def extend_refusal(s: State, at: datetime) -> str | None:
    """The API's word for why the ladder's next date can't be moved at `at`; none when it can."""
    if s.ladder is None or s.ladder.next_at is None:
        return "nothing_to_extend"
    if s.ladder.extended:
        return "already_extended"
    # A date that has come is being used up.
    return "payment_in_progress" if s.ladder.next_at <= at else None


def ladder_extended(s: State, fact: LadderExtended) -> State:
    """The client promises to pay: the next date moves, and the later gaps run from there. Once per ladder."""
    if s.ladder is None or s.ladder.next_at is None or extend_refusal(s, max(s.clock, fact.at)):
        return s
    if not 1 <= fact.days <= LONGEST_EXTENSION_DAYS:
        return s
    return replace(s, ladder=replace(s.ladder, next_at=s.ladder.next_at + timedelta(days=fact.days), extended=True))
