"""Who is told what: the messages that follow from a fact (billing-rules 9). One message per fact and audience."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from billing import debt, facts
from billing.money import show
from billing.state import Obstacle, State, Status

Audience = Literal["client", "agency"]


class NoticeKind(StrEnum):
    INVOICE_ISSUED = "invoice_issued"
    INVOICE_PAID = "invoice_paid"
    PAYMENT_FAILED = "payment_failed"
    ACTION_REQUIRED = "action_required"
    CARD_NEEDED = "card_needed"
    ATTEMPT_SKIPPED = "attempt_skipped"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    RECOVERED = "recovered"
    INVOICE_PARKED = "invoice_parked"


_TITLES: Final = {
    NoticeKind.INVOICE_ISSUED: "Invoice issued",
    NoticeKind.INVOICE_PAID: "Payment received",
    NoticeKind.PAYMENT_FAILED: "Payment failed",
    NoticeKind.ACTION_REQUIRED: "The payment needs to be confirmed",
    NoticeKind.CARD_NEEDED: "A card is needed",
    NoticeKind.ATTEMPT_SKIPPED: "An attempt was skipped",
    NoticeKind.PAST_DUE: "All retries failed: past due",
    NoticeKind.PAUSED: "Unpaid: service is paused",
    NoticeKind.CANCELLED: "Unpaid: subscription cancelled",
    NoticeKind.RECOVERED: "Paid: all is well again",
    NoticeKind.INVOICE_PARKED: "An invoice is held for review",
}


@dataclass(frozen=True)
class Notice:
    """One message. `key` is its identity: whatever is repeated, it is written once per audience."""

    kind: NoticeKind
    audience: Audience
    key: str
    at: datetime
    detail: str
    invoice: str | None = None

    @property
    def title(self) -> str:
        return _TITLES[self.kind]


def notices(before: State, fact: facts.Fact, after: State) -> tuple[Notice, ...]:
    """What people are told of `fact`; nothing when it changed nothing, as a repeat does."""
    if after == before:
        return ()
    return tuple(_told(before, fact, after))


def _told(before: State, fact: facts.Fact, after: State) -> Iterator[Notice]:
    currency = before.terms.currency
    match fact:
        case facts.InvoiceIssued(invoice=invoice, at=at, amount_due=amount) if amount > 0:
            yield Notice(NoticeKind.INVOICE_ISSUED, "client", f"issued:{invoice}", at, show(amount, currency), invoice)
        case facts.PaymentSucceeded(invoice=invoice, at=at) | facts.PaidElsewhere(invoice=invoice, at=at):
            owed = debt.owed(before, invoice)
            if owed:
                detail = show(owed.amount, currency)
                yield Notice(NoticeKind.INVOICE_PAID, "client", f"paid:{invoice}", at, detail, invoice)
            yield from _recovered(before, after, at)
        case facts.PaymentDeclined():
            yield from _declined(before, fact, after)
        case facts.Reminded():
            yield from _reminded(fact, after)
        case facts.InvoiceParked(invoice=invoice, at=at, cause=cause):
            yield Notice(NoticeKind.INVOICE_PARKED, "agency", f"parked:{invoice}:{at.isoformat()}", at, cause, invoice)
        case facts.FinalActionTaken(at=at) if after.status is not before.status:
            yield from _both(_FINAL[after.status], f"final:{at.isoformat()}", at, _owed_text(after))
        case facts.PeriodClosed(at=at, number=number) if after.status is Status.PAUSED is not before.status:
            yield from _both(NoticeKind.PAUSED, f"unpaid:{number}", at, _owed_text(after))
        case _:
            return


_FINAL: Final = {
    Status.PAST_DUE: NoticeKind.PAST_DUE,
    Status.PAUSED: NoticeKind.PAUSED,
    Status.CANCELLED: NoticeKind.CANCELLED,
}

_REMINDED: Final = {
    Obstacle.NO_CARD: NoticeKind.CARD_NEEDED,
    Obstacle.HARD_DECLINE: NoticeKind.CARD_NEEDED,
    Obstacle.CUSTOMER_MUST_ACT: NoticeKind.ACTION_REQUIRED,
    Obstacle.CARD_LIMIT: NoticeKind.ATTEMPT_SKIPPED,
}


def _declined(before: State, fact: facts.PaymentDeclined, after: State) -> Iterator[Notice]:
    if debt.owed(before, fact.invoice) is None:
        return  # a decline that arrives after paid or void tells nobody
    must_act = fact.decline == "customer_must_act"
    kind = NoticeKind.ACTION_REQUIRED if must_act else NoticeKind.PAYMENT_FAILED
    detail = f"{fact.reason} {_next_date(after)}"
    yield from _both(kind, f"failed:{fact.invoice}:{fact.number}", fact.at, detail, fact.invoice)


def _reminded(fact: facts.Reminded, after: State) -> Iterator[Notice]:
    used = after.ladder.used if after.ladder else 0
    detail = f"{_owed_text(after)}. {_next_date(after)}"
    yield from _both(_REMINDED[fact.obstacle], f"reminded:{fact.invoice}:{used}", fact.at, detail, fact.invoice)


def _recovered(before: State, after: State, at: datetime) -> Iterator[Notice]:
    if before.ladder and after.ladder is None:
        key = f"recovered:{before.ladder.started_at.isoformat()}"
        yield from _both(NoticeKind.RECOVERED, key, at, "Nothing is owed any more")


def _both(kind: NoticeKind, key: str, at: datetime, detail: str, invoice: str | None = None) -> Iterator[Notice]:
    yield Notice(kind, "client", key, at, detail, invoice)
    yield Notice(kind, "agency", key, at, detail, invoice)


def _next_date(s: State) -> str:
    if s.ladder is None or s.ladder.next_at is None:
        return "No further automatic attempt is planned."
    return f"Next date: {s.ladder.next_at:%Y-%m-%d %H:%M} UTC."


def _owed_text(s: State) -> str:
    return f"{show(sum(i.amount for i in s.debt), s.terms.currency)} open on {len(s.debt)} invoice(s)"
