"""What stands on an invoice, and what an invoice may become (billing-rules 5).

Amounts are minor units. Credits are ours: an invoice shows what it consumes of them as one negative line, and no
invoice is below zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, Literal, assert_never
from zoneinfo import ZoneInfo

from billing.money import ceiling, check_unit, format_rate, show_rate, unit
from billing.usage import overage

# strftime's %b follows the machine's locale, and an invoice must read the same on every machine.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class InvoiceKind(StrEnum):
    """What an invoice is for; its source is unique within the kind (billing-rules 5)."""

    PERIOD = "period"
    CHANGE = "change"
    FINAL = "final"
    CUSTOM = "custom"


class InvoiceStatus(StrEnum):
    """Where an invoice stands, in Stripe's words (billing-rules 5)."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    STATEMENT = "statement"
    """Ours alone: what a period came to that the agency collects by itself."""


class LineKind(StrEnum):
    """What a line is about (billing-rules 5)."""

    PRICE = "price"
    OVERAGE = "overage"
    LATE_CALLS = "late_calls"
    CORRECTION = "correction"
    CREDIT = "credit"
    CUSTOM = "custom"


_TOGETHER: Final = frozenset({LineKind.PRICE, LineKind.CUSTOM})
"""Lines of one agreement: a negative one stands beside the others when they are positive together."""

_LATER: Final[dict[InvoiceStatus, frozenset[InvoiceStatus]]] = {
    InvoiceStatus.DRAFT: frozenset(InvoiceStatus) - {InvoiceStatus.DRAFT},
    InvoiceStatus.OPEN: frozenset({InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE}),
    InvoiceStatus.UNCOLLECTIBLE: frozenset({InvoiceStatus.PAID, InvoiceStatus.VOID}),
    InvoiceStatus.STATEMENT: frozenset(),
    InvoiceStatus.PAID: frozenset(),
    InvoiceStatus.VOID: frozenset(),
}


@dataclass(frozen=True)
class Line:
    """One line: an amount in minor units and all that explains it.

    `rate` is the canonical decimal text in minor units per minute, `source` names what the number comes from, as the
    period's number or the change's id.
    """

    kind: LineKind
    description: str
    amount: int
    period_start: datetime | None = None
    period_end: datetime | None = None
    quantity_seconds: int | None = None
    rate: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Levies:
    """What others take of an invoice, fixed when it is drafted: the platform's percentage, and the agency's tax rates.

    `tax_rates` are ids of its Stripe account: the tax is Stripe's figure (billing-rules 1).
    """

    fee_percent: Decimal = Decimal(0)
    tax_rates: tuple[str, ...] = ()


NO_LEVIES: Final = Levies()


@dataclass(frozen=True)
class Proration:
    """What a plan change makes of the rest [start, end) of its period, in minor units: given back by the old terms, and
    charged by the new. A wire format: it stands in a subscription's state."""

    old_name: str
    new_name: str
    credit: int
    charge: int
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Draft:
    """The lines of one invoice, and how it moves the client's credit, in minor units (billing-rules 5).

    What stays carried afterwards is: credit available before + new_credit − credit_used, and never negative.
    """

    lines: tuple[Line, ...]
    credit_used: int
    new_credit: int


def compose(positive_and_negative: Sequence[Line], credit_available: int, currency: str) -> Draft:
    """Make an invoice of what is owed and the credit at hand; its total is never negative (billing-rules 5).

    - Zero lines are left out.
    - Late calls and corrections below zero do not stand: their amounts become new credit (billing-rules 4).
    - A price line below zero, the unused time of a plan change, stands beside the new price when all price lines
      together are positive; else none of them stands and what they are below zero becomes new credit (billing-rules 7).
      So do the lines of a custom invoice.
    - Available and new credit together are then consumed, by one line, up to the sum of the lines that stand.

    Raises ValueError for a credit line among the given ones (it is made here, once), an overage below zero, or a
    negative credit; AmountRefused for a line that is no multiple of the chargeable unit.
    """
    if credit_available < 0:
        raise ValueError(f"{credit_available} {currency} of credit")
    check_unit(credit_available, currency)
    for line in positive_and_negative:
        _check_line(line, currency)
    standing, new_credit = _split(positive_and_negative)
    credit_used = min(credit_available + new_credit, total(standing))
    if credit_used > 0:
        standing = (*standing, Line(LineKind.CREDIT, "Credit applied", -credit_used))
    return Draft(standing, credit_used, new_credit)


def total(lines: Sequence[Line]) -> int:
    """The sum of the rounded lines, in minor units, before tax (billing-rules 1)."""
    return sum(line.amount for line in lines)


def application_fee(percent: Decimal, total: int, balance: int, currency: str) -> int:
    """The platform's part of what is charged, in minor units: never more than the percentage (stripe.md).

    `total` is with tax. `balance` is the customer's at Stripe: below zero it is credit, which nobody is charged for,
    and above zero it is owed and charged with the invoice.
    """
    charged = max(total + balance, 0)
    return int(Fraction(percent) * charged / 100 // unit(currency)) * unit(currency)


def too_large(lines: Sequence[Line], currency: str) -> bool:
    """Whether the invoice is parked instead of issued: its total, or one line, is over the ceiling (billing-rules 1).

    A single line counts too, because Stripe refuses it however much credit stands beside it.
    """
    most = ceiling(currency)
    return total(lines) > most or any(abs(line.amount) > most for line in lines)


def may_become(old: InvoiceStatus, new: InvoiceStatus) -> bool:
    """Whether the status moves forward: draft → open → paid | void | uncollectible → paid | void (billing-rules 5).

    A step in between may go unseen (Stripe is read, not watched), so a draft may become paid. Staying is not a move.
    """
    return new in _LATER[old]


def portal_status(
    status: InvoiceStatus, failed: bool, debt_failed: bool
) -> Literal["paid", "pending", "failed", "void"] | None:
    """The portal's word for an invoice (billing-rules 5); none for a statement, which is not in it.

    `failed`: an attempt on it failed. `debt_failed`: it was issued while another invoice of the debt was `failed`, and
    that one still is. A draft, as a parked invoice is, is pending.
    """
    match status:
        case InvoiceStatus.PAID:
            return "paid"
        case InvoiceStatus.VOID:
            return "void"
        case InvoiceStatus.UNCOLLECTIBLE:
            return "failed"
        case InvoiceStatus.OPEN:
            return "failed" if failed or debt_failed else "pending"
        case InvoiceStatus.DRAFT:
            return "pending"
        case InvoiceStatus.STATEMENT:
            return None
    assert_never(status)


def price_line(
    name: str, price: int, start: datetime, end: datetime, *, zone: str = "UTC", source: str | None = None
) -> Line:
    """The plan's price for [start, end): "Voice Pro, 31 Jan 2026 – 28 Feb 2026", days as the zone's calendar says."""
    return Line(LineKind.PRICE, f"{name}, {_days(start, end, zone)}", price, start, end, source=source)


def change_lines(change: Proration, *, zone: str = "UTC", source: str | None = None) -> tuple[Line, Line]:
    """A change of the plan for the rest of its period: unused time given back, and its cost by the new terms."""
    start, end = change.start, change.end
    unused = price_line(f"Unused time on {change.old_name}", -change.credit, start, end, zone=zone, source=source)
    return unused, price_line(change.new_name, change.charge, start, end, zone=zone, source=source)


def overage_line(
    seconds_used: int,
    included_minutes: int,
    rate: Decimal,
    currency: str,
    start: datetime,
    end: datetime,
    *,
    zone: str = "UTC",
    source: str | None = None,
) -> Line:
    """The overage of the closed period [start, end), computed and rounded here, once (billing-rules 5).

    `rate` is in minor units per minute and reads in major ones: "112 min over 500 included at 0.12 USD a minute, …".
    Without overage the line's amount is zero, and `compose` leaves it out.
    """
    over = max(0, seconds_used - included_minutes * 60)
    price = f"{_duration(over)} over {included_minutes} included at {show_rate(rate, currency)} a minute"
    return Line(
        LineKind.OVERAGE,
        f"{price}, {_days(start, end, zone)}",
        overage(seconds_used, included_minutes * 60, rate, currency),
        start,
        end,
        quantity_seconds=over,
        rate=format_rate(rate),
        source=source,
    )


def late_line(
    kind: Literal[LineKind.LATE_CALLS, LineKind.CORRECTION],
    amount: int,
    seconds: int,
    rate: Decimal,
    start: datetime,
    end: datetime,
    *,
    zone: str = "UTC",
    source: str | None = None,
) -> Line:
    """What late entries add to the closed period [start, end); `amount` is usage.late_amount (billing-rules 4).

    `seconds` are the signed billed seconds of the entries, `rate` the closed period's own, in minor units per minute.
    """
    title = "Late calls" if kind is LineKind.LATE_CALLS else "Correction"
    description = f"{title}, {_days(start, end, zone)}"
    return Line(kind, description, amount, start, end, quantity_seconds=seconds, rate=format_rate(rate), source=source)


def _check_line(line: Line, currency: str) -> None:
    check_unit(line.amount, currency)
    if line.kind is LineKind.CREDIT:
        raise ValueError("the credit line is made by compose, from the credit that is available")
    if line.kind is LineKind.OVERAGE and line.amount < 0:
        raise ValueError(f"an overage of {line.amount} {currency}")


def _split(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """The lines that stand, in the order given, and the credit that those which do not stand leave behind."""
    prices = total([line for line in lines if line.kind in _TOGETHER])
    prices_stand = prices > 0
    standing = tuple(
        line for line in lines if (prices_stand and line.amount if line.kind in _TOGETHER else line.amount > 0)
    )
    late = [line for line in lines if line.kind not in _TOGETHER and line.amount < 0]
    return standing, max(0, -prices) - total(late)


def _days(start: datetime, end: datetime, zone: str) -> str:
    return f"{_day(start, zone)} – {_day(end, zone)}"


def _day(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
