"""The agency's dashboard: its clients, what they owe, and everything that it may do about it."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency import overview

ROUTERS: Final[tuple[APIRouter, ...]] = (overview.router,)
