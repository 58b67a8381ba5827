"""Every endpoint of the API, by the object that it is about; importing this package registers them all."""

from sandbox.stripe.resources import (
    accounts,
    catalog,
    checkout_sessions,
    country_specs,
    credit_notes,
    customers,
    disputes,
    events,
    invoice_lines,
    invoices,
    payment_methods,
    payments,
    refunds,
    setup_intents,
    tax_rates,
    webhook_endpoints,
)

__all__ = [
    "accounts",
    "catalog",
    "checkout_sessions",
    "country_specs",
    "credit_notes",
    "customers",
    "disputes",
    "events",
    "invoice_lines",
    "invoices",
    "payment_methods",
    "payments",
    "refunds",
    "setup_intents",
    "tax_rates",
    "webhook_endpoints",
]
