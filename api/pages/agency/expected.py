"""A forecast as people look at it: what each invoice would come to, and every step on the way."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from api.pages import charts
from api.pages.agency.messages import to_agency
from api.pages.charts import Chart
from api.pages.formats import Formats
from api.pages.inside import Json

_MESSAGE: Final = re.compile(r"(.*) \((client|agency)\)")
_WHOM: Final = {"client": "The client is told", "agency": "You are told"}


@dataclass(frozen=True)
class Expected:
    """An invoice that would be. `issued_at` is null of one that is open already, `paid_at` of one that stays unpaid."""

    id: str
    issued_at: str | None
    first_at: str
    amount: Json
    attempts: int = 0
    declined: int = 0
    paid_at: str | None = None


@dataclass(frozen=True)
class Event:
    """One step. `kind` is the API's event; of `status`, `text` is the subscription's new one."""

    at: str
    kind: str
    text: str
    amount: Json | None
    result: str | None


@dataclass(frozen=True)
class Drawn:
    """The forecast in figures: a bar for each invoice, in the order of `invoices`."""

    minutes_per_month: int
    invoices: Sequence[Expected]
    chart: Chart
    events: Sequence[Event]
    total: Json | None


def drawn(formats: Formats, forecast: Json) -> Drawn:
    found = _invoices(forecast["data"])
    bars = charts.bars([(one.first_at, float(one.amount["amount"])) for one in found])
    return Drawn(
        minutes_per_month=forecast["assumptions"]["minutes_per_month"],
        invoices=found,
        chart=bars,
        events=[_event(formats, entry) for entry in forecast["data"]],
        total=_total(found),
    )


def _invoices(entries: Sequence[Json]) -> list[Expected]:
    known: dict[str, Expected] = {}
    for entry in entries:
        id, at = entry["invoice_id"], entry["at"]
        if entry["event"] == "invoice":
            known[id] = Expected(id, at, at, entry["amount"])
        elif entry["event"] == "attempt":
            before = known.get(id) or Expected(id, None, at, entry["amount"])
            known[id] = _tried(before, entry)
    return list(known.values())


def _tried(invoice: Expected, entry: Mapping[str, Any]) -> Expected:
    if entry["result"] == "paid":
        return replace(invoice, attempts=invoice.attempts + 1, paid_at=entry["at"])
    return replace(invoice, attempts=invoice.attempts + 1, declined=invoice.declined + 1)


def _total(invoices: Sequence[Expected]) -> Json | None:
    paid = [one.amount for one in invoices if one.paid_at]
    return {"amount": sum(one["amount"] for one in paid), "currency": paid[0]["currency"]} if paid else None


def _event(formats: Formats, entry: Mapping[str, Any]) -> Event:
    text = to_agency(formats, entry["detail"])
    if entry["event"] == "message" and (said := _MESSAGE.fullmatch(text)):
        text = f"{_WHOM[said[2]]}: {said[1]}"
    return Event(entry["at"], entry["event"], text, entry["amount"], entry["result"])
