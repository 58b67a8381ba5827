"""An agency's invoices: what was billed, and how it was collected."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from adapters.postgres import agencies, clients, credit_notes, disputes, invoices, parkings, particulars
from adapters.postgres.invoices import Invoice
from adapters.postgres.pool import Connection, Pool, snapshot
from adapters.postgres.refunds import refunds_of
from api.agency.invoice_out import (
    PATH,
    InvoiceDetailOut,
    InvoiceOut,
    invoice_detail_out,
    invoice_out,
)
from api.conflicts import conflict
from api.guard import Calling
from api.pagination import Page, PageQuery, page
from api.pdf import DOCUMENTED, pdf_answer, pdf_link
from api.problems import NotFound
from api.services import Services, Used
from api.tenant import agency_router, own_agency, own_client
from api.tokens import Caller
from billing.invoices import InvoiceStatus

router = agency_router("Invoices")


class InvoicesQuery(PageQuery):
    status: InvoiceStatus | None = None


@router.get("/invoices", summary="Invoices, newest first")
async def list_invoices(query: Annotated[InvoicesQuery, Query()], services: Used, caller: Calling) -> Page[InvoiceOut]:
    await own_agency(services, caller)
    scope = f"invoices:{caller.agency}:{query.status}"
    rows = await invoices.agency_invoices(
        services.database, caller.agency, query.status, query.limit + 1, query.after_time(scope)
    )
    return await _page(services, caller, rows, query, scope)


@router.get("/clients/{client_id}/invoices", summary="A client's invoices, newest first")
async def list_of_client(
    client_id: str, query: Annotated[PageQuery, Query()], services: Used, caller: Calling
) -> Page[InvoiceOut]:
    await own_client(services, caller, client_id)
    scope = f"invoices:{caller.agency}:{client_id}"
    rows = await invoices.client_invoices(
        services.database, caller.agency, client_id, query.limit + 1, query.after_time(scope)
    )
    return await _page(services, caller, rows, query, scope)


@router.get("/invoices/{invoice_id}", summary="An invoice with all that is behind it")
async def read(invoice_id: str, services: Used, caller: Calling) -> InvoiceDetailOut:
    return await detail(services, caller, invoice_id)


@router.get("/invoices/{invoice_id}/pdf", summary="The PDF", response_class=Response, responses=DOCUMENTED)
async def pdf(invoice_id: str, services: Used, caller: Calling) -> Response:
    """As Stripe makes it. There is none of an invoice of zero, nor of one that is not issued."""
    return await pdf_answer(services, caller.agency, await own_invoice(services.database, caller, invoice_id))


async def refuse_when_gone(services: Services, invoice: Invoice, caller: Caller) -> None:
    """Nothing can be changed in an account that is not the agency's any more."""
    account = await agencies.account(services.database, caller.agency)
    if not (account and account.account_id == invoice.account_id and account.state != "disconnected"):
        raise conflict("agency_frozen")


async def own_invoice(source: Connection | Pool, caller: Caller, invoice_id: str) -> Invoice:
    """The agency's invoice. Raises NotFound, also for another tenant's."""
    found = await invoices.invoice(source, caller.agency, invoice_id)
    if found is None:
        raise NotFound
    return found


async def detail(services: Services, caller: Caller, invoice_id: str) -> InvoiceDetailOut:
    """All of one instant: what is shown of an invoice agrees with itself while it is being paid."""
    async with snapshot(services.database) as books:
        invoice = await own_invoice(books, caller, invoice_id)
        names = await clients.names(books, caller.agency, [invoice.client_id])
        return invoice_detail_out(
            invoice,
            names[invoice.client_id],
            pdf_link(services, PATH, invoice),
            await particulars.attempts_on(books, caller.agency, invoice.id),
            await particulars.skipped_on(books, caller.agency, invoice.id),
            await refunds_of(books, caller.agency, invoice.id),
            await credit_notes.of_invoice(books, caller.agency, invoice.id),
            await disputes.of_invoice(books, caller.agency, invoice.id),
            await particulars.billed_period(books, caller.agency, invoice),
            await parkings.review_of(books, caller.agency, invoice.id),
        )


async def _page(
    services: Services, caller: Caller, rows: Sequence[Invoice], query: PageQuery, scope: str
) -> Page[InvoiceOut]:
    names = await clients.names(services.database, caller.agency, [invoice.client_id for invoice in rows])
    return page(
        rows,
        query.limit,
        scope,
        lambda invoice: (invoice.created_at, invoice.id),
        lambda invoice: invoice_out(invoice, names[invoice.client_id], pdf_link(services, PATH, invoice)),
    )
