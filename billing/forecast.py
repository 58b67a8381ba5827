"""What would follow: the agenda run forward with a pretend clock, card and usage.

The same rules that bill for real say what would be billed, so a forecast is exact for what it assumes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from billing import debt, facts
from billing.agenda import begin, next_step
from billing.credit_notes import InvoiceCredited
from billing.declines import Decline, DeclineClass, classify, reason_text
from billing.notices import notices
from billing.periods import boundary
from billing.plans import Dunning
from billing.prorating import terms_in
from billing.state import Card, State
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    CreditInvoice,
    Finish,
    IssueInvoice,
    MarkInvoice,
    MarkTrial,
    ReadNews,
    Remind,
    RemindDue,
    RepeatParking,
    SendInvoice,
    Step,
    TakeFinalAction,
    TellExpiry,
    VoidInvoice,
    Wait,
)
from billing.subscription import apply
from billing.trialing import TrialEnded, TrialEnding

CardWorks = Callable[[datetime], bool]
"""Whether the pretend card pays at an instant."""

MOST_STEPS: Final = 2_000
_DRY: Final = Decline(code="card_declined", decline_code="insufficient_funds")


@dataclass(frozen=True)
class Entry:
    """One event that would follow. `amount` is minor units, `result` what an attempt would come to."""

    at: datetime
    event: Literal["invoice", "attempt", "message", "status"]
    detail: str
    invoice: str | None = None
    amount: int | None = None
    result: Literal["paid", "declined"] | None = None


def forecast(
    s: State, now: datetime, *, months: int, seconds_per_month: int, card_works: CardWorks, dunning: Dunning
) -> tuple[Entry, ...]:
    """The invoices, attempts and messages of the coming months.

    `seconds_per_month` are billed seconds of every period that is not closed yet. A subscription without a card is
    given one that behaves as `card_works` says, so that the figures show what it would be charged.
    """
    if s.card is None:
        s = apply(s, facts.CardSaved(now, Card("forecast", "forecast", 12, now.year + 20, "card", "0000")))
    return tuple(_run(s, now, boundary(now, s.zone, months), seconds_per_month, card_works, dunning))


def _run(
    s: State, now: datetime, until: datetime, seconds: int, card_works: CardWorks, dunning: Dunning
) -> Iterator[Entry]:
    for _ in range(MOST_STEPS):
        match step := next_step(s, now):
            case Finish():
                return
            case Wait(until=at):
                if at is None or at > until:
                    return
                now = at
            case _:
                s = begin(s, step, now)
                fact = _pretended(s, step, now, seconds, card_works, dunning)
                after = apply(s, fact)
                yield from _entries(s, fact, after)
                s = after


def _pretended(  # noqa: C901  one case per step
    s: State, step: Step, now: datetime, seconds: int, card_works: CardWorks, dunning: Dunning
) -> facts.Fact:
    """The fact that this step would bring, if all goes as assumed."""
    match step:
        case ReadNews():
            return facts.NewsRead(now, ())
        case ClosePeriod(number=number, end=end):
            cost = terms_in(s, s.period).overage(seconds) if s.period else 0
            return facts.PeriodClosed(now, number, end, seconds, cost)
        case IssueInvoice(issue=issue):
            return facts.InvoiceIssued(now, issue.invoice, 0 if issue.statement else issue.amount)
        case ChargeInvoice(attempt=attempt):
            if debt.owed(s, attempt.invoice) is None:
                return facts.AttemptNotMade(now, attempt.invoice, attempt.number)
            if card_works(now):
                return facts.PaymentSucceeded(now, attempt.invoice, attempt.number)
            kind: DeclineClass = classify(_DRY)
            return facts.PaymentDeclined(now, attempt.invoice, attempt.number, kind, reason_text(_DRY), dunning)
        case VoidInvoice(invoice=invoice):
            return facts.InvoiceVoided(now, invoice)
        case MarkInvoice(invoice=invoice, mark=mark):
            return facts.PaidElsewhere(now, invoice) if mark == "paid" else facts.WrittenOff(now, invoice)
        case CreditInvoice(invoice=invoice, order=order):
            owed = debt.owed(s, invoice)
            return InvoiceCredited(now, invoice, owed.amount - order.amount if owed else 0, (order.note,))
        case Remind(invoice=invoice, obstacle=obstacle, step=number):
            return facts.Reminded(now, invoice, obstacle, dunning, number)
        case SendInvoice(invoice=invoice, request=request):
            return facts.InvoiceSent(now, invoice, request)
        case RemindDue(invoice=invoice, number=number):
            return facts.DueReminded(now, invoice, number)
        case TellExpiry(card=card, period=period):
            return facts.CardExpiryTold(now, card, period)
        case TakeFinalAction(action=action):
            return facts.FinalActionTaken(now, action)
        case MarkTrial(what=what):
            return TrialEnding(now) if what == "ending" else TrialEnded(now)
        case RepeatParking(invoice=invoice, since=since, number=number):
            return facts.ParkingRepeated(now, invoice, since, number)
    assert_never(step)


def _entries(before: State, fact: facts.Fact, after: State) -> Iterator[Entry]:
    match fact:
        case facts.InvoiceIssued(at=at, invoice=invoice, amount_due=amount) if amount > 0:
            yield Entry(at, "invoice", "invoice issued", invoice, amount)
        case facts.PaymentSucceeded(at=at, invoice=invoice):
            yield Entry(at, "attempt", "charged", invoice, _amount(before, invoice), "paid")
        case facts.PaymentDeclined(at=at, invoice=invoice, reason=reason):
            yield Entry(at, "attempt", reason, invoice, _amount(before, invoice), "declined")
        case _:
            pass
    for notice in notices(before, fact, after):
        if notice.read_by_people:
            yield Entry(notice.at, "message", f"{notice.title} ({notice.audience})", notice.invoice)
    if after.status is not before.status:
        yield Entry(fact.at, "status", after.status.value)


def _amount(s: State, invoice: str) -> int | None:
    return next((i.amount for i in s.debt if i.id == invoice), None)
