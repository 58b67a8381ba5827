"""The client's invoices: all of them, one with its lines, and its PDF."""

from starlette.responses import Response

from api.pages.door import Visiting
from api.pages.portal.door import API, SECTIONS, portal_router

router = portal_router("/billing/invoices")


@router.get("")
async def list_invoices(visit: Visiting, cursor: str | None = None) -> Response:
    invoices = await visit.inside.get(f"{API}/invoices", cursor=cursor)
    return visit.page("portal/invoices.html", sections=SECTIONS, invoices=invoices, cursor=cursor)


@router.get("/{invoice_id}")
async def read(visit: Visiting, invoice_id: str) -> Response:
    invoice = await visit.inside.get(f"{API}/invoices/{invoice_id}")
    return visit.page("portal/invoice.html", sections=SECTIONS, invoice=invoice)


@router.get("/{invoice_id}/pdf")
async def pdf(visit: Visiting, invoice_id: str) -> Response:
    found = await visit.inside.fetch("GET", f"{API}/invoices/{invoice_id}/pdf")
    kept = {name: value for name, value in found.headers.items() if name in ("content-type", "content-disposition")}
    return Response(found.body, headers=kept)
