"""Who is calling: only tokens of the pinned algorithm and key, whole, current, and for us."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.http import Site
from support.tenant import Tenant

WITHOUT: Final = object()


def claims(agency: str, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    whole = {
        "iss": "tests",
        "aud": "retainer",
        "sub": "ada",
        "exp": now + timedelta(minutes=5),
        "role": "agency",
        "agency_id": agency,
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not WITHOUT}


async def ask(site: Site, token: str) -> int:
    caller = await site.caller(token)
    answer = await caller.send("GET", "/v1/agency/settings")
    assert answer.status_code == 200 or answer.json()["code"] in ("unauthenticated", "forbidden", "not_found")
    return answer.status_code


def signed(site: Site, body: dict[str, Any], **how: Any) -> str:
    secret = site.settings.jwt_secret
    assert secret
    return jwt.encode(body, **{"key": secret.get_secret_value(), "algorithm": "HS256", **how})


async def test_a_whole_token_opens_the_door(bystander: Tenant) -> None:
    assert await ask(bystander.site, signed(bystander.site, claims(bystander.id))) == 200
    also = claims(bystander.id, aud=["retainer", "portal"], jti="1", iat=datetime.now(UTC), permissions=["x"])
    assert await ask(bystander.site, signed(bystander.site, also)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime.now(UTC) - timedelta(minutes=1)},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"iss": "somebody-else"},
        {"aud": "another-service"},
        *({name: WITHOUT} for name in ("iss", "aud", "sub", "exp", "role", "agency_id")),
        {"role": "root"},
        {"role": "AGENCY"},
        {"role": ["agency"]},
        {"agency_id": ""},
        {"agency_id": 7},
        {"agency_id": "agc_\x00"},
        {"agency_id": "a" * 65},
    ],
)
async def test_a_token_that_lacks_something_is_401(bystander: Tenant, changes: dict[str, Any]) -> None:
    assert await ask(bystander.site, signed(bystander.site, claims(bystander.id, **changes))) == 401


async def test_a_token_of_another_key_or_algorithm_is_401(bystander: Tenant) -> None:
    site, body = bystander.site, claims(bystander.id)
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = site.settings.jwt_secret
    assert secret
    for how in (
        {"key": "another-secret-of-32-bytes-or-more"},
        {"key": None, "algorithm": "none"},
        {"key": private, "algorithm": "RS256"},
        {"key": secret.get_secret_value() * 2, "algorithm": "HS512"},
    ):
        assert await ask(site, signed(site, body, **how)) == 401, how
    head, payload, _ = signed(site, body).split(".")
    for broken in (f"{head}.{payload}.", f"{head}.{payload}.AAAA", f"{head}.{payload}", "...", "a.b.c"):
        assert await ask(site, broken) == 401, broken


async def test_a_role_sees_its_own_addresses_only(bystander: Tenant) -> None:
    for role in ("platform", "client", "service"):
        body = claims(bystander.id, role=role, client_id="cli_1")
        assert await ask(bystander.site, signed(bystander.site, body)) == 403
