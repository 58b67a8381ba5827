"""Connecting a Stripe account that exists: out to the consent page, back once, and whose it is then."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.http import Json, Site, refused
from support.tenant import Tenant

LINKS = "/v1/agency/stripe/oauth-links"
RETURN = "https://app.example.com/stripe?tab=1"


async def _consented(own: Tenant, account: str = "new", action: str = "connect") -> str:
    """Ask for a link and decide on Stripe's page; the address of ours that the browser is sent to."""
    link = await own.api.post(LINKS, {"return_url": RETURN})
    page = urlsplit(link["url"])
    asked = {name: values[0] for name, values in parse_qs(page.query).items()}
    async with httpx.AsyncClient(verify=False) as browser:
        form = {**asked, "account": account, "action": action}
        answer = await browser.post(f"{page.scheme}://{page.netloc}{page.path}", data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def _back(site: Site, address: str) -> Json:
    """Where our callback leads on to, and what it says there; an empty address when it refuses."""
    async with httpx.AsyncClient(verify=False) as browser:
        answer = await browser.get(address)
    if answer.status_code != 303:
        return {"status": answer.status_code, "code": answer.json()["code"]}
    led = urlsplit(answer.headers["location"])
    assert f"{led.scheme}://{led.netloc}{led.path}" == "https://app.example.com/stripe"
    return {name: values[0] for name, values in parse_qs(led.query).items()}


async def _connected(own: Tenant, account: str = "new") -> Json:
    return await _back(own.site, await _consented(own, account))


async def test_an_account_that_exists_becomes_the_agencys(bare: Tenant) -> None:
    address = await _consented(bare)
    assert address.startswith(f"{bare.site.base}/stripe/oauth/callback?")
    assert await _back(bare.site, address) == {"tab": "1", "stripe": "connected"}

    account = await bare.api.get("/v1/agency/stripe")
    assert (account["state"], account["card_payments"], account["requirements"]) == ("active", "active", [])
    assert await _back(bare.site, address) == {"status": 400, "code": "bad_state"}, "good once"


async def test_who_says_no_is_led_back_with_that(bare: Tenant) -> None:
    told = await _back(bare.site, await _consented(bare, action="deny"))
    assert (told["stripe"], told["reason"]) == ("error", "access_denied")
    assert (await bare.api.get("/v1/agency/stripe"))["state"] == "not_connected"


async def test_a_state_that_we_did_not_sign_leads_nowhere(bare: Tenant) -> None:
    address = await _consented(bare)
    forged = address.replace("state=", "state=AA")
    assert await _back(bare.site, forged) == {"status": 400, "code": "bad_state"}
    assert await _back(bare.site, f"{bare.site.base}/stripe/oauth/callback") == {"status": 400, "code": "bad_state"}


async def test_one_account_belongs_to_one_agency(own: Tenant, bare: Tenant) -> None:
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    told = await _connected(bare, account)

    assert (told["stripe"], told["reason"]) == ("error", "account_taken")
    assert (await bare.api.get("/v1/agency/stripe"))["state"] == "not_connected"
    assert (await own.api.get("/v1/agency/stripe"))["account_id"] == account


async def test_no_other_account_takes_the_place_of_one_that_is_connected(own: Tenant) -> None:
    before = await own.api.get("/v1/agency/stripe")
    told = await _connected(own)
    assert (told["stripe"], told["reason"]) == ("error", "account_connected")
    assert await own.api.get("/v1/agency/stripe") == before


async def test_the_account_that_was_left_comes_back_and_thaws(own: Tenant) -> None:
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "disconnect"})

    async def left() -> bool:
        return bool((await own.api.get("/v1/agency/stripe"))["state"] == "disconnected")

    await own.eventually(left)
    assert (await _connected(own, account))["stripe"] == "connected"
    assert (await own.api.get("/v1/agency/stripe"))["state"] == "active"
    told = await own.api.get("/v1/agency/notifications")
    assert [one["kind"] for one in told["data"]] == ["account_restored", "account_frozen"]


async def test_after_it_left_another_one_is_a_new_start(own: Tenant) -> None:
    client = await own.client()
    await own.assign(client, start="first_card")
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "disconnect"})

    async def left() -> bool:
        return bool((await own.api.get("/v1/agency/stripe"))["state"] == "disconnected")

    await own.eventually(left)
    assert (await _connected(own))["stripe"] == "connected"
    fresh = await own.api.get("/v1/agency/stripe")
    assert (fresh["state"], fresh["account_id"] != account) == ("active", True)

    async def ended() -> bool:
        return bool((await own.live(client))["status"] == "cancelled")

    await own.eventually(ended)
    again = await own.assign(client, start="first_card")
    assert again["status"] == "awaiting_card"


@pytest.mark.parametrize("body", [{}, {"return_url": "http://app.example.com"}, {"return_url": RETURN, "more": 1}])
async def test_a_link_needs_a_return_url(bare: Tenant, body: Json) -> None:
    with refused(422, "invalid_fields"):
        await bare.api.post(LINKS, body)
