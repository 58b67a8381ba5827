"""The dashboard's first page: the way to the first payment, the figures, and what holds billing up as a whole."""

from support.http import Client, Site
from support.pages import as_agency
from support.tenant import FAILS, PAYS, Tenant

HELD = "section.banner"


async def test_the_overview_leads_to_the_first_payment_and_then_tells_figures(own: Tenant, site: Site) -> None:
    async with as_agency(site, own.id) as browser:
        page = await browser.open("/agency")
        assert page.all(".checks .done strong") == ["Connect your Stripe account"]
        assert page.link("Start : Create a plan") == "/agency/plans/new"
        assert "Figures show here with the first invoice." in page.text

        paying, owing = await own.subscribed(PAYS), await own.subscribed(FAILS)
        await own.report(paying, 450, hours_ago=0)
        page = await browser.open("/agency")
        assert page.all(".checks") == []
        assert "Collected $49.00" in page.text
        assert "At risk $49.00" in page.text
        assert "0 of 1 failed invoices" in page.text
        assert [one["href"] for one in page.html.select("section[aria-labelledby=full-title] a")] == [
            f"/agency/clients/{paying}"
        ]
        assert f"/agency/clients/{owing}" in [one["href"] for one in page.html.select(".timeline a")]
        assert "Nobody is past due." in page.text


async def test_an_account_that_cannot_charge_is_told_with_what_to_do(own: Tenant, site: Site) -> None:
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    async with as_agency(site, own.id) as browser:
        assert (await browser.open("/agency")).all(HELD) == []
        await site.stripe.tell(f"accounts/{account}", {"action": "restrict"})
        await own.api.get("/v1/agency/stripe")
        page = await browser.open("/agency")
        assert "Stripe does not let your account charge" in page.one(HELD).get_text()
        assert page.link("See what Stripe still needs") == "/agency/settings/stripe"

        await site.stripe.tell(f"accounts/{account}", {"action": "disconnect"})

        async def gone() -> bool:
            return bool((await own.api.get("/v1/agency/stripe"))["state"] == "disconnected")

        await own.eventually(gone)
        page = await browser.open("/agency")
        assert page.all(f"{HELD} h2") == ["Your Stripe account is disconnected"]
        assert page.link("Connect it again") == "/agency/settings/stripe"


async def test_a_tier_without_billing_is_told(own: Tenant, site: Site, platform: Client) -> None:
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    async with as_agency(site, own.id) as browser:
        page = await browser.open("/agency")
        assert page.all(f"{HELD} h2") == ["Your tier does not include billing"]
        assert "Debts, invoices and cards stay reachable." in page.one(HELD).get_text()
        await platform.patch(f"/v1/agencies/{own.id}", {"tier": "growth"})
        assert (await browser.open("/agency")).all(HELD) == []
