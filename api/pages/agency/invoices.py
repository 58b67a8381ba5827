"""The agency's invoices: all of them by status, one with all that is behind it, its PDF, and the table of all."""

from typing import Final

from starlette.responses import Response

from api.pages.agency import messages
from api.pages.agency.door import API, dashboard_router, show
from api.pages.agency.lookups import client_of
from api.pages.door import Visiting

router = dashboard_router("/invoices")
_AT_ONCE: Final = 25
STATUSES: Final = ("draft", "open", "paid", "void", "uncollectible", "statement")


@router.get("")
async def list_invoices(visit: Visiting, status: str = "", cursor: str | None = None) -> Response:
    """Newest first; with a status that there is, only those."""
    wanted = status if status in STATUSES else None
    found = await visit.inside.get(f"{API}/invoices", status=wanted, cursor=cursor, limit=_AT_ONCE)
    return await show(visit, "invoices/list.html", invoices=found, statuses=STATUSES, chosen=wanted, cursor=cursor)


@router.get("/export.csv")
async def export(visit: Visiting) -> Response:
    return visit.passed_on(f"{API}/export/invoices.csv")


@router.get("/{invoice_id}")
async def read(visit: Visiting, invoice_id: str) -> Response:
    invoice = messages.tried(visit.formats, await visit.inside.get(f"{API}/invoices/{invoice_id}"))
    client, subscription = await client_of(visit, invoice["client_id"])
    return await show(
        visit,
        "invoices/invoice.html",
        invoice=invoice,
        client=client,
        subscription=subscription,
    )


@router.get("/{invoice_id}/pdf")
async def pdf(visit: Visiting, invoice_id: str) -> Response:
    return await visit.inside.file(f"{API}/invoices/{invoice_id}/pdf")
