"""Turning what a page has to say into HTML, and what a visitor sent into fields."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sandbox.stripe.forms import decode_form
from sandbox.stripe.money import format_amount
from sandbox.stripe.types import Json

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["money"] = format_amount

# Nothing on these pages needs more than its own style and its own form.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status, _HEADERS)


def message(title: str, text: str, *, status: int = 200, link: tuple[str, str] | None = None) -> HTMLResponse:
    """A page that only says something, perhaps with one way on: (address, words)."""
    return page("message.html", title=title, text=text, link=link, status=status)


def not_found() -> HTMLResponse:
    """There is nothing under this address."""
    return message("Not found", "This page does not exist or is no longer available.", status=404)


async def read_fields(request: Request) -> Json:
    """The fields of a submitted form."""
    return decode_form((await request.body()).decode(errors="replace"))
