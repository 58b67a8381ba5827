"""The two web sections, server rendered: the client's billing pages and the agency's dashboard (docs/adr/0031).

They show and do only what the HTTP API answers and takes: every page asks it, in this process, by its own routes.
"""

from typing import Final

from fastapi import APIRouter

from api.pages import agency, assets, entry, portal

ROUTERS: Final[tuple[APIRouter, ...]] = (assets.router, entry.router, *portal.ROUTERS, *agency.ROUTERS)
