"""Pages of the client's section."""

from typing import Final

from fastapi import APIRouter

from api.pages.door import page_router
from api.tokens import Role

API: Final = "/v1/portal/billing"
SECTIONS: Final = ("billing",)
"""The menu of somebody whom the API has answered about billing."""


def portal_router(prefix: str = "") -> APIRouter:
    return page_router(Role.CLIENT, f"/portal{prefix}")
