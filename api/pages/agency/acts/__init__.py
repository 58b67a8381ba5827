"""What an agency can do about a client or an invoice: each act has a page that asks about it once."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency.acts import custom, debt, invoice, plan, service, terms

ROUTERS: Final[tuple[APIRouter, ...]] = (
    invoice.router,
    plan.router,
    service.router,
    debt.router,
    terms.router,
    custom.router,
)
