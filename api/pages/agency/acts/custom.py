"""An invoice of the agency's own lines: typed, shown with its total, then made."""

import re
from typing import Any, Final

from starlette.responses import Response

from api.pages.agency.acts.asking import ASK_AND_DO, Asking, Order, about_client
from api.pages.agency.door import API, dashboard_router
from api.pages.door import Visiting
from api.pages.entries import Entry
from api.pages.form import MOST_FIELDS
from api.pages.inside import Json
from api.pages.typed import Typed
from billing.money import is_currency

router = dashboard_router("/clients/{client_id}")
_ROWS: Final = 3
_MOST_ROWS: Final = (MOST_FIELDS - 10) // 2
"""Two fields a row, and those of the form as a whole."""
_MOST_DAYS: Final = 365
_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}")
_USUAL: Final = {"collection": "charge", "days_until_due": "14"}


@router.api_route("/invoice", methods=ASK_AND_DO)
async def invoice(visit: Visiting, client_id: str) -> Response:
    """Its `step`: `more` rows, `show` what it comes to, `edit` it again, or `make` it."""
    asking = await about_client(visit, client_id, "invoice")
    currency = _currency(asking, visit.form.get("currency", ""))
    form: Json = {"currency": currency, "rows": _rows(visit.form.get("rows", "")), "made": None}
    if not visit.sent:
        usual = _USUAL | ({} if asking.shown["client"]["payment_method"] else {"collection": "send"})
        return await asking.ask(Entry(usual | {"currency": currency}), **form)
    step = visit.form.get("step", "show")
    if step == "more":
        return await asking.ask(Entry(visit.form), **{**form, "rows": min(form["rows"] + _ROWS, _MOST_ROWS)})
    if step == "edit":
        return await asking.ask(Entry(visit.form), **form)
    body, rows, wrong = _typed(Typed(visit.form), form["rows"], currency)
    if wrong:
        return await asking.ask(wrong, **form)
    if step == "show":
        return await asking.ask(Entry(visit.form), **{**form, "made": body})

    async def tell(made: Json) -> Response:
        return visit.go(f"/agency/invoices/{made['id']}", "The invoice is made. It is issued in a moment.")

    order = Order("POST", f"{API}/clients/{client_id}/invoices", body, _names(rows))
    return await asking.carry_out(order, tell, **{**form, "made": body})


def _currency(asking: Asking, wanted: str) -> str:
    """What a client owes is in one currency: that of its subscription where it has one."""
    subscription = asking.shown["subscription"]
    if subscription and subscription["status"] != "cancelled":
        own: str = subscription["plan"]["price"]["currency"]
        return own
    return wanted.lower() if is_currency(wanted.lower()) else asking.visit.agency.default_currency


def _rows(text: str) -> int:
    return min(int(text), _MOST_ROWS) if _COUNT.fullmatch(text) else _ROWS


def _typed(typed: Typed, rows: int, currency: str) -> tuple[Json, list[int], Entry | None]:
    """What the API takes, on which rows its lines stand, and what is wrong with the form. Empty rows are left out."""
    lines: list[dict[str, Any]] = []
    places: list[int] = []
    for row in range(1, rows + 1):
        description, amount = typed.text(f"description-{row}"), typed.money(f"amount-{row}", currency)
        if description is None and typed.text(f"amount-{row}") is None:
            continue
        if description is None:
            typed.errors[f"description-{row}"] = "Please say what it is for."
        if typed.text(f"amount-{row}") is None:
            typed.errors[f"amount-{row}"] = "Please type an amount."
        lines.append({"description": description, "amount": amount})
        places.append(row)
    sent = typed.text("collection") == "send"
    days = typed.whole("days_until_due", least=1, most=_MOST_DAYS) if sent else None
    if sent and typed.text("days_until_due") is None:
        typed.errors["days_until_due"] = "Please say in how many days it is due."
    body: Json = {"lines": lines, "collection": "send" if sent else "charge", "days_until_due": days}
    wrong = typed.refused() if typed.errors else _wrong_sum(typed, lines)
    return body, places, wrong


def _wrong_sum(typed: Typed, lines: list[dict[str, Any]]) -> Entry | None:
    if not lines:
        return Entry(typed.refused().values, {"description-1": "Please type at least one line."})
    if sum(line["amount"]["amount"] for line in lines) <= 0:
        return Entry(typed.refused().values, trouble="The lines together must come to more than nothing.")
    return None


def _names(places: list[int]) -> dict[str, tuple[str, ...]]:
    """By the form's field that of the API, which counts the lines that were sent."""
    lines = {
        f"{field}-{row}": (f"lines.{place}.{field}",)
        for place, row in enumerate(places)
        for field in ("description", "amount")
    }
    return {**lines, "days_until_due": ("days_until_due",), "collection": ("collection",)}
