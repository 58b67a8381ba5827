"""An invoice in the client's words: its badge, when it is due, and sums that explain themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from api.pages.inside import Json

_BADGES: Final = {
    "paid": ("Paid", "good"),
    "pending": ("Pending", "warn"),
    "failed": ("Failed", "bad"),
    "void": ("Void", ""),
}
_OVERDUE: Final = ("Overdue", "bad")
_GIVEN_UP: Final = ("Not collected", "")


@dataclass(frozen=True)
class Row:
    """One line under the invoice's own. `total` is what the rows above it come to."""

    label: str
    amount: Json
    total: bool = False


def badge(invoice: Json, now: datetime) -> tuple[str, str]:
    """Its text and its tone."""
    if invoice["collectible"] and invoice["due_at"] and datetime.fromisoformat(invoice["due_at"]) <= now:
        return _OVERDUE
    return _GIVEN_UP if _is_given_up(invoice) else _BADGES[invoice["status"]]


def remaining(invoice: Json) -> Json:
    """What is still to be paid of an open invoice."""
    return _less(invoice["amount"], invoice["amount_paid"])


def sums(invoice: Json) -> Iterator[Row]:
    """From the lines to what is due, and from that, once something is paid, to what remains; what was given back stands
    behind it."""
    if invoice["tax"]["amount"]:
        yield Row("Tax", invoice["tax"])
    if invoice["balance_applied"]["amount"]:
        yield Row("Your balance", invoice["balance_applied"])
    if invoice["credited"]["amount"]:
        yield Row("Credit notes", _negative(invoice["credited"]))
    yield Row("Amount due", invoice["amount"], total=True)
    by_other_means = invoice["paid_out_of_band"] and invoice["status"] == "paid"
    paid = invoice["amount"] if by_other_means else invoice["amount_paid"]
    if paid["amount"]:
        yield Row("Paid by other means" if by_other_means else "Paid", _negative(paid))
        yield Row("Still to be paid", _less(invoice["amount"], paid), total=True)
    if invoice["amount_refunded"]["amount"]:
        yield Row("Given back to you", invoice["amount_refunded"])


def remark(invoice: Json) -> str:
    """What nothing on it says otherwise."""
    if invoice["status"] == "void":
        return "This invoice is void: nothing is to be paid of it."
    if _is_given_up(invoice):
        return "This invoice is not collected any more."
    if invoice["collectible"] and not invoice["payable"] and not invoice["pay_url"]:
        return "It can't be paid on this page just now."
    return ""


def _is_given_up(invoice: Json) -> bool:
    """Written off by the agency: failed, and not open."""
    return bool(invoice["status"] == "failed" and not invoice["collectible"])


def _less(amount: Json, part: Json) -> Json:
    return {**amount, "amount": amount["amount"] - part["amount"]}


def _negative(amount: Json) -> Json:
    return {**amount, "amount": -amount["amount"]}
