"""A customer's balance with the merchant: positive is owed by the customer, negative is credit."""

from sandbox.stripe.store import Record
from sandbox.stripe.work import Work


def balance_in(customer: Record, currency: str) -> int:
    """The balance in one currency, in minor units."""
    return int(customer.hidden["balances"].get(currency, 0))


def move_balance(
    work: Work,
    customer: Record,
    amount: int,
    currency: str,
    *,
    reason: str,
    invoice: str | None = None,
    credit_note: str | None = None,
    description: str | None = None,
) -> Record:
    """Add a signed amount to the balance, book why, and announce the customer's change."""
    ending = balance_in(customer, currency) + amount
    adopt_currency(customer, currency)
    customer.hidden["balances"][currency] = ending
    customer.body["invoice_credit_balance"] = dict(customer.hidden["balances"])
    if customer.body["currency"] == currency:
        customer.body["balance"] = ending
    entry = work.create(
        "customer_balance_transaction",
        {
            "amount": amount,
            "checkout_session": None,
            "credit_note": credit_note,
            "currency": currency,
            "customer": customer.id,
            "customer_account": None,
            "description": description,
            "ending_balance": ending,
            "invoice": invoice,
            "livemode": False,
            "metadata": {},
            "type": reason,
        },
    )
    work.emit_updated("customer.updated", customer)
    return entry


def adopt_currency(customer: Record, currency: str) -> None:
    """A customer's own currency is the first one that it was billed in."""
    if customer.body["currency"] is None:
        customer.body["currency"] = currency
