"""A browser's session: a cookie that no script reads, for a token that the platform handed over (http-api.md, "Pages").

Each role has a cookie of its own, so that one browser may be open as an agency and as a client. The cookie holds a
secret that is known by its hash only; the forms' CSRF token derives from it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from adapters.postgres import agencies, clients, sessions
from api.pages import cookies
from api.problems import Unauthenticated
from api.services import Services
from api.tokens import Caller, HandOver, Role

LASTS: Final = timedelta(hours=8)
"""From signing in; then the platform hands over anew."""
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Signed:
    """Who is signed in, with what its forms have to carry."""

    session: str
    caller: Caller
    csrf: str


async def open_session(services: Services, request: Request, hand_over: HandOver, answer: Response) -> None:
    """Sign in, and set the cookie on `answer`. Raises Unauthenticated for a hand-over that was used, or of nobody."""
    caller, now, secret = hand_over.caller, datetime.now(UTC), secrets.token_urlsafe(_SECRET_BYTES)
    await _check_is_there(services, caller)
    opened = await sessions.open_session(
        services.database,
        sessions.Session(
            id=_hash(secret),
            hand_over=_hash(hand_over.id),
            role=caller.role,
            subject=caller.subject,
            agency_id=caller.agency,
            client_id=caller.client or None,
            permissions=sorted(caller.permissions),
            opened_at=now,
            ends_at=now + LASTS,
        ),
    )
    if not opened:
        raise Unauthenticated("The link was used before.")
    cookies.put(request, answer, caller.role, secret, LASTS)


async def _check_is_there(services: Services, caller: Caller) -> None:
    agency = await agencies.agency(services.database, caller.agency)
    of_client = caller.role is Role.CLIENT
    if agency is None or (of_client and not await clients.client(services.database, agency.id, caller.client)):
        raise Unauthenticated("The link is for somebody who is not there.")


async def signed_in(services: Services, request: Request, role: Role) -> Signed:
    """Who is signed in with this role. Raises Unauthenticated."""
    secret = cookies.read(request, role)
    found = await sessions.session(services.database, _hash(secret), datetime.now(UTC)) if secret else None
    if found is None or found.role != role:
        raise Unauthenticated("You are not signed in, or not any more.")
    caller = Caller(role, found.subject, found.agency_id, found.client_id or "", frozenset(found.permissions))
    return Signed(found.id, caller, _csrf(secret))


async def end_session(services: Services, request: Request, signed: Signed, answer: Response) -> None:
    """Sign out: here, and for whoever has the cookie's secret."""
    await sessions.end_session(services.database, signed.session, datetime.now(UTC))
    cookies.drop(request, answer, signed.caller.role)


def same_csrf(signed: Signed, given: str) -> bool:
    return hmac.compare_digest(signed.csrf.encode(), given.encode())


def _csrf(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
