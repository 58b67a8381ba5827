"""What a plan change does to the period that it falls into: its invoice, its allowance, its terms (billing-rules 7).

A period has one set of terms: the newest in it, which price all its overage and round all its calls. Only what it
includes is put together from its segments. Time is counted in whole seconds, a second that has begun as used up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billing import usage
from billing.invoices import InvoiceKind, Proration
from billing.money import round_to_unit
from billing.plans import Terms
from billing.state import Issue, Period, PlanChange, Segment, State

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class PeriodTerms:
    """By what a period's usage is priced: its newest terms, and the minutes that its segments include together."""

    terms: Terms
    included_minutes: int

    @property
    def included_seconds(self) -> int:
        return self.included_minutes * 60

    @property
    def rate(self) -> Decimal:
        return self.terms.rate

    def overage(self, seconds: int) -> int:
        """What the period's billed seconds come to beyond what is included, in minor units."""
        return usage.overage(seconds, self.included_seconds, self.rate, self.terms.currency)


def length(period: Period) -> int:
    """The period's whole seconds: both its boundaries are the anchor's wall time, so there is no rest."""
    return (period.end - period.start) // _SECOND


def seconds_left(period: Period, at: datetime) -> int:
    """The whole seconds of the period that lie ahead at an instant."""
    return max(0, min(length(period), (period.end - at) // _SECOND))


def prorate(old: Terms, new: Terms, period: Period, at: datetime) -> Proration:
    """What the rest of the period was paid for by the old terms, and costs by the new: each rounded once."""
    part = Fraction(seconds_left(period, at), length(period))
    return Proration(
        old.name,
        new.name,
        round_to_unit(old.price * part, new.currency),
        round_to_unit(new.price * part, new.currency),
        max(period.start, at),
        period.end,
    )


def included_minutes(segments: Iterable[Segment], terms: Terms, period: Period) -> int:
    """floor(Σ over the period's segments: included × segment seconds ÷ period seconds); the last is under `terms`."""
    whole = before = length(period)
    minutes = 0
    for segment in segments:
        minutes += segment.included_minutes * (before - segment.left)
        before = segment.left
    return (minutes + terms.included_minutes * before) // whole


def terms_in(s: State, period: Period) -> PeriodTerms:
    """By what usage in `period` is priced as far as it is known: the oldest unclosed period, or one that follows it."""
    if s.period and s.period.number == period.number:
        # What changed in it has taken effect. A cancellation cuts it short, not what it includes.
        return PeriodTerms(s.terms, included_minutes(s.segments, s.terms, s.period))
    terms, segments = s.terms, tuple[Segment, ...]()
    for change in s.changes:
        if change.at <= period.start:
            terms = change.terms
        elif change.now and change.at < period.end:
            segments = (*segments, Segment(change.id, terms.included_minutes, seconds_left(period, change.at)))
            terms = change.terms
    return PeriodTerms(terms, included_minutes(segments, terms, period) if segments else terms.included_minutes)


def terms_at(s: State, at: datetime) -> Terms:
    """The terms that hold at an instant: a change that was agreed until then counts, also before it is billed."""
    return next((change.terms for change in reversed(s.changes) if change.at <= at), s.terms)


def renewed(s: State, start: datetime) -> State:
    """A period opens at `start`: by the newest terms that were agreed up to then. It has had no others yet."""
    return replace(
        s,
        terms=terms_at(s, start),
        segments=(),
        changes=tuple(change for change in s.changes if change.at > start),
    )


def take_effect(s: State) -> State:
    """Let the changes that fall into the open period take effect: each with an invoice behind those that wait."""
    while s.period and (due := next((c for c in s.changes if c.now and c.at < s.period.end), None)):
        s = _take_effect(s, s.period, due)
    return s


def _take_effect(s: State, period: Period, change: PlanChange) -> State:
    proration = prorate(s.terms, change.terms, period, change.at)
    issue = Issue(
        change_invoice_id(s.id, change.id),
        InvoiceKind.CHANGE,
        change.id,
        change.at,
        price=proration.charge - proration.credit,
        change=proration,
        statement=s.manual,
    )
    segment = Segment(change.id, s.terms.included_minutes, seconds_left(period, change.at))
    return replace(
        s,
        terms=change.terms,
        segments=(*s.segments, segment),
        changes=tuple(c for c in s.changes if c is not change),
        to_issue=(*s.to_issue, issue),
    )


def change_invoice_id(subscription: str, change: str) -> str:
    """The id of a change's invoice follows from the change's: whatever is repeated, it is the same invoice."""
    return f"inv_{subscription.removeprefix('sub_')}_{change.removeprefix('chg_')}"
