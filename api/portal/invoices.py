"""The client's invoices: what was billed, and paying one now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request
from starlette.responses import Response

from adapters.postgres import agencies, invoices
from adapters.postgres.agencies import Account
from adapters.postgres.invoices import Invoice
from adapters.postgres.subscriptions import Subscription, states, subscription
from api.commands import Processing, command, processing, settling
from api.conflicts import conflict
from api.fields import Answer
from api.guard import Calling
from api.idempotency import update_id
from api.invoice_out import LINE, LineOut, lines_out
from api.money import Money, money
from api.openapi import example
from api.pagination import Page, PageQuery, page
from api.pdf import DOCUMENTED, pdf_answer, pdf_link
from api.portal.door import billing_router, own_self
from api.problems import NotFound
from api.services import Services, Used
from api.tokens import Caller
from billing import freezing, requests
from billing.invoices import InvoiceStatus
from billing.state import State
from workflows.messages import PayNow

PATH: Final = "/v1/portal/billing/invoices"
router = billing_router("/invoices")
_MONEY: Final[dict[str, Any]] = {"amount": 4900, "currency": "usd"}
_ZERO: Final[dict[str, Any]] = {"amount": 0, "currency": "usd"}


class PortalInvoiceOut(
    Answer,
    json_schema_extra=example(
        id="inv_3f5m7kq2n4b6c8d0e2f4_p2",
        number="BRIGHT-0002",
        issued_at="2026-11-01T01:00:00Z",
        due_at=None,
        amount=_MONEY,
        total=_MONEY,
        tax=_ZERO,
        balance_applied=_ZERO,
        credited=_ZERO,
        amount_paid=_ZERO,
        amount_refunded=_ZERO,
        paid_out_of_band=False,
        status="pending",
        collectible=True,
        payable=True,
        pay_url=None,
        disputed=False,
        lines=[LINE],
        pdf_url=f"https://billing.example.com{PATH}/inv_3f5m7kq2n4b6c8d0e2f4_p2/pdf",
    ),
):
    """`amount` is what is due; `tax`, unless it is included, and Stripe's own customer balance (`balance_applied`) are
    what was added to the total of our lines, `credited` what credit notes took off.

    `collectible`: it is open. `payable`: paying it now would be tried. `due_at` is set when it was sent; while such a
    one can be paid, `pay_url` leads to its own page. `paid_out_of_band`: the agency was paid by other means.
    """

    id: str
    number: str | None
    issued_at: datetime
    due_at: datetime | None
    amount: Money
    total: Money
    tax: Money
    balance_applied: Money
    credited: Money
    amount_paid: Money
    amount_refunded: Money
    paid_out_of_band: bool
    status: Literal["paid", "pending", "failed", "void"]
    collectible: bool
    payable: bool
    pay_url: str | None
    disputed: bool
    lines: list[LineOut]
    pdf_url: str | None


class PaymentOut(Answer, json_schema_extra=example(status="paid", reason=None, action_url=None)):
    """What came of the payment. `action_url` is the page on which the bank asks the client to confirm it."""

    status: Literal["paid", "failed", "action_required"]
    reason: str | None
    action_url: str | None


@router.get("", summary="Invoices, newest first")
async def list_invoices(
    query: Annotated[PageQuery, Query()], services: Used, caller: Calling
) -> Page[PortalInvoiceOut]:
    await own_self(services, caller)
    scope = f"portal-invoices:{caller.agency}:{caller.client}"
    rows = await invoices.client_invoices(
        services.database, caller.agency, caller.client, query.limit + 1, query.after_time(scope), sent=True
    )
    ways = await _ways_to_pay(services, caller, rows)
    return page(rows, query.limit, scope, lambda s: (s.created_at, s.id), partial(_invoice_out, services, ways))


@router.get("/{invoice_id}", summary="An invoice")
async def read(invoice_id: str, services: Used, caller: Calling) -> PortalInvoiceOut:
    invoice = await _own_invoice(services, caller, invoice_id)
    return _invoice_out(services, await _ways_to_pay(services, caller, [invoice]), invoice)


@router.get("/{invoice_id}/pdf", summary="An invoice's PDF", response_class=Response, responses=DOCUMENTED)
async def pdf(invoice_id: str, services: Used, caller: Calling) -> Response:
    return await pdf_answer(services, caller.agency, await _own_invoice(services, caller, invoice_id))


@router.post(
    "/{invoice_id}/payments",
    summary="Pay now",
    response_model=PaymentOut,
    responses=settling(
        "new_card_required", "card_limit", "invoice_not_open", "invoice_parked", "no_payment_method", "agency_frozen"
    ),
)
async def pay(invoice_id: str, services: Used, caller: Calling, request: Request) -> PaymentOut | Response:
    """Charges the card on file at once; an attempt that is in flight is joined, never doubled."""
    invoice = await _own_invoice(services, caller, invoice_id)
    await _refuse_when_frozen(services, caller, invoice)
    target = await _subscription_of(services, invoice)
    reply = await command(services, target, PayNow(invoice.id, caller.name), update_id(request))
    if isinstance(reply, Processing):
        return processing()
    match reply.answer.result:
        case "failed":
            return PaymentOut(status="failed", reason=reply.answer.detail, action_url=None)
        case "action_required":
            return PaymentOut(status="action_required", reason=reply.answer.detail, action_url=invoice.hosted_url)
        case _:
            return PaymentOut(status="paid", reason=None, action_url=None)


async def _own_invoice(services: Services, caller: Caller, invoice_id: str) -> Invoice:
    """The client's invoice, once it has been sent. Raises NotFound, also for another client's."""
    found = await invoices.invoice(services.database, caller.agency, invoice_id)
    if found is None or found.client_id != caller.client or not found.sent:
        raise NotFound
    return found


@dataclass(frozen=True)
class Ways:
    """How an open invoice can be paid now: by the card on file, and on a page of its own."""

    card: bool = False
    page: str | None = None


async def _ways_to_pay(services: Services, caller: Caller, found: Sequence[Invoice]) -> dict[str, Ways]:
    """By the id of each that can be paid: none whose payment is in flight, and none in an account that can't charge."""
    owed = [one for one in found if one.status is InvoiceStatus.OPEN]
    account = await agencies.account(services.database, caller.agency) if owed else None
    usable = [one for one in owed if _is_usable(account, one)]
    known = await states(services.database, [one.subscription_id for one in usable]) if usable else {}
    now = services.clock.now()
    return {one.id: _ways(services, one, known[one.subscription_id], now) for one in usable}


def _ways(services: Services, invoice: Invoice, state: State, now: datetime) -> Ways:
    if state.attempt or freezing.is_frozen(state, now):
        return Ways()
    # The same link all day: a page that is read again has not changed.
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    link = services.links.to("invoice", state.agency, invoice.id, today) if invoice.due_at else None
    return Ways(requests.refusal(state, now, invoice.id, on_session=True) is None, link)


async def _refuse_when_frozen(services: Services, caller: Caller, invoice: Invoice) -> None:
    """An open invoice of an account that can't charge, or that is no longer the agency's, can't be paid here."""
    account = await agencies.account(services.database, caller.agency)
    if invoice.status is InvoiceStatus.OPEN and not _is_usable(account, invoice):
        raise conflict("agency_frozen")


def _is_usable(account: Account | None, invoice: Invoice) -> bool:
    return account is not None and account.healthy and account.account_id == invoice.account_id


async def _subscription_of(services: Services, invoice: Invoice) -> Subscription:
    found = await subscription(services.database, invoice.subscription_id)
    if found is None:
        raise NotFound
    return found


def _invoice_out(services: Services, ways: Mapping[str, Ways], invoice: Invoice) -> PortalInvoiceOut:
    currency, way = invoice.currency, ways.get(invoice.id, Ways())
    assert invoice.portal_status is not None, "a statement is never sent"
    return PortalInvoiceOut(
        id=invoice.id,
        number=invoice.number,
        issued_at=invoice.issued_at or invoice.created_at,
        due_at=invoice.due_at,
        amount=money(invoice.amount_due, currency),
        total=money(invoice.total, currency),
        tax=money(invoice.tax, currency),
        balance_applied=money(invoice.balance_applied, currency),
        credited=money(invoice.credited, currency),
        amount_paid=money(invoice.amount_paid, currency),
        amount_refunded=money(invoice.amount_refunded, currency),
        paid_out_of_band=invoice.paid_out_of_band,
        status=invoice.portal_status,
        collectible=invoice.status is InvoiceStatus.OPEN,
        payable=way.card,
        pay_url=way.page,
        disputed=invoice.disputed,
        lines=lines_out(invoice.lines, currency),
        pdf_url=pdf_link(services, PATH, invoice),
    )
