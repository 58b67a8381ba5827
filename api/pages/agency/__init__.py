"""The agency's dashboard: its clients, what they owe, and everything that it may do about it."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency import overview, plan_import, plans

ROUTERS: Final[tuple[APIRouter, ...]] = (overview.router, plan_import.router, plans.router)
"""In the order in which they are asked: `/plans/import` is no plan's id."""
