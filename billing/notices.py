"""Who is told what: the messages that follow from a fact (billing-rules 9). One message per fact and audience."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from billing import debt, facts, freezing
from billing.expiry import next_charge
from billing.money import show
from billing.state import Obstacle, State, Status
from billing.trialing import TrialEnding

Audience = Literal["client", "agency"]


class Channel(StrEnum):
    """How a message reaches people. In the app is where the agency reads it; the portal's banner is billing.view's."""

    IN_APP = "in-app"
    MAIL = "mail"
    WEBHOOK = "webhook"


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
    INVOICE_DUE = "invoice_due"
    INVOICE_NOT_MAILED = "invoice_not_mailed"
    CLIENT_NOT_MAILED = "client_not_mailed"
    INVOICE_PARKED = "invoice_parked"
    CARD_REQUESTED = "card_requested"
    CARD_EXPIRING = "card_expiring"
    TRIAL_ENDING = "trial_ending"
    USAGE_ALERT = "usage_alert"
    CAP_REACHED = "cap_reached"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    REFUND_WAITS = "refund_waits"
    DISPUTED = "disputed"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_RESTORED = "account_restored"
    ACCOUNT_REPLACED = "account_replaced"
    ENDPOINT_DISABLED = "endpoint_disabled"
    TIER_LOWERED = "tier_lowered"
    TIER_RAISED = "tier_raised"
    FINDING = "finding"


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
    NoticeKind.INVOICE_DUE: "An invoice waits to be paid",
    NoticeKind.INVOICE_NOT_MAILED: "Stripe did not mail an invoice",
    NoticeKind.CLIENT_NOT_MAILED: "A mail did not reach a client",
    NoticeKind.INVOICE_PARKED: "An invoice waits for a person",
    NoticeKind.CARD_REQUESTED: "A card is asked for",
    NoticeKind.CARD_EXPIRING: "The card expires before the next charge",
    NoticeKind.TRIAL_ENDING: "The trial ends soon",
    NoticeKind.USAGE_ALERT: "A level of the included minutes is reached",
    NoticeKind.CAP_REACHED: "The spend cap is reached",
    NoticeKind.REFUNDED: "Payment refunded",
    NoticeKind.REFUND_FAILED: "A refund failed",
    NoticeKind.REFUND_WAITS: "A refund waits for the Stripe account",
    NoticeKind.DISPUTED: "A payment is disputed",
    NoticeKind.ACCOUNT_FROZEN: "The Stripe account can't charge: billing is frozen",
    NoticeKind.ACCOUNT_RESTORED: "The Stripe account can charge again",
    NoticeKind.ACCOUNT_REPLACED: "Another Stripe account: subscriptions begin anew",
    NoticeKind.ENDPOINT_DISABLED: "A webhook endpoint was switched off",
    NoticeKind.TIER_LOWERED: "Billing is not in the tier any more",
    NoticeKind.TIER_RAISED: "Billing is in the tier again",
    NoticeKind.FINDING: "Stripe and Retainer differ",
}

_MAIL: Final = frozenset({Channel.MAIL})
_IN_APP: Final = frozenset({Channel.IN_APP})
_WEBHOOK: Final = frozenset({Channel.WEBHOOK})
_EVERY: Final = _IN_APP | _MAIL | _WEBHOOK

CHANNELS: Final[Mapping[NoticeKind, Mapping[Audience, frozenset[Channel]]]] = {
    NoticeKind.INVOICE_ISSUED: {"client": _MAIL, "agency": _WEBHOOK},
    NoticeKind.INVOICE_PAID: {"client": _MAIL, "agency": _WEBHOOK},
    NoticeKind.INVOICE_DUE: {"client": _MAIL},
    NoticeKind.CARD_NEEDED: {"client": _MAIL, "agency": _IN_APP},
    NoticeKind.CARD_REQUESTED: {"client": _MAIL},
    NoticeKind.CARD_EXPIRING: {"client": _MAIL},
    NoticeKind.TRIAL_ENDING: {"client": _MAIL, "agency": _IN_APP},
    NoticeKind.PAYMENT_FAILED: {"client": _MAIL, "agency": _EVERY},
    NoticeKind.ACTION_REQUIRED: {"client": _MAIL, "agency": _IN_APP},
    NoticeKind.ATTEMPT_SKIPPED: {"client": _MAIL, "agency": _IN_APP},
    NoticeKind.PAST_DUE: {"client": _MAIL, "agency": _EVERY},
    NoticeKind.PAUSED: {"client": _MAIL, "agency": _EVERY},
    NoticeKind.CANCELLED: {"client": _MAIL, "agency": _EVERY},
    NoticeKind.RECOVERED: {"client": _MAIL, "agency": _IN_APP | _WEBHOOK},
    NoticeKind.USAGE_ALERT: {"client": _MAIL, "agency": _IN_APP | _WEBHOOK},
    NoticeKind.CAP_REACHED: {"client": _MAIL, "agency": _IN_APP | _WEBHOOK},
    NoticeKind.REFUNDED: {"agency": _EVERY},
    NoticeKind.REFUND_FAILED: {"agency": _EVERY},
    NoticeKind.REFUND_WAITS: {"agency": _EVERY},
    NoticeKind.DISPUTED: {"agency": _EVERY},
    NoticeKind.ACCOUNT_FROZEN: {"agency": _IN_APP | _MAIL},
    NoticeKind.ACCOUNT_RESTORED: {"agency": _IN_APP | _MAIL},
    NoticeKind.ACCOUNT_REPLACED: {"agency": _IN_APP | _MAIL},
    NoticeKind.TIER_LOWERED: {"agency": _IN_APP | _MAIL},
    NoticeKind.TIER_RAISED: {"agency": _IN_APP | _MAIL},
    NoticeKind.INVOICE_NOT_MAILED: {"agency": _IN_APP | _MAIL},
    NoticeKind.CLIENT_NOT_MAILED: {"agency": _IN_APP},
    NoticeKind.INVOICE_PARKED: {"agency": _IN_APP | _MAIL},
    NoticeKind.ENDPOINT_DISABLED: {"agency": _IN_APP | _MAIL},
    NoticeKind.FINDING: {"agency": _IN_APP | _MAIL},
}
"""Who is told of what, and how: the table of billing-rules 9. Who is not named there is told nothing."""


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

    @property
    def channels(self) -> frozenset[Channel]:
        return CHANNELS[self.kind].get(self.audience, frozenset())

    @property
    def read_by_people(self) -> bool:
        """Whether it is more than a webhook to a program."""
        return self.channels != _WEBHOOK


def notices(before: State, fact: facts.Fact, after: State) -> tuple[Notice, ...]:
    """What people are told of `fact`; nothing when it changed nothing, as a repeat does."""
    if after == before:
        return ()
    told = _told(before, fact, after)
    return tuple(told) if isinstance(fact, facts.AccountReplaced) else spoken(told, after, after.clock)


def spoken(told: Iterable[Notice], s: State, at: datetime) -> tuple[Notice, ...]:
    """Those of the messages that are told as things stand: while the agency's account can't charge, its clients are
    not written to (billing-rules 8)."""
    frozen = freezing.is_frozen(s, at)
    return tuple(notice for notice in told if notice.audience != "client" or not frozen)


def _told(before: State, fact: facts.Fact, after: State) -> Iterator[Notice]:  # noqa: C901  one case per fact
    currency = before.terms.currency
    match fact:
        case facts.InvoiceIssued(invoice=invoice, at=at, amount_due=amount, not_mailed=why) if amount > 0:
            told = to_each(NoticeKind.INVOICE_ISSUED, f"issued:{invoice}", at, show(amount, currency), invoice)
            # Stripe itself mails what is sent, unless it refuses to.
            by_us = why or not debt.sent(after)
            yield from (notice for notice in told if notice.audience == "agency" or by_us)
            if why:
                yield from to_each(NoticeKind.INVOICE_NOT_MAILED, f"not-mailed:{invoice}", at, why, invoice)
        case facts.PaymentSucceeded(invoice=invoice, at=at) | facts.PaidElsewhere(invoice=invoice, at=at):
            owed = debt.owed(before, invoice)
            if owed:
                yield from to_each(NoticeKind.INVOICE_PAID, f"paid:{invoice}", at, show(owed.amount, currency), invoice)
            yield from _recovered(before, after, at)
        case facts.PaymentDeclined():
            yield from _declined(before, fact, after)
        case facts.Reminded():
            yield from _reminded(fact, after)
        case facts.DueReminded(invoice=invoice, at=at, number=number):
            yield from to_each(NoticeKind.INVOICE_DUE, f"due:{invoice}:{number}", at, _due_text(after), invoice)
        case facts.CardExpiryTold(at=at, card=card, period=period):
            key = f"expiring:{period}:{card}"
            yield from to_each(NoticeKind.CARD_EXPIRING, key, at, _expiry_text(after))
        case facts.InvoiceParked(invoice=invoice, at=at, cause=cause, trouble=trouble):
            # Not by its time: a step that failed after its commit parks again, at another.
            key = f"parked:{invoice}:{trouble}:{before.let_go}"
            yield from to_each(NoticeKind.INVOICE_PARKED, key, at, cause, invoice)
        case facts.ParkingRepeated():
            yield from _repeated(fact, after)
        case facts.FinalActionTaken(at=at) if before.ladder and after.status is not before.status:
            # By its ladder: a step that failed after its commit is decided again, at another time.
            key = f"final:{before.ladder.started_at.isoformat()}"
            yield from to_each(_FINAL[after.status], key, at, _owed_text(after))
        case facts.PeriodClosed(at=at, number=number) if _paused_unpaid(after) and not _paused_unpaid(before):
            yield from to_each(NoticeKind.PAUSED, f"unpaid:{number}", at, _owed_text(after))
        case TrialEnding(at=at) if before.trial and at < before.trial.end:
            yield from to_each(NoticeKind.TRIAL_ENDING, "trial-ending", at, _trial_text(after, before.trial.end))
        case facts.AccountReplaced(at=at) if before.status is not Status.CANCELLED:
            detail = "Payments go to another account from now on: please enter your card once more."
            yield Notice(NoticeKind.CARD_NEEDED, "client", "replaced", at, detail)
        case _:
            return


def _paused_unpaid(s: State) -> bool:
    return s.status is Status.PAUSED and s.paused_reason == "unpaid"


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
    Obstacle.DISPUTED: NoticeKind.ATTEMPT_SKIPPED,
}


def _declined(before: State, fact: facts.PaymentDeclined, after: State) -> Iterator[Notice]:
    if debt.owed(before, fact.invoice) is None:
        return  # a decline that arrives after paid or void tells nobody
    must_act = fact.decline == "customer_must_act"
    kind = NoticeKind.ACTION_REQUIRED if must_act else NoticeKind.PAYMENT_FAILED
    detail = f"{fact.reason} {_next_date(after)}"
    yield from to_each(kind, f"failed:{fact.invoice}:{fact.number}", fact.at, detail, fact.invoice)


def _reminded(fact: facts.Reminded, after: State) -> Iterator[Notice]:
    used = after.ladder.used if after.ladder else 0
    detail = f"{_owed_text(after)}. {_next_date(after)}"
    yield from to_each(_REMINDED[fact.obstacle], f"reminded:{fact.invoice}:{used}", fact.at, detail, fact.invoice)


def _repeated(fact: facts.ParkingRepeated, after: State) -> Iterator[Notice]:
    for parked in after.parked:
        if parked.invoice == fact.invoice:
            key = f"parked:{parked.invoice}:{parked.at.isoformat()}:{fact.number}"
            detail = f"Since {parked.at:%Y-%m-%d %H:%M} UTC: {parked.cause}"
            yield from to_each(NoticeKind.INVOICE_PARKED, key, fact.at, detail, parked.invoice)


def _recovered(before: State, after: State, at: datetime) -> Iterator[Notice]:
    if before.ladder and after.ladder is None:
        key = f"recovered:{before.ladder.started_at.isoformat()}"
        yield from to_each(NoticeKind.RECOVERED, key, at, "Nothing is owed any more")


def to_each(kind: NoticeKind, key: str, at: datetime, detail: str, invoice: str | None = None) -> Iterator[Notice]:
    """The message to everybody whom the table names."""
    for audience in CHANNELS[kind]:
        yield Notice(kind, audience, key, at, detail, invoice)


def _due_text(s: State) -> str:
    due = f", due on {s.custom.due_at:%Y-%m-%d}" if s.custom and s.custom.due_at else ""
    return f"{_owed_text(s)}{due}"


def _next_date(s: State) -> str:
    if s.ladder is None or s.ladder.next_at is None:
        return "No further automatic attempt is planned."
    return f"Next date: {s.ladder.next_at:%Y-%m-%d %H:%M} UTC."


def _expiry_text(s: State) -> str:
    charge = next_charge(s)
    if s.card is None or charge is None:
        return ""
    card = f"{s.card.brand} ···· {s.card.last4}, {s.card.exp_month:02d}/{s.card.exp_year}"
    return f"The card on file ({card}) is charged next on {charge[1]:%Y-%m-%d}."


def _trial_text(s: State, end: datetime) -> str:
    first = sum(issue.price for issue in s.to_issue)
    card = " No card is on file yet." if s.card is None and not s.manual else ""
    return f"{s.terms.name} begins on {end:%Y-%m-%d %H:%M} UTC with {show(first, s.terms.currency)}.{card}"


def _owed_text(s: State) -> str:
    invoices = "1 invoice" if len(s.debt) == 1 else f"{len(s.debt)} invoices"
    return f"{show(sum(i.amount for i in s.debt), s.terms.currency)} open on {invoices}"
