"""The client's pages over HTTP: its invoices and what of them can be paid, and what is agreed of its plan."""

from datetime import UTC, datetime, timedelta
from typing import Any

from support.http import Json, Site
from support.pages import as_client
from support.tenant import FAILS, PAYS, Tenant

BILLING = "/portal/billing"
API = "/v1/portal/billing/invoices"


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


async def sent(tenant: Tenant, client: str) -> Json:
    """An invoice of 150.00 that was sent to the client, as the client's portal has it."""
    line = {"description": "Set-up", "amount": usd(15000)}
    order = {"lines": [line], "collection": "send", "days_until_due": 14}
    made = await tenant.api.post(f"/v1/agency/clients/{client}/invoices", order)
    portal = await tenant.portal(client)

    async def issued() -> Json | None:
        found: list[Json] = (await portal.get(API))["data"]
        return next((one for one in found if one["id"] == made["id"]), None)

    return await tenant.eventually(issued)


async def test_a_sent_invoice_says_when_it_is_due_and_leads_to_its_page(tenant: Tenant, site: Site) -> None:
    client = await tenant.client()
    invoice = await sent(tenant, client)
    issued = datetime.fromisoformat(invoice["issued_at"])
    assert timedelta(days=13) < datetime.fromisoformat(invoice["due_at"]) - issued < timedelta(days=15)
    assert (invoice["payable"], invoice["collectible"]) == (False, True), "there is no card to pay it with"
    page = await (await site.caller(None)).send("GET", invoice["pay_url"].removeprefix(site.base))
    assert (page.status_code, page.headers["location"].startswith(str(site.settings.stripe_api_base))) == (303, True)

    async with as_client(site, tenant.id, client) as browser:
        listed = await browser.open(BILLING)
        (row,) = listed.all("tbody tr")
        assert "Pending due " in row
        assert listed.link(f"Pay {invoice['number']} on its page") == invoice["pay_url"]
        shown = await browser.open(f"{BILLING}/invoices/{invoice['id']}")
        assert shown.link("Pay on its page") == invoice["pay_url"]
        assert not shown.has_button("Pay $150.00 now")
        await tenant.save_card(client, PAYS)
        shown = await browser.open(f"{BILLING}/invoices/{invoice['id']}")
        paid = await browser.press(shown, "Pay $150.00 now")
        assert paid.all(".banner[role=status]") == ["The payment went through. Thank you."]
    portal = await tenant.portal(client)
    settled = await portal.get(f"{API}/{invoice['id']}")
    assert (settled["status"], settled["payable"], settled["pay_url"]) == ("paid", False, None)


async def test_only_what_would_be_taken_can_be_pressed(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    invoice = (await own.invoice(client))["id"]
    async with as_client(own.site, own.id, client) as browser:
        assert (await browser.open(f"{BILLING}/invoices/{invoice}")).has_button("Pay $49.00 now")
        await own.bank(client, "stolen_card")
        page = await browser.press(await browser.open(BILLING), "Pay now")
        assert "This card is not tried again. Please enter another card" in page.text
        assert not page.has_button("Pay now")
        shown = await browser.open(f"{BILLING}/invoices/{invoice}")
        assert not shown.has_button("Pay $49.00 now")
        assert "It can't be paid on this page just now." in shown.text


async def test_an_invoice_shows_what_was_credited_and_what_remains(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    await tenant.api.post(f"/v1/agency/invoices/{invoice}/credit-notes", {"amount": usd(1900)})
    portal = await tenant.portal(client)

    async def credited() -> Json | None:
        found: Json = await portal.get(f"{API}/{invoice}")
        return found if found["credited"] == usd(1900) else None

    assert (await tenant.eventually(credited))["amount"] == usd(3000)
    async with as_client(tenant.site, tenant.id, client) as browser:
        shown = await browser.open(f"{BILLING}/invoices/{invoice}")
        assert shown.all("tfoot tr") == ["Credit notes -$19.00", "Amount due $30.00"]
        assert shown.has_button("Pay $30.00 now")


async def test_a_day_of_billing_is_one_for_whoever_looks_and_its_zone_is_named(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    async with as_client(tenant.site, tenant.id, client) as browser:
        browser.http.cookies.set("zone", "Pacific/Kiritimati")
        browser.http.headers["accept-language"] = "en-GB"
        today = {f"{at.day} {at:%b %Y}" for at in (datetime.now(UTC), datetime.now(UTC) - timedelta(minutes=5))}
        for address in (BILLING, f"{BILLING}/invoices"):
            page = await browser.open(address)
            assert page.all("tbody tr time")[0] in today
            assert "Times are in Pacific/Kiritimati. Days of billing are days in UTC." in page.one("footer.foot").text


async def test_who_is_billed_by_hand_is_told_so_and_asked_for_no_card(bare: Tenant) -> None:
    client = await bare.client()
    await bare.assign(client, collection="manual")
    async with as_client(bare.site, bare.id, client) as browser:
        page = await browser.open(BILLING)
        assert page.all(".banner") == []
        assert "Next bill about $49.00 from Bright Voice itself: nothing is charged here" in page.text
        assert "Your plan is billed by Bright Voice itself, which needs no card here." in page.text
        assert "Bright Voice bills you itself: its bills are not listed here." in page.text
        assert "the first comes on" not in page.text


async def test_a_card_is_asked_for_only_where_it_can_be_entered(own: Tenant) -> None:
    client = await own.client()
    await own.assign(client, start="first_card")
    portal = await own.portal(client)
    async with as_client(own.site, own.id, client) as browser:
        assert (await browser.open(BILLING)).has_button("Enter a card")
        await own.site.pool.execute("UPDATE connected_accounts SET state = 'disconnected' WHERE agency_id = $1", own.id)
        page = await browser.open(BILLING)
    assert not page.has_button("Enter a card")
    assert page.all(".banner h2") == ["A card is needed"]
    assert "Cards can't be entered just now. Questions? Ask Bright Voice" in page.text
    told = await portal.get("/v1/portal/billing")
    assert (told["can_update_payment_method"], told["banner"]["actions"]) == (False, [])


async def test_a_pause_and_a_start_that_are_agreed_are_told(tenant: Tenant) -> None:
    pausing, starting = await tenant.subscribed(PAYS), await tenant.client()
    await tenant.api.post(f"/v1/agency/clients/{pausing}/subscription/pause", {})
    ahead = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    await tenant.assign(starting, starts_at=ahead)
    async with as_client(tenant.site, tenant.id, pausing) as browser:
        assert "Bright Voice pauses your service on" in (await browser.open(BILLING)).text
    async with as_client(tenant.site, tenant.id, starting) as browser:
        page = await browser.open(BILLING)
        assert page.all(".card .badge")[0] == "Not started"
        assert "Your plan starts on" in page.text


async def test_a_trial_shows_no_price_of_its_minutes(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, trial_days=14)
    async with as_client(tenant.site, tenant.id, client) as browser:
        usage = (await browser.open(BILLING)).all("section[aria-labelledby=usage-title] .figures > div")
    assert usage[1] == "Over the plan 0 min not billed in the trial"
    assert not [one for one in usage if "$" in one]
