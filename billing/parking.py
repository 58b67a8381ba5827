"""The way out of a parking for an invoice that was never issued: it is voided (billing-rules 9, "Parking")."""

from dataclasses import replace

from billing.facts import InvoiceVoided
from billing.state import Issue, State


def unissued(s: State, invoice: str | None) -> Issue | None:
    """The parked invoice that is still to be issued; none when it is open, settled, or not parked."""
    if s.rules < 2 or all(p.invoice != invoice for p in s.parked):
        return None
    return next((issue for issue in s.to_issue if issue.invoice == invoice), None)


def is_being_voided(s: State, invoice: str) -> bool:
    """Whether a person's void of it is under way: until that is answered nobody decides otherwise of it."""
    return unissued(s, invoice) is not None and any(a.what == "void" and a.invoice == invoice for a in s.asked)


def voided(s: State, fact: InvoiceVoided) -> State:
    """A parked invoice that is voided before it was issued never will be."""
    issue = unissued(s, fact.invoice)
    return replace(s, to_issue=tuple(i for i in s.to_issue if i is not issue)) if issue else s
