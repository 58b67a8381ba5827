"""OAuth: an owner lets the platform in on a page, a code is good once, and access can be given back."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from sandbox.stripe.oauth import client_id_of
from tests.contract.emulator.process import API_KEY
from tests.contract.emulator.shop import Shop

BACK = "https://platform.test/callback?own=1"
ASKED = {
    "client_id": client_id_of(API_KEY),
    "response_type": "code",
    "scope": "read_write",
    "redirect_uri": BACK,
    "state": "s1",
}


async def _decided(shop: Shop, **fields: str) -> dict[str, str]:
    """What the platform's address is told when the form is sent."""
    answer = await shop.http.post(f"{shop.url}/oauth/authorize", data={**ASKED, **fields})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def _token(shop: Shop, code: str, **more: str) -> httpx.Response:
    body = {"grant_type": "authorization_code", "code": code, **more}
    return await shop.http.post(f"{shop.url}/oauth/token", data=body, headers={"Authorization": f"Bearer {API_KEY}"})


def _platform(shop: Shop) -> Any:
    return stripe.StripeClient(API_KEY, client_id=ASKED["client_id"], base_addresses={"connect": shop.url})


async def test_the_page_is_where_the_official_client_says_and_works_without_scripts(shop: Shop) -> None:
    address = _platform(shop).oauth.authorize_url({"scope": "read_write", "redirect_uri": BACK, "state": "s1"})
    page = await shop.http.get(address)

    assert page.status_code == 200
    assert "<script" not in page.text
    assert shop.account in page.text
    for name, value in ASKED.items():
        assert f'name="{name}" value="{value}"' in page.text


async def test_a_code_is_exchanged_once_for_an_account_that_then_can_be_spoken_for(shop: Shop) -> None:
    told = await _decided(shop, action="connect", account="new", country="DE")
    assert (told["own"], told["state"], told["scope"]) == ("1", "s1", "read_write")
    said = (await _token(shop, told["code"])).json()
    assert said["token_type"] == "bearer"
    account = await shop.api.accounts.retrieve_async(said["stripe_user_id"])
    assert (account.country, account.charges_enabled) == ("DE", True)

    again = await _token(shop, told["code"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_before_the_exchange_the_account_is_not_the_platforms(shop: Shop) -> None:
    await shop.control(f"accounts/{shop.account}", {"action": "disconnect"})
    told = await _decided(shop, action="connect", account=shop.account)
    with pytest.raises(stripe.PermissionError):
        await shop.api.accounts.retrieve_async(shop.account)

    await _token(shop, told["code"])
    assert (await shop.api.accounts.retrieve_async(shop.account)).id == shop.account


async def test_access_that_is_given_back_is_gone_and_reported(shop: Shop) -> None:
    body = {"client_id": ASKED["client_id"], "stripe_user_id": shop.account}
    key = {"Authorization": f"Bearer {API_KEY}"}
    left = await shop.http.post(f"{shop.url}/oauth/deauthorize", data=body, headers=key)
    assert left.json() == {"stripe_user_id": shop.account}
    with pytest.raises(stripe.PermissionError):
        await shop.api.accounts.retrieve_async(shop.account)
    again = await shop.http.post(f"{shop.url}/oauth/deauthorize", data=body, headers=key)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_an_owner_may_say_no(shop: Shop) -> None:
    told = await _decided(shop, action="deny")
    assert (told["error"], told["state"]) == ("access_denied", "s1")
    assert "code" not in told


@pytest.mark.parametrize(
    "wrong", [{"client_id": "ca_other"}, {"response_type": "token"}, {"redirect_uri": "javascript:alert(1)"}]
)
async def test_a_link_that_is_not_the_platforms_shows_no_form(shop: Shop, wrong: dict[str, str]) -> None:
    page = await shop.http.get(f"{shop.url}/oauth/authorize", params={**ASKED, **wrong})
    assert page.status_code == 400
    assert "<form" not in page.text


async def test_only_the_platforms_key_exchanges_codes(shop: Shop) -> None:
    told = await _decided(shop, action="connect", account=shop.account)
    body = {"grant_type": "authorization_code", "code": told["code"]}
    refused = await shop.http.post(f"{shop.url}/oauth/token", data=body, headers={"Authorization": "Bearer sk_other"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert (await _token(shop, "ac_unknown")).json()["error"] == "invalid_grant"
    assert (await _token(shop, told["code"], grant_type="refresh_token")).json()["error"] == "unsupported_grant_type"
