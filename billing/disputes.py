"""Disputes: a client has its bank take a payment back (billing-rules 7).

Money that is lost so is lost: no debt is opened again, and the invoice stays paid. What a dispute stops is every
attempt of ours on the card that was charged, for whatever the client is billed in the account, until the agency asks
for a retry of any of it, however the dispute ends; the client itself may pay with it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from billing.disputed import CardDisputed
from billing.money import show
from billing.notices import Notice, NoticeKind
from billing.state import Disputed, State


class DisputeStatus(StrEnum):
    """Where a dispute stands, by what it means. A `warning` is the bank's question: no money is taken for it yet."""

    WARNING = "warning"
    OPEN = "open"
    WARNING_CLOSED = "warning_closed"
    WON = "won"
    LOST = "lost"


_LATER: Final[dict[DisputeStatus, frozenset[DisputeStatus]]] = {
    DisputeStatus.WARNING: frozenset(DisputeStatus) - {DisputeStatus.WARNING},
    DisputeStatus.OPEN: frozenset({DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.WARNING_CLOSED}),
    # What was decided can be decided otherwise after an appeal; until then it stands.
    DisputeStatus.WARNING_CLOSED: frozenset({DisputeStatus.WON, DisputeStatus.LOST}),
    DisputeStatus.WON: frozenset({DisputeStatus.LOST}),
    DisputeStatus.LOST: frozenset({DisputeStatus.WON}),
}


@dataclass(frozen=True)
class DisputeReading:
    """A dispute as the provider has it. `card` is the identity of the card that was charged, where it is a card."""

    provider_id: str
    charge: str
    payment_intent: str | None
    amount: int
    currency: str
    status: DisputeStatus
    reason: str
    card: str | None
    evidence_due_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class DisputeRow:
    """A dispute as our books have it. `amount` is minor units of its own currency, and may be more than was paid."""

    id: str
    agency_id: str
    invoice_id: str
    account_id: str
    provider_id: str
    charge_id: str
    amount: int
    currency: str
    status: DisputeStatus
    reason: str
    card_identity: str | None
    evidence_due_at: datetime | None
    created_at: datetime
    closed_at: datetime | None


def may_become(old: DisputeStatus, new: DisputeStatus) -> bool:
    """Whether the status moves; staying is not a move."""
    return new in _LATER[old]


def is_over(status: DisputeStatus) -> bool:
    return status not in (DisputeStatus.WARNING, DisputeStatus.OPEN)


def disputed(s: State, fact: CardDisputed) -> State:
    """Told again it stops nothing anew: what the agency has lifted stays so."""
    if any(one.dispute == fact.dispute for one in s.disputed):
        told = (replace(d, lifted=d.lifted or (d.dispute == fact.dispute and fact.lifted)) for d in s.disputed)
        return replace(s, disputed=tuple(told))
    return replace(s, disputed=(*s.disputed, Disputed(fact.dispute, fact.card, fact.lifted)))


def lifted(s: State) -> State:
    """The agency asks for a retry: the card on file may be tried again."""
    if s.card is None:
        return s
    own = s.card.identity
    return replace(s, disputed=tuple(replace(d, lifted=True) if d.card == own else d for d in s.disputed))


def told(row: DisputeRow, at: datetime) -> Notice:
    """What the agency is told of where the dispute stands now (billing-rules 9)."""
    text = f"{show(row.amount, row.currency)} {_TOLD[row.status]} Stripe's reason: {row.reason}."
    if row.evidence_due_at and not is_over(row.status):
        text = f"{text} Answer it in Stripe's dashboard until {row.evidence_due_at:%Y-%m-%d %H:%M} UTC."
    return Notice(
        NoticeKind.DISPUTED, "agency", f"disputed:{row.id}:{row.status}:{at.isoformat()}", at, text, row.invoice_id
    )


_STOPPED: Final = "The card is not tried again until you ask for a retry."
_TOLD: Final = {
    DisputeStatus.WARNING: f"are asked about by the client's bank. {_STOPPED}",
    DisputeStatus.OPEN: f"were taken back by the client's bank. {_STOPPED}",
    DisputeStatus.WARNING_CLOSED: "were asked about, and stay with you.",
    DisputeStatus.WON: "come back: the dispute is won.",
    DisputeStatus.LOST: "are lost: the dispute is decided for the client. Nothing is owed anew.",
}
