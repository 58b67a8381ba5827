"""How a client is shown to its agency: who it is, and how it stands."""

from datetime import datetime
from typing import Any, Final

from adapters.postgres.clients import Client
from adapters.postgres.standings import Standing
from api import fields
from api.card import CardOut, card_out
from api.fields import Answer, Country, Email, Name, ShortText
from api.invoice_out import NextInvoiceOut
from api.money import Money, money
from api.openapi import example
from api.usage_out import USAGE, UsageOut, usage_out

_DETAILS: Final[dict[str, Any]] = {
    "name": "Harbor Dental Ltd",
    "email": None,
    "phone": None,
    "tax_id": None,
    "address": {
        "line1": "1 Pier Road",
        "line2": None,
        "city": "Portland",
        "state": "ME",
        "postal_code": "04101",
        "country": "US",
    },
}
CLIENT: Final[dict[str, Any]] = {
    "name": "Harbor Dental",
    "email": "billing@harbor.example",
    "external_id": "crm-1041",
    "billing_details": _DETAILS,
}


class Address(fields.Request):
    line1: Name | None = None
    line2: Name | None = None
    city: Name | None = None
    state: Name | None = None
    postal_code: ShortText | None = None
    country: Country | None = None


class BillingDetails(fields.Request, json_schema_extra=example(**_DETAILS)):
    """What stands on the client's invoices, where it differs from name and mail."""

    name: Name | None = None
    email: Email | None = None
    phone: ShortText | None = None
    tax_id: ShortText | None = None
    address: Address | None = None


class ClientOut(
    Answer,
    json_schema_extra=example(
        id="cli_3f5m7kq2n4b6c8d0e2f4",
        **CLIENT,
        subscription_status="active",
        plan_name="Voice Pro",
        payment_method={"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
        usage=USAGE,
        amount_due=[],
        next_invoice={"at": "2026-12-01T01:00:00Z", "estimate": {"amount": 5100, "currency": "usd"}},
        credits=[{"amount": 1200, "currency": "usd"}],
        created_at="2026-11-23T15:00:00Z",
        archived_at=None,
    ),
):
    """A client. `subscription_status` and `plan_name` are those of its newest subscription.

    `usage` is that of the current period, `next_invoice` when it is billed next and what that comes to by now; each is
    null where there is none. `amount_due` is what is open on its invoices, `credits` what its next invoices use up,
    both by currency; without a next one, credits are owed to the client.
    """

    id: str
    name: str
    email: str
    external_id: str | None
    billing_details: BillingDetails | None
    subscription_status: str | None
    plan_name: str | None
    payment_method: CardOut | None
    usage: UsageOut | None
    amount_due: list[Money]
    next_invoice: NextInvoiceOut | None
    credits: list[Money]
    created_at: datetime
    archived_at: datetime | None


def client_out(client: Client, stand: Standing) -> ClientOut:
    return ClientOut(
        id=client.id,
        name=client.name,
        email=client.email,
        external_id=client.external_id,
        billing_details=BillingDetails.model_validate(client.billing_details) if client.billing_details else None,
        subscription_status=client.status,
        plan_name=client.plan_name,
        payment_method=card_out(client.card),
        usage=usage_out(stand.usage) if stand.usage else None,
        amount_due=[money(amount, currency) for currency, amount in stand.due.items()],
        next_invoice=_next_invoice_out(client, stand),
        credits=[money(amount, currency) for currency, amount in client.credits.items()],
        created_at=client.created_at,
        archived_at=client.archived_at,
    )


def _next_invoice_out(client: Client, stand: Standing) -> NextInvoiceOut | None:
    coming = stand.coming
    if coming is None:
        return None
    left = max(0, coming.amount - client.credits.get(coming.currency, 0))
    return NextInvoiceOut(at=coming.at, estimate=money(left, coming.currency))
