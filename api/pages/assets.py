"""Stylesheet, script and icon, under addresses that change with their content: kept by browsers for a year."""

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.problems import NotFound

router = APIRouter(prefix="/static", include_in_schema=False)
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_HASH_CHARACTERS: Final = 12


@lru_cache
def address(name: str) -> str:
    """Where a page finds the asset of this file name."""
    return f"/static/{hashlib.sha256(_content(name)).hexdigest()[:_HASH_CHARACTERS]}/{name}"


@router.get("/{version}/{name}")
async def asset(version: str, name: str) -> Response:
    """Also under an older version's address: a page that was loaded before a deployment finds a stylesheet."""
    kind = name.rpartition(".")[2]
    if kind not in _TYPES or not name.replace(".", "").replace("-", "").isalnum():
        raise NotFound
    return Response(_content(name), media_type=_TYPES[kind], headers=_HEADERS)


@lru_cache
def _content(name: str) -> bytes:
    try:
        return (files("api") / "static" / name).read_bytes()
    except FileNotFoundError:
        raise NotFound from None
