"""Our own cookies: no script reads them, and over TLS only we can set them (docs/adr/0031)."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from api.services import of_request


def read(request: Request, word: str) -> str:
    """What the cookie holds; empty where there is none."""
    return request.cookies.get(_name(request, word), "")


def put(request: Request, answer: Response, word: str, value: str, lasts: timedelta) -> None:
    answer.set_cookie(
        _name(request, word),
        value,
        max_age=round(lasts.total_seconds()),
        secure=over_tls(request),
        httponly=True,
        # Not strict: who comes back from Stripe's page is still signed in.
        samesite="lax",
    )


def drop(request: Request, answer: Response, word: str) -> None:
    answer.delete_cookie(_name(request, word), secure=over_tls(request), httponly=True, samesite="lax")


def over_tls(request: Request) -> bool:
    """Whether browsers reach us so: by our public address, because TLS ends before us."""
    return of_request(request).settings.public_base_url.startswith("https:")


def _name(request: Request, word: str) -> str:
    """With the prefix by which a browser itself sees to it that only we, over TLS, can set it."""
    return f"{'__Host-' if over_tls(request) else ''}retainer-{word}"
