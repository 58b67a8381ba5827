"""An agency's own Stripe account: the link, and how it stands."""

from support.http import Site, refused
from support.servers import Eventually
from support.tenant import Tenant, new_tenant, onboard

LINKS = "/v1/agency/stripe/onboarding-links"
PAGES = {"return_url": "https://app.example.com/stripe", "refresh_url": "https://app.example.com/again"}
NOT_CONNECTED = {
    "account_id": None,
    "state": "not_connected",
    "charges_enabled": False,
    "payouts_enabled": False,
    "card_payments": "inactive",
    "requirements": [],
}


async def test_the_first_link_leads_to_the_page_that_makes_an_account_able_to_charge(bare: Tenant) -> None:
    assert await bare.api.get("/v1/agency/stripe") == NOT_CONNECTED
    answer = await bare.api.send("POST", LINKS, json=PAGES)
    assert answer.status_code == 201
    assert answer.json()["url"].startswith("http")
    assert answer.json()["expires_at"].endswith("Z")
    begun = await bare.api.get("/v1/agency/stripe")
    assert begun["account_id"].startswith("acct_")
    assert (begun["state"], begun["charges_enabled"], begun["card_payments"]) == ("onboarding", False, "inactive")
    assert "external_account" in begun["requirements"]

    assert await bare.site.stripe.onboard(answer.json()["url"]) == PAGES["return_url"]
    assert await bare.api.get("/v1/agency/stripe") == {
        "account_id": begun["account_id"],
        "state": "active",
        "charges_enabled": True,
        "payouts_enabled": True,
        "card_payments": "active",
        "requirements": [],
    }


async def test_what_was_left_out_on_the_page_is_shown_and_nothing_is_sold_meanwhile(bare: Tenant) -> None:
    client, plan = await bare.client(), await bare.plan()
    owing = await onboard(bare.site, bare.api, "without_document")
    assert (owing["state"], owing["requirements"]) == ("restricted", ["individual.verification.document"])
    with refused(409, "stripe_not_ready"):
        await bare.assign(client, plan)
    assert (await onboard(bare.site, bare.api, "later")) == owing
    assert (await onboard(bare.site, bare.api))["state"] == "active"
    await bare.assign(client, plan)


async def test_what_the_page_was_told_arrives_as_an_event(bare: Tenant) -> None:
    link = await bare.api.post(LINKS, PAGES)
    await bare.site.stripe.onboard(link["url"])

    async def known() -> bool:
        row = "SELECT state FROM connected_accounts WHERE agency_id = $1"
        return bool(await bare.site.pool.fetchval(row, bare.id) == "active")

    await bare.eventually(known)


async def test_a_link_that_was_used_leads_to_where_a_new_one_is_made(bare: Tenant) -> None:
    link = await bare.api.post(LINKS, PAGES)
    await bare.site.stripe.onboard(link["url"])
    assert await bare.site.stripe.onboard(link["url"]) == PAGES["refresh_url"]


async def test_a_second_link_is_for_the_same_account(own: Tenant) -> None:
    before = await own.api.get("/v1/agency/stripe")
    await own.api.post(LINKS, PAGES)
    assert await own.api.get("/v1/agency/stripe") == before


async def test_a_country_without_stripe_is_refused_before_anything_is_made(site: Site, eventually: Eventually) -> None:
    antarctic = await new_tenant(site, eventually, ready=False, country="AQ")
    with refused(422, "country_not_supported"):
        await antarctic.api.post(LINKS, PAGES)
    assert await antarctic.api.get("/v1/agency/stripe") == NOT_CONNECTED


async def test_the_link_leads_back_to_https_only(bystander: Tenant) -> None:
    for url in ("http://app.example.com", "javascript:alert(1)", "/stripe", "https://u:p@app.example.com", ""):
        answer = await bystander.api.send("POST", LINKS, json={**PAGES, "return_url": url})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "return_url")


async def test_with_stripe_away_the_last_word_is_shown_and_links_wait(own: Tenant) -> None:
    before = await own.api.get("/v1/agency/stripe")
    async with own.site.away():
        assert await own.api.get("/v1/agency/stripe") == before
        with refused(503, "temporarily_unavailable"):
            await own.api.post(LINKS, PAGES)


async def test_a_crash_between_our_row_and_stripes_account_makes_no_second_account(bare: Tenant) -> None:
    async with bare.site.trouble("accounts.create", "drop_answer"):
        with refused(503, "temporarily_unavailable"):
            await bare.api.post(LINKS, PAGES)
    account = await onboard(bare.site, bare.api)
    made = (await bare.site.stripe.ask("books"))["accounts"]
    mine = [one["account"] for one in made if one["account"] == account["account_id"]]
    assert (mine, account["state"]) == ([account["account_id"]], "active")
    rows = await bare.site.pool.fetch("SELECT account_id FROM connected_accounts WHERE agency_id = $1", bare.id)
    assert [row["account_id"] for row in rows] == [account["account_id"]]


async def test_a_restriction_shows_at_once_and_sells_nothing(own: Tenant) -> None:
    client, plan = await own.client(), await own.plan()
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "restrict"})
    now = await own.api.get("/v1/agency/stripe")
    assert (now["state"], now["charges_enabled"]) == ("restricted", False)
    assert now["requirements"]
    with refused(409, "agency_frozen"):
        await own.assign(client, plan)
    await own.site.stripe.tell(f"accounts/{account}", {"action": "restore"})
    await own.assign(client, plan)


async def test_a_disconnected_account_is_known_from_its_event(own: Tenant) -> None:
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "disconnect"})

    async def gone() -> bool:
        return bool((await own.api.get("/v1/agency/stripe"))["state"] == "disconnected")

    await own.eventually(gone)
    renewed = await onboard(own.site, own.api)
    assert (renewed["state"], renewed["account_id"] == account) == ("active", False)
