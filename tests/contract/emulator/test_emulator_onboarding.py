"""The hosted onboarding page: an owner fills it in, or leaves something due; its link opens once and for minutes."""

import re
from typing import Any

import httpx
import pytest

from tests.contract.emulator.shop import ACCOUNT, Shop

BACK, AGAIN = "https://platform.test/back", "https://platform.test/again"
BUSINESS = {"business_type": "company", "url": "https://bright.test"}


async def made(shop: Shop) -> str:
    """A new account whose owner has yet to onboard."""
    account = await shop.api.accounts.create_async(ACCOUNT)
    return str(account.id)


async def link(shop: Shop, account: str) -> str:
    body = {"account": account, "type": "account_onboarding", "return_url": BACK, "refresh_url": AGAIN}
    return str((await shop.api.account_links.create_async(body)).url)


async def opened(shop: Shop, address: str) -> tuple[httpx.Response, str]:
    page = await shop.http.get(address)
    assert page.status_code == 200, page.text
    (visit,) = re.findall(r'name="visit" value="(\w+)"', page.text)
    return page, visit


async def sent(shop: Shop, address: str, visit: str, action: str, **fields: str) -> httpx.Response:
    return await shop.http.post(address, data={"visit": visit, **BUSINESS, "action": action, **fields})


async def events(shop: Shop, account: str) -> list[Any]:
    found = await shop.api.events.list_async({"limit": 100}, {"stripe_account": account})
    return [event.type for event in reversed(found.data)]


async def test_an_account_begins_with_everything_due_and_charges_nothing(shop: Shop) -> None:
    account = await shop.api.accounts.retrieve_async(await made(shop))
    assert (account.details_submitted, account.charges_enabled, account.payouts_enabled) == (False, False, False)
    assert account.capabilities.to_dict() == {"card_payments": "inactive", "transfers": "inactive"}
    assert "external_account" in account.requirements.currently_due
    assert account.requirements.disabled_reason == "requirements.past_due"


async def test_the_form_makes_the_account_able_to_charge_and_says_so_in_events(shop: Shop) -> None:
    account = await made(shop)
    address = await link(shop, account)
    page, visit = await opened(shop, address)
    assert "<script" not in page.text
    assert set(re.findall(r'<label for="(\w+)"', page.text)) == {"business_type", "url"}
    assert "<code>external_account</code>" in page.text
    done = await sent(shop, address, visit, "submit")
    assert (done.status_code, done.headers["location"]) == (303, BACK)
    after = await shop.api.accounts.retrieve_async(account)
    assert (after.details_submitted, after.charges_enabled, after.requirements.currently_due) == (True, True, [])
    assert (after.business_type, after.business_profile.url) == ("company", "https://bright.test")
    assert (await events(shop, account))[-2:] == ["account.updated", "capability.updated"]


async def test_what_is_left_out_stays_due_and_the_next_link_asks_for_it(shop: Shop) -> None:
    account = await made(shop)
    first = await link(shop, account)
    _, visit = await opened(shop, first)
    await sent(shop, first, visit, "without_document")
    owing = await shop.api.accounts.retrieve_async(account)
    assert (owing.details_submitted, owing.charges_enabled) == (True, False)
    assert owing.requirements.currently_due == ["individual.verification.document"]

    second = await link(shop, account)
    page, visit = await opened(shop, second)
    assert "<code>individual.verification.document</code>" in page.text
    assert "external_account" not in page.text
    await sent(shop, second, visit, "submit")
    assert (await shop.api.accounts.retrieve_async(account)).charges_enabled


async def test_leaving_leads_back_too_and_changes_nothing(shop: Shop) -> None:
    account = await made(shop)
    before = (await shop.api.accounts.retrieve_async(account)).to_dict()
    address = await link(shop, account)
    _, visit = await opened(shop, address)
    assert (await sent(shop, address, visit, "later")).headers["location"] == BACK
    assert (await shop.api.accounts.retrieve_async(account)).to_dict() == before


@pytest.mark.parametrize(
    ("fields", "words"), [({"url": "https://"}, "Not a valid URL"), ({"business_type": "pirate"}, "type of your")]
)
async def test_a_form_with_a_mistake_is_shown_again(shop: Shop, fields: dict[str, str], words: str) -> None:
    address = await link(shop, await made(shop))
    _, visit = await opened(shop, address)
    wrong = await sent(shop, address, visit, "submit", **fields)
    assert (wrong.status_code, words in wrong.text, 'aria-invalid="true"' in wrong.text) == (400, True, True)
    assert (await sent(shop, address, visit, "submit")).headers["location"] == BACK


async def test_a_link_opens_once_and_its_form_is_the_visitors_own(shop: Shop) -> None:
    account = await made(shop)
    address = await link(shop, account)
    for visit in ("", "guessed"):
        assert (await sent(shop, address, visit, "submit")).headers["location"] == AGAIN
    _, visit = await opened(shop, address)
    assert (await shop.http.get(address)).headers["location"] == AGAIN
    assert (await sent(shop, address, "guessed", "submit")).headers["location"] == AGAIN
    assert not (await shop.api.accounts.retrieve_async(account)).details_submitted
    await sent(shop, address, visit, "submit")
    for again in (visit, ""):
        assert (await sent(shop, address, again, "submit")).headers["location"] == AGAIN


async def test_nobody_is_led_anywhere_from_an_address_that_is_none(shop: Shop) -> None:
    account = await made(shop)
    address = await link(shop, account)
    other = await link(shop, shop.account)
    token = other.rpartition("/")[2]
    for wrong in (f"{address}x", f"{address.rpartition('/')[0]}/{token}"):
        assert (await shop.http.get(wrong)).status_code == 404
    await shop.control(f"accounts/{account}", {"action": "disconnect"})
    assert (await shop.http.get(address)).status_code == 404
