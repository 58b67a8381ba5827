"""What credit notes do to the debt: it follows what the provider says is still owed (billing-rules 5 and 6)."""

from dataclasses import replace

from billing import debt, requests
from billing.credit_notes import InvoiceCredited
from billing.state import OpenInvoice, State


def credited(s: State, fact: InvoiceCredited) -> State:
    """What is credited in full leaves the debt, and the ladder ends with the last of it; else it is tried for less."""
    s = requests.answer_credited(s, fact)
    if fact.amount_due <= 0:
        return debt.settle(requests.answer_settled(s, fact), fact.invoice)
    return replace(s, debt=tuple(_owed(i, fact) if i.id == fact.invoice else i for i in s.debt))


def _owed(invoice: OpenInvoice, fact: InvoiceCredited) -> OpenInvoice:
    # The amount of an older reading is no news: notes can be made and voided in turn.
    if invoice.credited_at and fact.at < invoice.credited_at:
        return invoice
    return replace(invoice, amount=fact.amount_due, credited_at=fact.at)
