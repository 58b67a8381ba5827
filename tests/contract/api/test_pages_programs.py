"""The dashboard's pages of the Stripe account and of webhooks: what leads elsewhere, and what comes from there."""

from collections.abc import AsyncIterator

import pytest
from standardwebhooks import Webhook
from support.http import Site
from support.pages import Browser, as_agency
from support.tenant import FAILS, PAYS, Tenant

from sandbox.receiver import Receiver, receiving

STRIPE, WEBHOOKS = "/agency/settings/stripe", "/agency/settings/webhooks"
ENDPOINTS = "/v1/agency/webhook-endpoints"


@pytest.fixture
async def browser(site: Site, own: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, own.id) as browser:
        yield browser


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def test_an_account_is_made_at_stripe_and_its_owner_comes_back(site: Site, bare: Tenant) -> None:
    async with as_agency(site, bare.id) as browser:
        page = await browser.open(STRIPE)
        assert "Not connected" in page.text
        leaving = await browser.press(page, "Create a Stripe account")
        back = await site.stripe.onboard(leaving.link("Continue to Stripe"), "without_document")
        assert back == f"{site.base}{STRIPE}?stripe=back"
        page = await browser.open(f"{STRIPE}?stripe=back")
        assert "Restricted" in page.text
        assert "Stripe may still be checking what you have sent in" in page.text
        assert page.all(".card ul li") == ["Your proof of identity"]
        leaving = await browser.press(page, "Continue at Stripe")
        assert await site.stripe.onboard(leaving.link("Continue to Stripe"), "submit") == back
        done = await browser.open(f"{STRIPE}?stripe=back")
        assert "Your clients can pay. Nothing is left to do." in done.text
        assert not done.has_button("Continue at Stripe")


async def test_who_follows_a_link_again_is_given_another(site: Site, bare: Tenant) -> None:
    async with as_agency(site, bare.id) as browser:
        leaving = await browser.press(await browser.open(STRIPE), "Create a Stripe account")
        page = await browser.open(f"{STRIPE}/again")
        assert page.title == "The link to Stripe has ended"
        another = await browser.press(page, "Go on at Stripe")
        assert another.link("Continue to Stripe") != leaving.link("Continue to Stripe")


async def test_an_account_that_exists_is_connected_by_consent(site: Site, bare: Tenant) -> None:
    async with as_agency(site, bare.id) as browser:
        leaving = await browser.press(await browser.open(STRIPE), "Connect one that I have")
        assert "/oauth/authorize" in leaving.link("Continue to Stripe")
        for query, says in (
            ("stripe=connected", "The account is connected."),
            ("stripe=error&reason=account_taken", "That Stripe account belongs to another agency here."),
            ("stripe=error&reason=what", "The account could not be connected."),
        ):
            assert says in (await browser.open(f"{STRIPE}?{query}")).text


async def test_another_account_is_asked_about_and_the_same_one_comes_first(own: Tenant, browser: Browser) -> None:
    await own.subscribed(FAILS)
    await own.subscribed(PAYS)
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "disconnect"})

    async def left() -> bool:
        return bool((await own.api.get("/v1/agency/stripe"))["state"] == "disconnected")

    await own.eventually(left)
    page = await browser.open(STRIPE)
    assert page.all("main .actions .button") == ["Connect the same account", "Create a new account"]
    ask = await browser.open(page.link("Create a new account"))
    assert ask.all("main .card > p") == [
        "2 subscriptions end as soon as the new account can charge. To go on, you assign plans again.",
        "$49.00 still owed is not collected here any more: the invoices stay open in the account that you leave.",
        "2 cards on file are forgotten: their clients are asked for one again.",
        "None of this happens if you connect the same account again.",
    ]
    leaving = await browser.press(ask, "Create a new account")
    assert leaving.link("Continue to Stripe")
    page = await browser.open(STRIPE)
    assert page.all("main .actions .button") == ["Continue at Stripe", "Connect the former account"]
    assert "What still runs on your former account ends then" in page.text
    leaving = await browser.press(page, "Connect the former account")
    assert "/oauth/authorize" in leaving.link("Continue to Stripe")


async def test_an_agency_whose_country_stripe_does_not_serve_reads_so(site: Site, bare: Tenant) -> None:
    await site.pool.execute("UPDATE agencies SET country = 'AQ' WHERE id = $1", bare.id)
    async with as_agency(site, bare.id) as browser:
        page = await browser.press(await browser.open(STRIPE), "Create a Stripe account")
    assert "Stripe does not serve your country." in page.text


async def test_an_endpoint_is_added_and_its_secret_is_shown_once(
    browser: Browser, own: Tenant, receiver: Receiver
) -> None:
    assert "No program of yours is told." in (await browser.open(WEBHOOKS)).text
    form = await browser.open(f"{WEBHOOKS}/new")
    refused = await browser.press(form, "Add the endpoint", url="ftp://example.com")
    assert (refused.status, refused.wrong("url")) == (422, "This is not an absolute https address.")
    assert refused.one("[name=url]")["value"] == "ftp://example.com"
    page = await browser.press(refused, "Add the endpoint", url=receiver.url)
    secret = page.one("code").get_text()
    assert page.answer.headers["cache-control"] == "no-store"
    (endpoint,) = (await own.api.get(ENDPOINTS))["data"]
    shown = await browser.open(page.link("I have kept it"))
    assert shown.title == receiver.url
    assert secret not in shown.answer.text

    await own.subscribed(FAILS)

    async def delivered() -> bool:
        found = (await own.api.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries"))["data"]
        return [one["status"] for one in found] == ["delivered", "delivered"]

    await own.eventually(delivered)
    for headers, body in receiver.heard:
        Webhook(secret).verify(body, headers)
    shown = await browser.open(shown.path)
    rows = shown.all("tbody tr")
    assert sorted(row.split(" dlv_")[0] for row in rows) == ["Invoice issued", "Payment failed"]
    assert all("Delivered" in row and "200" in row for row in rows)
    again = await browser.press(shown, "Send again")
    assert "The message is on its way again" in again.text

    async def heard() -> bool:
        return len(receiver.heard) == 3

    await own.eventually(heard)


async def test_a_secret_is_rotated_and_an_endpoint_deleted_after_asking(browser: Browser, own: Tenant) -> None:
    endpoint = await own.api.post(ENDPOINTS, {"url": "https://hooks.brightvoice.io/in"})
    here = f"{WEBHOOKS}/{endpoint['id']}"
    asked = await browser.open((await browser.open(here)).link("New secret"))
    page = await browser.press(asked, "Make a new secret")
    assert page.one("code").get_text() not in (endpoint["secret"], "")
    assert "The former secret signs as well until" in page.text
    asked = await browser.open((await browser.open(here)).link("Delete"))
    assert [one["id"] for one in (await own.api.get(ENDPOINTS))["data"]] == [endpoint["id"]]
    gone = await browser.press(asked, "Delete the endpoint")
    assert "Nothing is sent to https://hooks.brightvoice.io/in any more." in gone.text
    assert (await own.api.get(ENDPOINTS))["data"] == []
    assert (await browser.open(here)).status == 404


async def test_an_endpoint_that_is_off_says_what_to_do(browser: Browser, own: Tenant) -> None:
    endpoint = await own.api.post(ENDPOINTS, {"url": "https://hooks.brightvoice.io/off"})
    await own.site.pool.execute("UPDATE webhook_endpoints SET disabled_at = now() WHERE id = $1", endpoint["id"])
    page = await browser.open(f"{WEBHOOKS}/{endpoint['id']}")
    assert "To use it again, delete it and add it anew." in page.text
    assert "New secret" not in page.all("a")


async def test_an_eleventh_endpoint_is_refused_above_the_form(browser: Browser, own: Tenant) -> None:
    for number in range(10):
        await own.api.post(ENDPOINTS, {"url": f"https://hooks.brightvoice.io/{number}"})
    form = await browser.open(f"{WEBHOOKS}/new")
    page = await browser.press(form, "Add the endpoint", url="https://hooks.brightvoice.io/11")
    assert (page.status, page.all("[role=alert]")) == (422, ["An agency has 10 endpoints at most."])


async def test_an_endpoint_of_another_agency_is_not_there(site: Site, bare: Tenant, own: Tenant) -> None:
    theirs = (await own.api.post(ENDPOINTS, {"url": "https://hooks.brightvoice.io/theirs"}))["id"]
    mine = (await bare.api.post(ENDPOINTS, {"url": "https://hooks.brightvoice.io/mine"}))["id"]
    async with as_agency(site, bare.id) as browser:
        for page in ("", "/rotate", "/delete"):
            assert (await browser.open(f"{WEBHOOKS}/{theirs}{page}")).status == 404
        for asked, button in (("rotate", "Make a new secret"), ("delete", "Delete the endpoint")):
            page = await browser.open(f"{WEBHOOKS}/{mine}/{asked}")
            page.form(button)["action"] = f"{WEBHOOKS}/{theirs}/{asked}"
            assert (await browser.press(page, button)).status == 404
            assert (
                await browser.press(await browser.open(f"{WEBHOOKS}/{mine}/{asked}"), button, csrf="x")
            ).status == 403
    assert [one["id"] for one in (await own.api.get(ENDPOINTS))["data"]] == [theirs]
    assert [one["id"] for one in (await bare.api.get(ENDPOINTS))["data"]] == [mine]
