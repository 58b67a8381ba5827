"""A running ladder whose dates people move: by a promise to pay, or by another policy (billing-rules 6 and 7)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from billing.facts import DunningApplied
from billing.freezing import is_frozen
from billing.orders import LadderExtended
from billing.plans import Dunning, FinalAction
from billing.service import awaits_final_action
from billing.state import Ladder, State

LONGEST_EXTENSION_DAYS: Final = 14


def extend_refusal(s: State, at: datetime) -> str | None:
    """The API's word for why the ladder's next date can't be moved at `at`; none when it can."""
    if s.ladder is None or s.ladder.next_at is None:
        return "nothing_to_extend"
    if s.ladder.extended:
        return "already_extended"
    if s.ladder.next_at > at:
        return None
    # A date that has come is being used up, unless it waits for the account: then it moves when that can charge again.
    return "agency_frozen" if is_frozen(s, at) else "payment_in_progress"


def ladder_extended(s: State, fact: LadderExtended) -> State:
    """The client promises to pay: the next date moves, and the later gaps run from there. Once per ladder."""
    if s.ladder is None or s.ladder.next_at is None or extend_refusal(s, max(s.clock, fact.at)):
        return s
    if not 1 <= fact.days <= LONGEST_EXTENSION_DAYS:
        return s
    return replace(s, ladder=replace(s.ladder, next_at=s.ladder.next_at + timedelta(days=fact.days), extended=True))


def by_policy(ladder: Ladder, dunning: Dunning, at: datetime) -> Ladder:
    """The ladder as another policy, applied at `at`, has it.

    Steps that are used stay used. The next date moves by what its gap grows or shrinks, so that it runs from the actual
    time of the last step as it would have, with a promise to pay on top; but never to before `at`. A date that has come
    is being used up: it stays, and the gaps after it are the new ones. With fewer gaps than are used nothing is left,
    and the final action is due. A ladder that is exhausted stays as it is: its end has come.
    """
    if ladder.next_at is None or ladder.dunning == dunning:
        return ladder
    if ladder.used >= len(dunning.gaps_days):
        return replace(ladder, dunning=dunning, next_at=None)
    moved = ladder.next_at + dunning.gap(ladder.used) - ladder.dunning.gap(ladder.used)
    stays = ladder.next_at <= at or moved == ladder.next_at
    return replace(ladder, dunning=dunning, next_at=ladder.next_at if stays else max(moved, at))


def dunning_applied(s: State, fact: DunningApplied) -> State:
    """The agency's policy as of `at` holds for the ladder that ran then; one that began later has its own."""
    if s.ladder is None or s.ladder.started_at > fact.at:
        return s
    return replace(s, ladder=by_policy(s.ladder, fact.dunning, max(s.clock, fact.at)))


@dataclass(frozen=True)
class Move:
    """What applying a policy would do to a running ladder. No new date: it is exhausted, and what is to follow does."""

    subscription: str
    client: str
    next_at: datetime
    new_next_at: datetime | None
    attempts_left: int
    final_action: FinalAction | None
    """What follows the last attempt; none when nothing does, as after a cancellation."""
    custom: bool = False
    """The ladder is a custom invoice's: no subscription has it."""


def move(s: State, dunning: Dunning, at: datetime) -> Move | None:
    """What a policy that is applied at `at` would do here; none when it would change nothing."""
    after = dunning_applied(s, DunningApplied(at, dunning))
    if s.ladder is None or s.ladder.next_at is None or after.ladder is None or after == s:
        return None
    final = dunning.final_action if awaits_final_action(after) else None
    return Move(
        s.id, s.client, s.ladder.next_at, after.ladder.next_at, after.ladder.attempts_left, final, s.custom is not None
    )
