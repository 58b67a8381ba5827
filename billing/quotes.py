"""What a plan change would bill: the rules themselves, run forward to its invoice (billing-rules 7).

A preview and the invoice are made of the same facts by the same functions. So they are equal to the cent, as long as
nothing else happens in between: no call, no correction, no credit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing.facts import PeriodClosed
from billing.invoices import Draft, compose
from billing.ledger import LateEntries
from billing.lines import invoice_lines
from billing.orders import PlanChangeRequested
from billing.prorating import terms_in
from billing.service import closing
from billing.state import Issue, State
from billing.subscription import apply
from billing.view import current_period


@dataclass(frozen=True)
class Known:
    """What the books say now: billed seconds of the unclosed periods by number, unsettled late entries, the credit."""

    seconds: Mapping[int, int]
    late: Sequence[LateEntries] = ()
    credit: int = 0


@dataclass(frozen=True)
class Quote:
    """The invoice as it would be drafted, and the client's credit that it leaves to later ones, in minor units.

    A `statement` is none of Stripe's: the agency collects it.
    """

    draft: Draft
    credit_left: int
    statement: bool = False


def quote(s: State, change: PlanChangeRequested, known: Known) -> Quote:
    """The invoice that the change brings: its own when it is `now`, else that of the period from which it holds.

    What comes before it is billed first, and takes its credits. Nothing, where no period is open or ahead.
    """
    after = apply(s, change)
    wanted = _wanted(after, change)
    while wanted is None:
        closed = _close(after, known)
        if closed is None:
            return Quote(Draft((), 0, 0), known.credit)
        after = closed
        wanted = _wanted(after, change)
    return _drafted(after, wanted, known)


def overage_effect(s: State, change: PlanChangeRequested, by_old: int, by_new: int) -> tuple[int, int]:
    """The overage to date of the period that holds the change, under old and new terms, in minor units.

    `by_old` and `by_new` are its billed seconds, rounded by the one and by the other plan's increment. A change at the
    period's end leaves the overage of this one as it is.
    """
    period = current_period(s, change.at)
    if period is None or period.number == 0:
        return 0, 0  # nothing is served, or it is a trial
    return terms_in(s, period).overage(by_old), terms_in(apply(s, change), period).overage(by_new)


def _wanted(s: State, change: PlanChangeRequested) -> Issue | None:
    own = next((issue for issue in s.to_issue if issue.source == change.change), None)
    if own or any(one.id == change.change for one in s.changes):
        return own
    holds = (s.terms.plan, s.terms.version) == (change.terms.plan, change.terms.version)
    return next((issue for issue in s.to_issue if issue.opens and issue.opens == s.period and holds), None)


def _close(s: State, known: Known) -> State | None:
    due = closing(s)
    if due is None or s.period is None:
        return None
    seconds = known.seconds.get(s.period.number, 0)
    end, _ = due
    return apply(s, PeriodClosed(end, s.period.number, end, seconds, terms_in(s, s.period).overage(seconds)))


def _drafted(s: State, wanted: Issue, known: Known) -> Quote:
    credit, late, drafted = known.credit, tuple(known.late), Draft((), 0, 0)
    for issue in s.to_issue[: s.to_issue.index(wanted) + 1]:
        if issue.begun:
            continue  # drafted already: what it took is taken
        drafted = compose(tuple(invoice_lines(s, issue, late)), credit, s.terms.currency)
        credit, late = credit + drafted.new_credit - drafted.credit_used, ()
    return Quote(drafted, credit, wanted.statement)
