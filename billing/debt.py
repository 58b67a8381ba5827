"""What is owed and how it is collected: the one ladder of the debt, and what stands in an attempt's way.

The debt is every open period, change and final invoice, oldest first (billing-rules 6). Everything here is a question
to the state or a small move of it; billing.subscription says when.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from billing.plans import Dunning
from billing.state import Attempt, Card, Ladder, Obstacle, OpenInvoice, Origin, State, Status, Sweep, Try

CARD_CAP: Final = 10
"""Attempts on one card in `CARD_WINDOW`; the networks allow more, and fine those who use it (billing-rules 6)."""
CARD_WINDOW: Final = timedelta(days=30)


def sent(s: State) -> bool:
    """Whether this is an invoice that was sent: nothing of ours tries it, unless a person asks (billing-rules 5)."""
    return s.custom is not None and s.custom.sent


def collectable(s: State) -> tuple[OpenInvoice, ...]:
    """The invoices of the debt that may be tried: all but the parked ones, oldest first."""
    parked = {p.invoice for p in s.parked}
    return tuple(i for i in s.debt if i.id not in parked)


def owed(s: State, invoice: str | None) -> OpenInvoice | None:
    return next((i for i in s.debt if i.id == invoice), None)


def obstacle(s: State, at: datetime, *, on_session: bool = False) -> Obstacle | None:
    """Why the card on file can't be tried at `at`; none when it can (billing-rules 6)."""
    if s.card is None:
        return Obstacle.NO_CARD
    if s.card.identity in s.condemned:
        return Obstacle.HARD_DECLINE
    if s.card.identity in s.must_act and not on_session:
        return Obstacle.CUSTOMER_MUST_ACT
    if not on_session and any(d.card == s.card.identity and not d.lifted for d in s.disputed):
        return Obstacle.DISPUTED
    if len(recent_tries(s, s.card, at)) >= CARD_CAP:
        return Obstacle.CARD_LIMIT
    return None


def recent_tries(s: State, card: Card, at: datetime) -> list[Try]:
    return [t for t in s.tries if t.card == card.identity and t.at > at - CARD_WINDOW]


def possible_again(s: State, at: datetime) -> datetime | None:
    """When the card cap next allows an attempt; none when it allows one at `at` (billing-rules 6)."""
    tries = recent_tries(s, s.card, at) if s.card else []
    return sorted(t.at for t in tries)[-CARD_CAP] + CARD_WINDOW if len(tries) >= CARD_CAP else None


def count_try(s: State, card: str, at: datetime) -> State:
    """One more try of the card. Of each card the cap needs no more than the newest `CARD_CAP` in its window."""
    since = max(s.clock, at) - CARD_WINDOW
    others = [t for t in s.tries if t.card != card and t.at > since]
    own = sorted(t for t in (*(t.at for t in s.tries if t.card == card), at) if t > since)
    return replace(s, tries=(*others, *(Try(card, t) for t in own[-CARD_CAP:])))


def learn_tries(s: State, card: str, instants: tuple[datetime, ...]) -> State:
    """All tries of the card that the books know. Two at one instant are two: each is another subscription's."""
    others = [t for t in s.tries if t.card != card]
    elsewhere = [t.at for t in s.tries if t.card == card and t.at not in instants]
    return replace(s, tries=(*others, *(Try(card, at) for at in sorted([*elsewhere, *instants])[-CARD_CAP:])))


def target(s: State, sweep: Sweep) -> OpenInvoice | None:
    """The invoice that a step tries next: the one it names while it is open, then the oldest."""
    invoices = collectable(s)
    named = next((i for i in invoices if i.id == sweep.named), None)
    if sweep.origin is Origin.ISSUE:
        return named
    return named or (invoices[0] if invoices else None)


def can_go_on(s: State, sweep: Sweep, at: datetime) -> bool:
    """Whether the step has an invoice left that the card on file may be tried on."""
    return target(s, sweep) is not None and obstacle(s, at, on_session=sweep.origin is Origin.PAY_NOW) is None


def attempt_on(invoice: OpenInvoice, card: Card, origin: Origin, at: datetime) -> Attempt:
    return Attempt(invoice.id, invoice.attempts + 1, card, origin is Origin.PAY_NOW, at)


def begin_attempt(s: State, attempt: Attempt, sweep: Sweep) -> State:
    """The attempt is decided: its number is used, and the card's try counted, whatever becomes of it."""
    debt = tuple(replace(i, attempts=attempt.number, due=False) if i.id == attempt.invoice else i for i in s.debt)
    s = count_try(s, attempt.card.identity, attempt.attempted_at)
    return replace(s, attempt=attempt, sweep=sweep, debt=debt, fresh_card=False)


def start_ladder(s: State, dunning: Dunning, at: datetime) -> State:
    """A debt that could not be collected at `at` gets its ladder, unless it has one (billing-rules 6)."""
    if s.ladder or not s.debt or sent(s):
        return s
    return replace(s, ladder=Ladder(at, dunning, next_at=at + dunning.gap(0)))


def use_up(ladder: Ladder, at: datetime) -> Ladder:
    """The step that was due is behind us, taken at `at`: the next gap runs from there; none left: exhausted."""
    used = ladder.used + 1
    more = used < len(ladder.dunning.gaps_days)
    return replace(ladder, used=used, next_at=at + ladder.dunning.gap(used) if more else None)


def end_sweep(s: State, at: datetime, *, began: datetime | None = None) -> State:
    """The step over the debt is over without having paid it: the ladder's dates that it used up are behind us.

    A ladder step uses its own date. Any attempt uses up the dates that fell due while it was in flight: `began` is
    when the last one began.
    """
    ladder = s.ladder
    if ladder and ladder.next_at and s.sweep and s.sweep.origin is Origin.LADDER:
        ladder = use_up(ladder, s.sweep.started_at)
    while began and ladder and ladder.next_at and ladder.next_at <= at:
        ladder = use_up(ladder, max(ladder.next_at, began))
    return replace(s, sweep=None, ladder=ladder)


def set_back_refused(s: State, at: datetime) -> State:
    """A ladder's step of which the books allowed no attempt: its date is used up by the reminder that says so."""
    refused = s.sweep and s.sweep.origin is Origin.LADDER and s.attempt is None and not can_go_on(s, s.sweep, at)
    return replace(s, sweep=None) if refused else s


def give_owner(s: State) -> State:
    """No open invoice is forgotten (billing-rules 10, I6): one that nothing waits for is due again.

    So it is after an attempt that turned out never to have been made, when nothing else can be tried, and after a
    person's word on a parked invoice.
    """
    ended = s.status in (Status.CANCELLED, Status.PAUSED)
    served = s.status is Status.ACTIVE or (ended and s.ending is not None and s.ending.attempt)
    if s.ladder or s.attempt or s.sweep or not served or any(i.due for i in s.debt):
        return s
    oldest = next(iter(collectable(s)), None)
    return replace(s, debt=tuple(replace(i, due=True) if i is oldest else i for i in s.debt))


def is_being_collected(s: State) -> bool:
    """Whether something of the debt is tried just now, or about to be: whether it stays open will soon be known."""
    return s.attempt is not None or s.sweep is not None or any(i.due for i in collectable(s))


def settle(s: State, invoice: str) -> State:
    """The invoice is no longer owed, however that came."""
    return replace(
        s,
        debt=tuple(i for i in s.debt if i.id != invoice),
        parked=tuple(p for p in s.parked if p.invoice != invoice),
    )
