"""The client's pages: what is owed and used, and what a client may do about it."""

from typing import Final

from fastapi import APIRouter

from api.pages.portal import billing, home, invoices

ROUTERS: Final[tuple[APIRouter, ...]] = (home.router, billing.router, invoices.router)
