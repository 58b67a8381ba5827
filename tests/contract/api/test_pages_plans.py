"""The dashboard's pages of plans: what is sold, its versions, imports, and the end of a sale."""

from collections.abc import AsyncIterator

import pytest
from support.http import Site
from support.pages import Browser, Page, as_agency
from support.tenant import Tenant

PLANS = "/agency/plans"
TYPED = {"name": "Voice Max", "tier": "pro", "price": "99", "included_minutes": "1200", "overage_rate": "0,09"}


@pytest.fixture
async def browser(site: Site, own: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, own.id) as browser:
        yield browser


async def create(browser: Browser, **fields: str) -> Page:
    return await browser.press(await browser.open(f"{PLANS}/new"), "Create the plan", **{**TYPED, **fields})


async def test_who_has_no_plan_reads_what_one_is(browser: Browser) -> None:
    page = await browser.open(PLANS)
    assert "There is no plan yet" in page.text
    assert page.link("Create a plan") == f"{PLANS}/new"


async def test_a_plan_is_created_as_it_is_typed(browser: Browser, own: Tenant) -> None:
    page = await create(browser)
    assert (page.status, page.title) == (200, "Voice Max")
    assert "Voice Max is ready to be assigned to clients." in page.text
    (plan,) = (await own.api.get("/v1/agency/plans"))["data"]
    assert page.path == f"{PLANS}/{plan['id']}"
    assert (plan["price"], plan["overage_rate"]["amount_decimal"], plan["included_minutes"]) == (
        {"amount": 9900, "currency": "usd"},
        "9",
        1200,
    )
    row = (await browser.open(PLANS)).all("tbody tr")
    assert row == ["Voice Max pro $99.00 1,200 $0.09 1 0"]


async def test_a_currency_without_decimals_is_typed_and_shown_without(browser: Browser, own: Tenant) -> None:
    page = await create(browser, price="4900", currency="jpy", overage_rate="12.5")
    (plan,) = (await own.api.get("/v1/agency/plans"))["data"]
    assert (plan["price"]["amount"], plan["overage_rate"]["amount_decimal"]) == (4900, "12.5")
    assert "¥4,900" in page.text
    assert "¥12.5" in page.text


@pytest.mark.parametrize(
    ("fields", "wrong", "says"),
    [
        ({"price": "4,900.00"}, "price", "Please type a number, such as 49.00."),
        ({"price": "49.005"}, "price", "USD has 2 decimals."),
        ({"price": "1.000"}, "price", "USD has 2 decimals."),
        ({"price": "4.900", "currency": "jpy"}, "price", "JPY has no decimals."),
        ({"price": "1,000"}, "price", "Please type thousands without a comma, such as 1000.50."),
        ({"price": "1000000"}, "price", "The most that can be charged at once is 999999.99 USD."),
        ({"price": "49.00", "currency": "doubloon"}, "price", "Please choose a currency."),
        ({"name": " "}, "name", "Please fill this in."),
        ({"included_minutes": "many"}, "included_minutes", "Please type a whole number, such as 30."),
        ({"included_minutes": "-1"}, "included_minutes", "This should be greater than or equal to 0."),
        ({"trial_days": "731"}, "trial_days", "This should be less than or equal to 730."),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(
    browser: Browser, own: Tenant, fields: dict[str, str], wrong: str, says: str
) -> None:
    page = await create(browser, **fields)
    assert page.status == 422
    assert page.wrong(wrong) == says
    assert page.one("[name=overage_rate]")["value"] == "0,09"
    assert (await own.api.get("/v1/agency/plans"))["data"] == []


async def test_an_edit_makes_a_version_and_says_who_keeps_theirs(browser: Browser, own: Tenant) -> None:
    plan = await own.plan()
    form = await browser.open(f"{PLANS}/{plan}/edit")
    assert "Clients who have the plan keep the version that they were assigned" in form.text
    assert form.one("[name=overage_rate]")["value"] == "0.125"
    page = await browser.press(form, "Save as a new version", price="59.00")
    assert "Version 2 is what is sold from now on." in page.text
    assert (await own.api.get(f"/v1/agency/plans/{plan}"))["price"]["amount"] == 5900
    assert [row.split()[0] for row in page.all("tbody tr")] == ["2", "1"]
    assert "$59.00" in page.all("tbody tr")[0]
    refused = await browser.press(form, "Save as a new version", price="x")
    assert (refused.status, refused.wrong("price")) == (422, "Please type a number, such as 49.00.")


async def test_archiving_asks_once_and_ends_the_sale(browser: Browser, own: Tenant) -> None:
    plan = await own.plan()
    assert "No client has it." in (await browser.open(f"{PLANS}/{plan}/archive")).text
    await own.assign(await own.client(), plan)
    asked = await browser.open(f"{PLANS}/{plan}/archive")
    assert "One client has it, keeps it, and goes on being billed." in asked.text
    assert (await own.api.get(f"/v1/agency/plans/{plan}"))["archived_at"] is None
    page = await browser.press(asked, "Archive the plan")
    assert "is archived. Clients who have it keep it." in page.text
    assert (await own.api.get(f"/v1/agency/plans/{plan}"))["archived_at"]
    assert "Edit" not in page.all("main a")
    assert "One client has it, keeps it, and goes on being billed." in page.all(".banner.info")[0]
    assert [row.split()[-1] for row in page.all("tbody tr")] == ["1"]
    assert [row.split()[-1] for row in (await browser.open(PLANS)).all("tbody tr")] == ["1"]
    late = await browser.open(f"{PLANS}/{plan}/edit")
    assert "The plan is archived." in (await browser.press(late, "Save as a new version")).text


async def test_a_price_at_stripe_becomes_a_plan(browser: Browser, own: Tenant) -> None:
    assert "There is no price in your Stripe account" in (await browser.open(f"{PLANS}/import")).text
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    light = {"currency": "usd", "unit_amount": "2900", "recurring[interval]": "month"}
    price = await own.site.ask_stripe("/v1/prices", account, {**light, "product_data[name]": "Voice Light"})
    page = await browser.open(f"{PLANS}/import")
    assert page.all("tbody tr") == ["Voice Light – $29.00"]
    refused = await browser.press(page, "Import as a plan", included_minutes="100", overage_rate="0.10")
    assert (refused.status, refused.wrong("price")) == (422, "Please choose a price.")
    assert refused.one("[name=included_minutes]")["value"] == "100"
    made = await browser.press(
        page, "Import as a plan", price=f"{price['id']} usd", included_minutes="100", overage_rate="0.10"
    )
    assert (made.title, "at the price that Stripe has" in made.text) == ("Voice Light", True)
    (plan,) = (await own.api.get("/v1/agency/plans"))["data"]
    assert (plan["price"]["amount"], plan["overage_rate"]["amount_decimal"], plan["tier"]) == (2900, "10", "standard")


async def test_without_a_stripe_account_nothing_is_imported(site: Site, bare: Tenant) -> None:
    async with as_agency(site, bare.id) as browser:
        page = await browser.open(f"{PLANS}/import")
    assert "Your Stripe account is not connected yet." in page.text
    assert page.link("Connect it") == "/agency/settings/stripe"


async def test_a_plan_of_another_agency_is_not_there(site: Site, bare: Tenant, own: Tenant) -> None:
    plan = await own.plan()
    async with as_agency(site, bare.id) as browser:
        mine = await browser.open(f"{PLANS}/{await bare.plan()}/archive")
        for page in ("", "/edit", "/archive"):
            assert (await browser.open(f"{PLANS}/{plan}{page}")).status == 404
        mine.form("Archive the plan")["action"] = f"{PLANS}/{plan}/archive"
        assert (await browser.press(mine, "Archive the plan")).status == 404
    assert (await own.api.get(f"/v1/agency/plans/{plan}"))["archived_at"] is None


async def test_a_form_of_another_session_changes_nothing(browser: Browser, own: Tenant) -> None:
    form = await browser.open(f"{PLANS}/new")
    assert (await browser.press(form, "Create the plan", **TYPED, csrf="0" * 64)).status == 403
    assert (await own.api.get("/v1/agency/plans"))["data"] == []
