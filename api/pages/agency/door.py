"""Pages of the agency's section."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.pages.agency import possible
from api.pages.door import Visit, page_router
from api.tokens import Role

API: Final = "/v1/agency"


def dashboard_router(prefix: str = "") -> APIRouter:
    return page_router(Role.AGENCY, f"/agency{prefix}")


async def show(visit: Visit, template: str, status: int = HTTPStatus.OK, **shown: object) -> Response:
    """A page of the dashboard, whose menu says how many messages nobody has read."""
    unread = (await visit.inside.get(f"{API}/notifications/unread"))["unread"]
    return visit.page(f"agency/{template}", status, unread=unread, possible=possible, **shown)
