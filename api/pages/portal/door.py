"""Pages of the client's section."""

from typing import Final

from fastapi import APIRouter

from api.pages.door import Visit, page_router
from api.pages.inside import Json
from api.tokens import Role

API: Final = "/v1/portal/billing"
SECTIONS: Final = ("billing",)
"""The menu of somebody whom the API has answered about billing."""


def portal_router(prefix: str = "") -> APIRouter:
    return page_router(Role.CLIENT, f"/portal{prefix}")


def billing_zone(visit: Visit, daily: Json) -> str:
    """The zone in which this client's days of billing are counted, by its usage a day (ADR 31)."""
    return str(daily["timezone"] or visit.agency.timezone)
