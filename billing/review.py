"""Holding an invoice for the agency's word: when, how often it is told, and what its word does (billing-rules 9)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from billing.facts import ParkingRepeated
from billing.money import ceiling, round_to_unit, show
from billing.orders import ReviewDecided
from billing.parking import is_being_voided
from billing.revisions import revision_of
from billing.state import Decision, Issue, Parked, Review, State
from billing.steps import RepeatParking

PERIODS: Final = 3
"""So many closed periods say what is usual; with fewer nothing is implausible."""
TIMES_USUAL: Final = 10
TIMES_PRICE: Final = 5
REPEATED_AFTER: Final = (timedelta(hours=24), timedelta(hours=72))
"""From the parking: when the agency is told again."""
MOST_OF_ONE_CAUSE: Final = 5
WINDOW: Final = timedelta(minutes=10)
"""So many parkings of one cause in so short a time are a fault of ours, not of the invoices: more are not made."""


@dataclass(frozen=True)
class Past:
    """A period that closed before: what it came to, in minor units, and when it was closed."""

    overage: int
    closed_at: datetime


def implausible(s: State, issue: Issue, past: Sequence[Past], limit: int | None) -> Review | None:
    """Why the invoice is held for review; none when it is issued.

    `past` are the periods closed before the one that it bills, the newest first, `limit` the agency's own for plans
    without a price. Only the closed period's overage counts, against the price of its own plan: neither the price that
    is billed nor what came late to periods before it.
    """
    closed, usual = issue.closed, tuple(one.overage for one in past[:PERIODS])
    if s.rules < 2 or closed is None or issue.decision or len(usual) < PERIODS:
        return None
    price = s.terms.price if closed.price is None else closed.price
    most = TIMES_PRICE * price or limit
    if most is None:
        return None
    if _catches_up(issue, past[0].closed_at) or _waited_for_the_account(s, issue):
        return None
    unusual = closed.overage * len(usual) > TIMES_USUAL * sum(usual)
    return Review(closed.overage, usual, most) if unusual and closed.overage > most else None


def _catches_up(issue: Issue, previous: datetime) -> bool:
    """Whether it is one of several that were missed and are billed one after the other.

    Then the period that it opens is over already, or the one that it bills was when the one before it was closed.
    """
    over = issue.opens is not None and issue.opens.end <= issue.due_at
    return over or (issue.closed is not None and previous >= issue.closed.end)


def _waited_for_the_account(s: State, issue: Issue) -> bool:
    """Whether it fell due before the last thaw, and is one of many that go on now (billing-rules 8)."""
    return s.resumes_at is not None and issue.due_at < s.resumes_at


def explained(review: Review, currency: str) -> str:
    """The figures in words, for the agency."""
    return (
        f"The overage of {show(review.overage, currency)} is more than {TIMES_USUAL} times the usual "
        f"{show(mean(review, currency), currency)}, the mean of the last {len(review.usual)} periods, "
        f"and more than {show(review.limit, currency)}."
    )


def mean(review: Review, currency: str) -> int:
    """What is usual, rounded for showing only."""
    return round_to_unit(Fraction(sum(review.usual), len(review.usual)), currency)


def held(s: State) -> Parked | None:
    """The invoice that awaits the agency's word: of several the one that was held first."""
    return next((parked for parked in s.parked if _awaits_word(s, parked)), None)


def review_refusal(s: State, decision: Decision) -> str | None:
    """Why there is nothing to decide, or not so."""
    parked = held(s)
    if parked is None:
        return "nothing_to_review"
    too_large = decision is Decision.APPROVE and _is_too_large(s, parked.invoice)
    return "invoice_too_large" if too_large else None


def _awaits_word(s: State, parked: Parked) -> bool:
    if is_being_voided(s, parked.invoice):
        return False
    return parked.review is not None or _is_too_large(s, parked.invoice)


def _is_too_large(s: State, invoice: str) -> bool:
    """Whether it can never be charged at once with its overage (billing-rules 1): then it can be rejected only."""
    issue = next((issue for issue in s.to_issue if issue.invoice == invoice), None)
    return issue is not None and issue.closed is not None and issue.amount > ceiling(s.terms.currency)


def decided(s: State, fact: ReviewDecided) -> State:
    """Approved, it is issued as it is; rejected, its next revision is, without the overage."""
    if not any(p.invoice == fact.invoice and _awaits_word(s, p) for p in s.parked):
        return s
    return replace(
        s,
        parked=tuple(p for p in s.parked if p.invoice != fact.invoice),
        to_issue=tuple(_settled(i, fact.decision) if i.invoice == fact.invoice else i for i in s.to_issue),
    )


def _settled(issue: Issue, decision: Decision) -> Issue:
    if decision is Decision.APPROVE:
        return replace(issue, decision=decision)
    return replace(issue, invoice=revision_of(issue.invoice), replaces=issue.invoice, decision=decision)


def repeats(s: State) -> Iterator[RepeatParking]:
    """What the agency is still to be told of its parked invoices, the next for each."""
    if s.rules < 2:
        return
    for parked in s.parked:
        if parked.repeated < len(REPEATED_AFTER):
            at = parked.at + REPEATED_AFTER[parked.repeated]
            yield RepeatParking(parked.invoice, parked.at, parked.repeated + 1, at)


def parking_repeated(s: State, fact: ParkingRepeated) -> State:
    told = (fact.invoice, fact.since, fact.number)
    return replace(
        s,
        parked=tuple(
            replace(p, repeated=fact.number) if (p.invoice, p.at, p.repeated + 1) == told else p for p in s.parked
        ),
    )
