"""Custom invoices: lines of an agency's own, charged to the card or sent with days until due (billing-rules 5)."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

import asyncpg
from fastapi import Request
from pydantic import Field, model_validator
from starlette.responses import Response

from adapters.postgres import drafting, trail
from adapters.postgres.agencies import Agency
from adapters.postgres.clients import Client
from adapters.postgres.pool import Connection, transaction
from adapters.postgres.subscriptions import current_subscription, in_debt_before
from api import fields
from api.agency.invoice_orders import give
from api.agency.invoice_out import InvoiceDetailOut
from api.agency.invoices import detail
from api.agency.selling import charging_account, check_currency
from api.agency.starting import begin
from api.commands import processing, settling
from api.conflicts import conflict
from api.fields import Name, Whole
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import SignedMoneyIn
from api.openapi import conflicts, example, refusals
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import agency_router, customer_of, own_agency, own_client
from api.tokens import Caller
from billing.custom import custom_invoice_id, own_lines, own_terms
from billing.invoices import InvoiceKind
from billing.ledger import NewInvoice
from billing.money import ceiling
from billing.state import RULES, Custom
from workflows.messages import Send, Start

router = agency_router("Invoices")

MOST_LINES: Final = 249
"""Stripe takes 250 lines at once, and a credit may add one."""


class CustomLineIn(fields.Request):
    """One line. A negative amount takes off the others."""

    description: Name
    amount: SignedMoneyIn


class CustomInvoiceIn(
    fields.Request,
    json_schema_extra=example(
        lines=[{"description": "Set-up of the second number", "amount": {"amount": 15000, "currency": "usd"}}],
        collection="send",
        days_until_due=14,
    ),
):
    """`charge` tries the card on file at once and has a ladder of its own; `send` has Stripe mail the invoice."""

    lines: Annotated[list[CustomLineIn], Field(min_length=1, max_length=MOST_LINES)]
    collection: Literal["charge", "send"]
    days_until_due: Annotated[Whole, Field(ge=1, le=365)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.collection == "send") is (self.days_until_due is None):
            raise ValueError("days_until_due goes with collection: send, and only with it")
        if len({line.amount.currency for line in self.lines}) > 1:
            raise ValueError("lines of one invoice are in one currency")
        if not 0 < self.total <= ceiling(self.currency):
            raise ValueError("the lines must come to more than nothing, and to no more than can be charged at once")
        return self

    @property
    def currency(self) -> str:
        return self.lines[0].amount.currency

    @property
    def total(self) -> int:
        return sum(line.amount.amount for line in self.lines)


@router.post(
    "/clients/{client_id}/invoices",
    summary="Make a custom invoice",
    status_code=201,
    responses={
        **conflicts("stripe_not_ready", "agency_frozen", "client_archived"),
        **refusals(422, "currency_not_supported"),
    },
)
async def make(
    client_id: str, body: CustomInvoiceIn, services: Used, caller: Calling, request: Request
) -> InvoiceDetailOut:
    """It is stored, and issued in the moments after. Credits of the client are used up as by any invoice."""
    client = await own_client(services, caller, client_id)
    if client.archived_at:
        raise conflict("client_archived")
    agency = await own_agency(services, caller)
    now = services.clock.now()
    account = await charging_account(services, agency)
    await check_currency(services, agency, body.currency, "lines", now)
    await _one_currency(services, client, body.currency)
    customer = await customer_of(services, client, account)
    start = _start(agency, client, body, account, customer, made_id("cst", seed(request)), now)
    try:
        async with transaction(services.database) as connection:
            await _enter(connection, caller, start, body)
    except asyncpg.UniqueViolationError:
        pass  # the same request, asked again after its answer was lost
    return await detail(services, caller, custom_invoice_id(start.subscription))


@router.post(
    "/invoices/{invoice_id}/send",
    summary="Mail a sent invoice once more",
    response_model=InvoiceDetailOut,
    responses=settling("invoice_not_open", "invoice_paid", "not_a_sent_invoice", "agency_frozen", "stripe_refused"),
)
async def send(invoice_id: str, services: Used, caller: Calling, request: Request) -> InvoiceDetailOut | Response:
    """Stripe mails it to the client again. What is charged to a card is not sent."""
    settled = await give(services, caller, request, invoice_id, Send(invoice_id, caller.name))
    return await detail(services, caller, invoice_id) if settled else processing()


async def _one_currency(services: Services, client: Client, currency: str) -> None:
    """What a client owes is one sum, so that it can be shown as one."""
    known = await current_subscription(services.database, client.agency_id, client.id)
    owing = await in_debt_before(services.database, client.agency_id, client.id)
    live = [known.state] if known and known.state.status != "cancelled" else []
    others = {state.terms.currency for state in (*owing, *live)} - {currency}
    if others:
        raise InvalidFields(("lines", f"the client is billed in {others.pop()}"), code="currency_not_supported")


def _start(
    agency: Agency, client: Client, body: CustomInvoiceIn, account: str, customer: str, id: str, now: datetime
) -> Start:
    return Start(
        subscription=id,
        agency=agency.id,
        client=client.id,
        account=account,
        customer=customer,
        zone=agency.timezone,
        terms=own_terms(body.currency),
        rules=RULES,
        requested_at=now,
        starts_at=None,
        grace=agency.grace,
        custom=Custom(body.total, body.days_until_due),
    )


async def _enter(connection: Connection, caller: Caller, start: Start, body: CustomInvoiceIn) -> None:
    """Row, draft and start in one transaction: what is answered is surely issued."""
    asked: dict[str, Any] = body.model_dump(mode="json")
    state = await begin(connection, start, asked, start.requested_at)
    lines = own_lines([(line.description, line.amount.amount) for line in body.lines])
    invoice = custom_invoice_id(state.id)
    new = NewInvoice(invoice, InvoiceKind.CUSTOM, state.id, lines, (), start.requested_at)
    await drafting.draft_invoice(connection, state, new)
    await trail.write(
        connection,
        start.agency,
        at=start.requested_at,
        who=caller.name,
        what="custom_invoice_made",
        client=start.client,
        subscription=start.subscription,
        detail={"invoice": invoice, **asked},
        dedupe_key=f"{start.subscription}:made",
    )
