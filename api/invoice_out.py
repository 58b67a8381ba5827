"""The lines of an invoice as everybody is shown them: each number with what it comes from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from api.fields import Answer
from api.money import Money, money
from billing.invoices import Line

LINE: Final[dict[str, Any]] = {
    "kind": "price",
    "description": "Voice Pro, 1 Nov 2026 – 1 Dec 2026",
    "amount": {"amount": 4900, "currency": "usd"},
    "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "quantity_seconds": None,
    "rate_per_minute": None,
}


class NextInvoiceOut(Answer):
    """When the next invoice is issued, and what it comes to by now, credits taken off."""

    at: datetime
    estimate: Money


class LinePeriodOut(Answer):
    start: datetime
    end: datetime


class LineOut(Answer, json_schema_extra={"examples": [LINE]}):
    """One line. `quantity_seconds` are the seconds that it bills, `rate_per_minute` exact minor units, as text."""

    kind: Literal["price", "overage", "late_calls", "correction", "credit", "custom"]
    description: str
    amount: Money
    period: LinePeriodOut | None
    quantity_seconds: int | None
    rate_per_minute: str | None


def lines_out(lines: Sequence[Line], currency: str) -> list[LineOut]:
    return [_line_out(line, currency) for line in lines]


def _line_out(line: Line, currency: str) -> LineOut:
    start, end = line.period_start, line.period_end
    return LineOut(
        kind=line.kind.value,
        description=line.description,
        amount=money(line.amount, currency),
        period=LinePeriodOut(start=start, end=end) if start and end else None,
        quantity_seconds=line.quantity_seconds,
        rate_per_minute=line.rate,
    )
