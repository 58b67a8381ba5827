"""Templates into HTML, in the look of the product's pages; stylesheet and script of the sandbox's own."""

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from jinja2 import ChoiceLoader, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.pages.formats import Formats, formats_of
from api.pages.rendering import TEMPLATES, guarded
from api.problems import NotFound

PATH: Final = "/sandbox"
UTC: Final = "UTC"
_TEMPLATES: Final = TEMPLATES.overlay(loader=ChoiceLoader([PackageLoader("sandbox.web"), PackageLoader("api")]))
_TYPES: Final = {"bar.css": "text/css; charset=utf-8", "bar.js": "text/javascript; charset=utf-8"}
_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

router = APIRouter(include_in_schema=False)


def html(template: str, **shown: Any) -> str:
    return _TEMPLATES.get_template(template).render(sandbox_asset=address, **shown)


def page(template: str, status: int = 200, **shown: Any) -> Response:
    """A page under the policy of all pages."""
    return guarded(HTMLResponse(html(template, **shown), status))


def moment(request: Request, at: str, zone: str | None = None) -> str:
    """An instant as this browser reads it: in this zone, else in the viewer's, else in UTC; the zone is named."""
    formats = formats_of(request, UTC)
    return (Formats(formats.locale, ZoneInfo(zone)) if zone else formats).moment(at)


@lru_cache
def address(name: str) -> str:
    """Where stylesheet and script are found, until they change."""
    return f"{PATH}/static/{hashlib.sha256(_content(name)).hexdigest()[:12]}/{name}"


@router.get(PATH + "/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    return Response(_content(name), media_type=_TYPES[name], headers=_KEPT)


@lru_cache
def _content(name: str) -> bytes:
    if name not in _TYPES:
        raise NotFound
    return (files("sandbox.web") / "static" / name).read_bytes()
