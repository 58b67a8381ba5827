"""Who is calling: bearer tokens (JWT), with their algorithms pinned. Times in tokens are the system clock's."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import jwt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from adapters.postgres.agencies import Agency
from adapters.postgres.clients import Client
from adapters.settings import Settings
from api.problems import TemporarilyUnavailable, Unauthenticated

MANAGE_BILLING: Final = "manage_billing"
_JWKS_SECONDS: Final = 5
_REQUIRED: Final = ("iss", "aud", "sub", "exp", "role")
_HAND_OVER: Final = timedelta(seconds=60)
"""How old a token may be that signs a browser in."""
_JTI: Final = 200
"""The longest id of a token, in characters."""

log = logging.getLogger(__name__)


class Role(StrEnum):
    PLATFORM = "platform"
    AGENCY = "agency"
    CLIENT = "client"
    SERVICE = "service"


@dataclass(frozen=True)
class Rows:
    """A caller's tenant as the books have it."""

    agency: Agency
    client: Client | None


@dataclass(frozen=True)
class Caller:
    """A person or program with a valid token. `agency` and `client` are its tenant; "" where its role has none.

    `rows` are set while a page is made that only looks: its calls need not read them again, each for itself.
    """

    role: Role
    subject: str
    agency: str = ""
    client: str = ""
    permissions: frozenset[str] = frozenset()
    rows: Rows | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """As it stands in the audit trail and in idempotency scopes."""
        return f"{self.role}:{self.subject}"


@dataclass(frozen=True)
class HandOver:
    """A token with which the platform hands somebody over: for one use. `id` is of the token itself."""

    id: str
    caller: Caller


_Subject = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
"""An id as a token names it; whether there is such an agency or client is asked later."""


class _Platform(BaseModel):
    role: Literal[Role.PLATFORM]


class _Tenant(BaseModel):
    role: Literal[Role.AGENCY, Role.SERVICE]
    agency_id: _Subject


class _Client(BaseModel):
    role: Literal[Role.CLIENT]
    agency_id: _Subject
    client_id: _Subject
    permissions: tuple[str, ...] = ()


_CLAIMS: Final[TypeAdapter[_Platform | _Tenant | _Client]] = TypeAdapter(
    Annotated[_Platform | _Tenant | _Client, Field(discriminator="role")]
)


class Tokens:
    """Checks tokens with the one key that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = settings.jwt_jwks_url
        self._jwks = jwt.PyJWKClient(url, timeout=_JWKS_SECONDS) if url else None

    async def caller(self, authorization: str | None) -> Caller:
        """The caller whom an Authorization header names.

        Raises Unauthenticated for a missing, malformed, expired or foreign token, TemporarilyUnavailable when the keys
        can't be fetched.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("A bearer token is needed.")
        return _caller(await self._claims(token.strip()))

    async def hand_over(self, token: str) -> HandOver:
        """What a token in a link hands over. Whether it was used before is asked by whoever opens the session.

        Raises as `caller` does, and Unauthenticated for a token that is older than a minute, or has no id.
        """
        claims = await self._claims(token)
        issued, id = claims.get("iat"), claims.get("jti")
        if not isinstance(id, str) or not 0 < len(id) <= _JTI:
            raise Unauthenticated("The token has no id (jti).")
        if not isinstance(issued, int | float) or time.time() - issued > _HAND_OVER.total_seconds():
            raise Unauthenticated("The token is too old to sign in with.")
        return HandOver(f"{claims['iss']} {id}", _caller(claims))

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(token),
                algorithms=list(self._settings.jwt_algorithms),
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                options={"require": list(_REQUIRED)},
            )
        except jwt.PyJWKClientConnectionError as error:
            log.warning("JWKS: %s", error)
            raise TemporarilyUnavailable("The keys of tokens can't be fetched just now.") from error
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated("The token is not valid.") from error
        return claims

    async def _key(self, token: str) -> Any:
        if self._jwks is not None:
            # PyJWT fetches with blocking calls; what it has cached costs a thread's hop only.
            return (await asyncio.to_thread(self._jwks.get_signing_key_from_jwt, token)).key
        secret = self._settings.jwt_secret
        return secret.get_secret_value() if secret else self._settings.jwt_public_key


def _caller(claims: dict[str, Any]) -> Caller:
    try:
        known = _CLAIMS.validate_python(claims)
    except ValidationError as error:
        raise Unauthenticated("The token does not say who is calling.") from error
    subject = str(claims["sub"])
    match known:
        case _Platform():
            return Caller(known.role, subject)
        case _Tenant():
            return Caller(known.role, subject, known.agency_id)
        case _Client():
            return Caller(known.role, subject, known.agency_id, known.client_id, frozenset(known.permissions))


def issue(settings: Settings, caller: Caller, lifetime: timedelta) -> str:
    """A token for trying things, signed with the shared secret; young enough, it signs a browser in.

    Raises ValueError without a shared secret, and in production.
    """
    if not settings.sandbox:
        raise ValueError("tokens are made by your own identity provider: this command works in the sandbox only")
    if settings.jwt_secret is None:
        raise ValueError("tokens can be made with JWT_SECRET only")
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": caller.subject,
        "iat": now,
        "exp": now + lifetime,
        "jti": uuid4().hex,
        "role": caller.role.value,
    }
    if caller.agency:
        claims["agency_id"] = caller.agency
    if caller.client:
        claims |= {"client_id": caller.client, "permissions": sorted(caller.permissions)}
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm="HS256")
