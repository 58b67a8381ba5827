"""The agency's dashboard: its clients, what they owe, and everything that it may do about it."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency import (
    acts_custom,
    acts_debt,
    acts_invoice,
    acts_plan,
    acts_service,
    acts_terms,
    client,
    clients,
    invoices,
    notifications,
    overview,
    plan_import,
    plans,
    settings,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    overview.router,
    notifications.router,
    clients.router,
    client.router,
    plan_import.router,
    plans.router,
    invoices.router,
    acts_invoice.router,
    acts_plan.router,
    acts_service.router,
    acts_debt.router,
    acts_terms.router,
    acts_custom.router,
    *settings.ROUTERS,
)
"""In the order in which they are asked: `/plans/import` is no plan's id, `/clients/new` no client's."""
