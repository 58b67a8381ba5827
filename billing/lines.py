"""What an invoice of a subscription bills, before credits: the same lines for the real one and for its preview."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billing.invoices import Line, LineKind, change_lines, late_line, overage_line, price_line
from billing.ledger import LateEntries
from billing.state import Closed, Issue, State
from billing.usage import late_amount


def invoice_lines(state: State, issue: Issue, late: Sequence[LateEntries]) -> Iterator[Line]:
    """The coming period's price, or what a change of the plan prorates; the closed period's overage; late entries."""
    if issue.opens:
        start, end, source = issue.opens.start, issue.opens.end, str(issue.opens.number)
        name = issue.name or state.terms.name
        yield price_line(name, issue.price, start, end, zone=state.zone, source=source)
    if issue.change:
        yield from change_lines(issue.change, zone=state.zone, source=issue.source)
    if issue.closed:
        yield _overage_line(state, issue.closed)
    for entries in late:
        yield _late_line(state, entries)


def _overage_line(state: State, closed: Closed) -> Line:
    """At the closed period's own terms: those that hold now may be another plan's."""
    terms = state.terms
    return overage_line(
        closed.seconds,
        terms.included_minutes if closed.included_minutes is None else closed.included_minutes,
        terms.rate if closed.overage_rate is None else Decimal(closed.overage_rate),
        terms.currency,
        closed.start,
        closed.end,
        zone=state.zone,
        source=str(closed.number),
    )


def _late_line(state: State, entries: LateEntries) -> Line:
    amount = late_amount(
        entries.closed_seconds,
        entries.settled_seconds,
        entries.entry_seconds,
        entries.included_seconds,
        entries.rate,
        state.terms.currency,
    )
    return late_line(
        LineKind.CORRECTION if entries.correction else LineKind.LATE_CALLS,
        amount,
        entries.entry_seconds,
        entries.rate,
        entries.start,
        entries.end,
        zone=state.zone,
        source=str(entries.period),
    )
