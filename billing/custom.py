"""Custom invoices: an agency's own lines, billed beside any service (billing-rules 5).

One is collected by the rules of a debt, as what a cancelled subscription leaves behind: there is no service, so nothing
closes and no final action follows. Charged, it has a ladder of its own; sent, the client pays it on Stripe's page, and
is reminded around the day on which it is due.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from billing import debt
from billing.facts import DueReminded, InvoiceIssued
from billing.invoices import InvoiceKind, Line, LineKind
from billing.plans import Terms
from billing.state import Card, Custom, Disputed, Ending, Issue, State, Status, Try

REMINDERS: Final = (timedelta(days=-3), timedelta(), timedelta(days=7))
"""When a client is reminded of a sent invoice, from the instant on which it is due."""


def ordered(
    *,
    id: str,
    agency: str,
    client: str,
    account: str,
    customer: str,
    zone: str,
    terms: Terms,
    rules: int,
    at: datetime,
    custom: Custom,
    card: Card | None = None,
    condemned: tuple[str, ...] = (),
    tries: tuple[Try, ...] = (),
    disputed: tuple[Disputed, ...] = (),
) -> State:
    """A custom invoice that was ordered at `at`. Its terms name the currency; its lines stand in the books."""
    attempt = not custom.sent
    issue = Issue(custom_invoice_id(id), InvoiceKind.CUSTOM, id, at, price=custom.total, attempt=attempt)
    return State(
        id=id,
        agency=agency,
        client=client,
        account=account,
        customer=customer,
        zone=zone,
        terms=terms,
        rules=rules,
        status=Status.CANCELLED,
        clock=at,
        ended_at=at,
        to_issue=(issue,),
        card=card,
        condemned=condemned,
        tries=tries,
        disputed=disputed,
        ending=Ending(at, Status.CANCELLED, at, "rules", now=True, attempt=attempt),
        custom=custom,
    )


def custom_invoice_id(order: str) -> str:
    """The id of the one invoice of this order."""
    return f"inv_{order.removeprefix('cst_')}"


def own_terms(currency: str) -> Terms:
    """Of a custom invoice nothing but the currency is agreed beforehand."""
    return Terms("", 0, "Invoice", "", currency, 0, 0, "0")


def own_lines(lines: Sequence[tuple[str, int]]) -> tuple[Line, ...]:
    """The agency's lines: description and minor units. A negative one takes off the others."""
    return tuple(Line(LineKind.CUSTOM, description, amount) for description, amount in lines)


def reminders(s: State) -> Iterator[tuple[int, datetime]]:
    """The reminders ahead, while the sent invoice is open: number and instant."""
    if s.custom and s.custom.due_at and debt.collectable(s):
        for number in range(s.custom.reminded, len(REMINDERS)):
            yield number + 1, s.custom.due_at + REMINDERS[number]


def issued(s: State, fact: InvoiceIssued) -> State:
    """The invoice is final. A reminder that would come with it, or before, is behind us: the invoice itself says so."""
    if s.custom is None:
        return s
    return replace(s, custom=replace(s.custom, due_at=fact.due_at, reminded=_passed(fact.due_at, fact.at)))


def due_reminded(s: State, fact: DueReminded) -> State:
    """The client was reminded. What fell due meanwhile is behind us, too: nobody is reminded twice at once."""
    custom = s.custom
    if custom is None or custom.due_at is None or fact.number <= custom.reminded:
        return s
    return replace(s, custom=replace(custom, reminded=max(fact.number, _passed(custom.due_at, fact.at))))


def _passed(due_at: datetime | None, at: datetime) -> int:
    """How many reminders are behind us at that instant."""
    return sum(due_at + after <= at for after in REMINDERS) if due_at else 0
