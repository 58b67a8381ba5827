"""What a client sees and does: everything under /v1/portal, of its own."""

from typing import Final

from fastapi import APIRouter

ROUTERS: Final[tuple[APIRouter, ...]] = ()
