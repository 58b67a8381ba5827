"""Reissuing an invoice: it is voided, and its corrected lines are the next revision of it (billing-rules 5).

An issued invoice never changes. Of one source there is one live invoice: the revision takes its place, with the same
kind, source and periods, and is collected as it was.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from billing.invoices import Line, LineKind
from billing.revisions import revision_of
from billing.state import Asked, Corrected, Issue, OpenInvoice, State


def revised(lines: Sequence[Line], corrected: Sequence[Corrected]) -> tuple[Line, ...]:
    """The lines as they should have been: the corrected ones by their position, counted from 1, the others as they are.

    One that is corrected to zero is left out. The credit line is no line to correct: what the voided invoice consumed
    was given back, and is consumed anew.
    """
    changes = {change.line: change for change in corrected}
    made = [_changed(line, changes.get(position)) for position, line in enumerate(lines, start=1)]
    return tuple(line for line in made if line.kind is not LineKind.CREDIT and line.amount)


def _changed(line: Line, change: Corrected | None) -> Line:
    if change is None:
        return line
    line = replace(line, description=change.description or line.description)
    if change.amount in (None, line.amount):
        return line
    # What the old number was made of does not explain the new one.
    return replace(line, amount=change.amount, quantity_seconds=None, rate=None, source=None)


def issue_revision(s: State, asked: Asked, voided: OpenInvoice | None, at: datetime) -> State:
    """The voided invoice's revision is due to be issued."""
    if asked.reissue is None or asked.invoice is None or voided is None:
        return s
    revision = Issue(
        revision_of(asked.invoice),
        voided.kind,
        asked.reissue.source,
        at,
        price=asked.reissue.total,
        attempt=s.custom is None or not s.custom.sent,
        revises=asked.invoice,
        corrected=asked.reissue.lines,
    )
    return replace(s, to_issue=(*s.to_issue, revision))
