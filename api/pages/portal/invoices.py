"""The client's invoices: all of them, one with its lines, and its PDF."""

import asyncio

from starlette.responses import Response

from api.pages.door import Visiting
from api.pages.portal import sums
from api.pages.portal.door import API, SECTIONS, billing_zone, portal_router

router = portal_router("/billing/invoices")


@router.get("")
async def list_invoices(visit: Visiting, cursor: str | None = None) -> Response:
    invoices, daily = await asyncio.gather(
        visit.inside.get(f"{API}/invoices", cursor=cursor), visit.inside.get(f"{API}/usage/daily")
    )
    return visit.page(
        "portal/invoices.html",
        sections=SECTIONS,
        invoices=invoices,
        cursor=cursor,
        sums=sums,
        now=visit.services.clock.now(),
        zone=billing_zone(visit, daily),
    )


@router.get("/{invoice_id}")
async def read(visit: Visiting, invoice_id: str) -> Response:
    invoice, daily = await asyncio.gather(
        visit.inside.get(f"{API}/invoices/{invoice_id}"), visit.inside.get(f"{API}/usage/daily")
    )
    return visit.page(
        "portal/invoice.html",
        sections=SECTIONS,
        invoice=invoice,
        sums=sums,
        now=visit.services.clock.now(),
        zone=billing_zone(visit, daily),
    )


@router.get("/{invoice_id}/pdf")
async def pdf(visit: Visiting, invoice_id: str) -> Response:
    return await visit.inside.file(f"{API}/invoices/{invoice_id}/pdf")
