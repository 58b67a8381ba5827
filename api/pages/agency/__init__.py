"""The agency's dashboard: its clients, what they owe, and everything that it may do about it."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency import (
    acts,
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
    *acts.ROUTERS,
    *settings.ROUTERS,
)
"""In the order in which they are asked: `/plans/import` is no plan's id, `/clients/new` no client's."""
