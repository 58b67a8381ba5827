"""What an invoice adds up to: lines, taxes rounded per line, and the customer's balance."""

from collections.abc import Sequence
from decimal import Decimal

from sandbox.stripe.balances import balance_in
from sandbox.stripe.money import minimum_charge, round_half_away, round_to_chargeable
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work

_EXEMPTIONS = {"exempt": "customer_exempt", "reverse": "reverse_charge"}
"""Customers of whom no tax is taken, and why not."""


def recompute(work: Work, invoice: Record) -> None:
    """Bring a draft's taxes, totals and amounts due up to date with its lines and its customer."""
    _tax_lines(work, invoice)
    lines = invoice.hidden["lines"]
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    inclusive = _sum_of(taxes, "inclusive")
    total = subtotal + _sum_of(taxes, "exclusive")
    invoice.body.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - inclusive,
        total=total,
        total_excluding_tax=subtotal - inclusive,
        total_taxes=_totals_by_rate(taxes),
    )
    customer = work.find("customer", invoice.body["customer"])
    starting = balance_in(customer, invoice.body["currency"]) if customer else 0
    due, _ = settle_with_balance(total, starting, invoice.body["currency"])
    invoice.body.update(starting_balance=starting, amount_due=due, amount_remaining=due)


def settle_with_balance(total: int, starting_balance: int, currency: str) -> tuple[int, int]:
    """(amount due, ending balance): credit is used up first, and what is too small to charge stays on the balance."""
    if total == 0:
        return 0, starting_balance
    owed = total + starting_balance
    if owed < minimum_charge(currency):
        return 0, owed
    return owed, 0


def _tax_lines(work: Work, invoice: Record) -> None:
    default = [rate["id"] for rate in invoice.body["default_tax_rates"]]
    exemption = _EXEMPTIONS.get(invoice.body["customer_tax_exempt"])
    for line in invoice.hidden["lines"]:
        rate_ids = invoice.hidden["line_tax_rates"].get(line["id"], default)
        rates = [work.require("tax_rate", rate_id, param="default_tax_rates").body for rate_id in rate_ids]
        line["taxes"] = _taxes_of(line["amount"], line["currency"], rates, exemption)


def _taxes_of(amount: int, currency: str, rates: Sequence[Json], exemption: str | None) -> list[Json]:
    included = sum((_percentage(rate) for rate in rates if rate["inclusive"]), Decimal(0))
    before_tax = Decimal(amount) * 100 / (100 + included)
    return [_tax(before_tax, currency, rate, exemption) for rate in rates]


def _tax(before_tax: Decimal, currency: str, rate: Json, exemption: str | None) -> Json:
    # A line and the tax on it are charged together: Stripe takes no amount that banks would not (see money.py).
    return {
        "amount": 0 if exemption else round_to_chargeable(before_tax * _percentage(rate) / 100, currency),
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": exemption or "not_available",
        "taxable_amount": round_half_away(before_tax),
        "type": "tax_rate_details",
    }


def _percentage(rate: Json) -> Decimal:
    return Decimal(str(rate["percentage"]))


def _sum_of(taxes: Sequence[Json], behavior: str) -> int:
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == behavior)


def _totals_by_rate(taxes: Sequence[Json]) -> list[Json]:
    totals: dict[str, Json] = {}
    for tax in taxes:
        rate_id = tax["tax_rate_details"]["tax_rate"]
        if rate_id not in totals:
            totals[rate_id] = dict(tax)
        else:
            totals[rate_id]["amount"] += tax["amount"]
            totals[rate_id]["taxable_amount"] += tax["taxable_amount"]
    return list(totals.values())
