"""What a client sees and does: everything under /v1/portal, of its own."""

from typing import Final

from fastapi import APIRouter

from api.portal import billing, cards, invoices, navigation

ROUTERS: Final[tuple[APIRouter, ...]] = (navigation.router, billing.router, invoices.router, cards.router)
