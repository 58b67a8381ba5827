"""In words: why something is done at once, what an idle subscription waits for, and when nothing will ever come."""

from typing import Final

from billing.state import Obstacle, State, Status
from billing.steps import ChargeInvoice, CreditInvoice, MarkInvoice, Remind, VoidInvoice

AWAITED: Final = {
    "restricted": "the account to be restored",
    "disconnected": "the account to be connected again",
    "tier": "the agency's tier",
}
"""What a freeze waits for, by its cause."""
_NEEDED: Final = {
    Obstacle.NO_CARD: "a card is needed",
    Obstacle.HARD_DECLINE: "another card is needed",
    Obstacle.CUSTOMER_MUST_ACT: "the customer must authenticate",
    Obstacle.CARD_LIMIT: "the card was tried too often",
    Obstacle.DISPUTED: "a payment of the card is disputed: only a retry tries it again",
}


def why_at_once(step: ChargeInvoice | VoidInvoice | MarkInvoice | CreditInvoice | Remind) -> str:
    match step:
        case ChargeInvoice(attempt=attempt):
            return f"attempt {attempt.number} on {attempt.invoice}"
        case VoidInvoice(invoice=invoice):
            return f"void {invoice}"
        case MarkInvoice(invoice=invoice, mark=mark):
            return f"mark {invoice} {mark}"
        case CreditInvoice(invoice=invoice):
            return f"a credit note on {invoice}"
        case Remind(obstacle=obstacle):
            return _NEEDED[obstacle]


def is_over(s: State) -> bool:
    """Cancelled, everything billed, nothing owed, nobody waiting for an answer."""
    return s.status is Status.CANCELLED and not (s.period or s.to_issue or s.debt or s.attempt or s.asked or s.news)


def waited_for(s: State) -> str:
    if s.status is Status.AWAITING_CARD:
        return "a card"
    if s.freezes:
        return AWAITED[s.freezes[0].cause]
    if s.parked:
        return "a person's decision on a parked invoice"
    return "the debt to be paid" if s.debt else "news"
