"""The agency's clients on its pages: found, added, changed, archived, and looked at from every side."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.http import Site, fresh
from support.pages import Browser, as_agency
from support.tenant import FAILS, PAYS, Tenant, subscription_of

LIST = "/agency/clients"


@pytest.fixture
async def browser(site: Site, own: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, own.id) as browser:
        yield browser


@pytest.fixture
async def of_bystander(site: Site, bystander: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, bystander.id) as browser:
        yield browser


async def test_the_list_says_how_each_client_stands(own: Tenant, browser: Browser) -> None:
    assert "There are no clients yet" in (await browser.open(LIST)).text
    paying, owing, free = await own.subscribed(PAYS), await own.subscribed(FAILS), await own.client()
    await own.report(paying, 450, hours_ago=0)
    page = await browser.open(LIST)
    rows = {str(row.select_one("a")["href"]): row.get_text(" ", strip=True) for row in page.html.select("tbody tr")}  # type: ignore[index]
    assert "Active Voice Pro 90% of 500 min" in rows[f"{LIST}/{paying}"]
    assert "$49.00" in rows[f"{LIST}/{paying}"]
    assert "$49.00 due" in rows[f"{LIST}/{owing}"]
    assert "No plan" in rows[f"{LIST}/{free}"]


async def test_clients_are_found_filtered_and_sorted(own: Tenant, browser: Browser) -> None:
    for name in ("Berta", "Anton", "Caesar"):
        await own.client(name=name)
    running = await own.subscribed(PAYS)
    await own.report(running, 450, hours_ago=0)

    async def names(**filled: str) -> list[str]:
        return (await browser.press(await browser.open(LIST), "Show", **filled)).all("tbody th a")

    assert await names(search="nto") == ["Anton"]
    assert await names(sort="name", status="none") == ["Anton", "Berta", "Caesar"]
    (known,) = await names(status="active")
    assert (await names(sort="-usage"))[0] == known
    assert await names(used="80") == [known]
    assert await names(used="100") == []
    page = await browser.press(await browser.open(LIST), "Show", search="nobody", sort="name")
    assert "No client fits what you look for." in page.text
    assert page.one("[name=search]")["value"] == "nobody"


async def test_a_long_list_comes_in_pages(own: Tenant, browser: Browser) -> None:
    for number in range(26):
        await own.client(name=f"Client {number:02}")
    first = await browser.open(f"{LIST}?sort=name&status=none")
    rest = await browser.open(first.link("Next page"))
    assert (first.all("tbody th a") + rest.all("tbody th a")) == [f"Client {number:02}" for number in range(26)]
    assert (await browser.open(rest.link("First page"))).all("tbody th a") == first.all("tbody th a")


async def test_a_client_is_added_and_changed(own: Tenant, browser: Browser) -> None:
    typed = {"name": "Harbor Dental", "email": "a@harbor.example", "external_id": "crm-7", "country": "US"}
    page = await browser.press(await browser.open(f"{LIST}/new"), "Add the client", **typed)
    assert (page.title, page.one("[role=status]").get_text(strip=True)) == (
        "Harbor Dental",
        "Harbor Dental is added. Next, assign a plan.",
    )
    path = page.path
    api = path.replace("/agency", "/v1/agency")
    made = await own.api.get(api)
    assert {name: made[name] for name in ("name", "email", "external_id")} == {
        name: typed[name] for name in ("name", "email", "external_id")
    }
    assert made["billing_details"]["address"]["country"] == "US"

    form = await browser.open(f"{path}/edit")
    assert form.one("[name=country] option[selected]")["value"] == "US"
    await browser.press(form, "Save", external_id="", country="", billing_name="Harbor Ltd")
    changed = await own.api.get(api)
    assert (changed["external_id"], changed["billing_details"]["name"]) == (None, "Harbor Ltd")
    assert changed["billing_details"]["address"] is None


async def test_a_form_that_is_refused_keeps_what_was_typed(own: Tenant, browser: Browser) -> None:
    await own.client(external_id="crm-1")
    typed = {"name": "Zoë & <Sons>", "email": "nowhere", "external_id": "crm-1"}
    page = await browser.press(await browser.open(f"{LIST}/new"), "Add the client", **typed)
    assert page.status == 422
    assert page.wrong("email")
    assert page.one("[name=name]")["value"] == "Zoë & <Sons>"
    page = await browser.press(page, "Add the client", email="zoe@sons.example")
    assert (page.status, page.wrong("external_id")) == (422, "Another client has this id.")
    page = await browser.press(page, "Add the client", external_id="crm-2")
    assert page.title == "Zoë & <Sons>"


async def test_archiving_asks_once(own: Tenant, browser: Browser) -> None:
    client = await own.client(name="Old Client")
    page = await browser.open(f"{LIST}/{client}/archive")
    assert page.title == "Archive Old Client?"
    assert "It can't be undone." in page.text
    page = await browser.press(page, "Archive Old Client")
    assert "Old Client is archived." in page.text
    assert (await own.api.get(f"/v1/agency/clients/{client}"))["archived_at"]
    assert (await browser.open(f"{LIST}?status=archived")).all("tbody th a") == ["Old Client"]


async def test_who_has_a_plan_is_not_archived(own: Tenant, browser: Browser) -> None:
    client = await own.client(name="Busy")
    ask = await browser.open(f"{LIST}/{client}/archive")
    await own.assign(client, start="first_card")
    page = await browser.press(ask, "Archive Busy")
    assert (page.status, page.all("[role=alert]")) == (422, ["The client has a subscription that is not over."])
    assert not page.has_button("Archive Busy")
    assert "has a plan that runs: cancel it first." in page.text
    edit = await browser.open(f"{LIST}/{client}/edit")
    assert "It can be archived once its plan has ended and nothing is owed." in edit.text
    assert "Archive the client" not in edit.all("a")


async def test_other_agencies_clients_are_not_there(own: Tenant, of_bystander: Browser) -> None:
    client = await own.client()
    for tail in ("", "/edit", "/archive", "/invoices", "/forecast", "/history"):
        assert (await of_bystander.open(f"{LIST}/{client}{tail}")).status == 404
    form = await of_bystander.open(f"{LIST}/new")
    answer = await of_bystander.http.post(
        f"{LIST}/{client}/archive", data={"csrf": str(form.one("form.card [name=csrf]")["value"])}
    )
    assert answer.status_code == 404
    assert (await own.api.get(f"/v1/agency/clients/{client}"))["archived_at"] is None


async def test_a_form_of_somebody_else_changes_nothing(of_bystander: Browser, bystander: Tenant) -> None:
    body = {"csrf": "f" * 64, "name": "Forged", "email": "f@forged.example"}
    answer = await of_bystander.http.post(f"{LIST}/new", data=body)
    assert answer.status_code == 403
    assert (await bystander.api.get("/v1/agency/clients", search="Forged"))["data"] == []


async def test_a_client_in_debt_from_every_side(own: Tenant, browser: Browser) -> None:
    client = await own.subscribed(FAILS)
    page = await browser.open(f"{LIST}/{client}")
    assert page.all("section[aria-labelledby=coming-title] strong")[:4] == [
        "Retry 1 of 3: $49.00 is charged again",
        "Retry 2 of 3: $49.00 is charged again",
        "Retry 3 of 3: $49.00 is charged again",
        "The subscription becomes past due",
    ]
    assert "3 days after the attempt before, if nothing is paid until then." in page.text
    owed = page.one("section.banner")
    assert page.all("section.banner h2") == [
        f"$49.00 has been owed since {owed.h2.get_text().rpartition(' since ')[2]}"
    ]  # type: ignore[union-attr]
    assert "The last payment failed. The card was declined. Retry 1 of 3 is on " in page.text
    assert "More follow 5 and 7 days later. If nothing is paid by then, the subscription becomes past due" in page.text
    assert page.link("Try to charge now") == f"{LIST}/{client}/retry"
    assert page.link("Give more days to pay") == f"{LIST}/{client}/extend"
    assert [page.text.count(once) for once in ("Try to charge now", "Give more days to pay", "been owed")] == [1, 1, 1]

    invoices = await browser.open(f"{LIST}/{client}/invoices")
    (row,) = invoices.all(".rows > li")
    assert "Payment failed $49.00" in row
    assert "1 attempt" in row
    assert "Declined" in row

    forecast = await browser.open(f"{LIST}/{client}/forecast?minutes=700")
    rows = forecast.all("tbody tr")
    assert rows[0] == f"Open already Paid {rows[0].split('Paid ')[1].rpartition(' ')[0]} $49.00"
    assert rows[1].endswith("Paid $74.00")
    assert len(forecast.html.select("svg.chart rect")) == len(rows)
    assert "Every step" in forecast.text

    history = await browser.open(f"{LIST}/{client}/history")
    assert history.all("tbody th")[-1].startswith("Client added")
    assert any(one.startswith("Payment declined") for one in history.all("tbody th"))


async def test_what_is_owed_beside_the_plan_shows_with_its_own_retries(own: Tenant, browser: Browser) -> None:
    client = await own.subscribed(FAILS)
    line = {"description": "Set-up", "amount": {"amount": 15000, "currency": "usd"}}
    order = {"lines": [line], "collection": "charge"}
    made = await own.api.post(f"/v1/agency/clients/{client}/invoices", order)
    await own.attempts(made["id"], 1)
    debts = f"/v1/agency/clients/{client}/debts"

    async def failed() -> bool:
        return [bool(one["ladder"]) for one in (await own.api.get(debts))["data"]] == [True, True]

    await own.eventually(failed)
    custom, plan = (await own.api.get(debts))["data"]
    assert (custom["subscription_id"], custom["status"], plan["status"]) == (None, None, "active")
    page = await browser.open(f"{LIST}/{client}")
    assert page.all("section.banner h2")[0].startswith("$199.00 has been owed since ")
    beside, own_debt = page.all(".debt")
    assert beside.startswith("Custom invoice: $150.00 since ")
    assert "Retry 1 of 3 is on " in beside
    assert "becomes past due" not in beside
    assert own_debt.startswith("Plan Voice Pro: $49.00 since ")
    assert page.link("Try to charge now") == f"/agency/invoices/{made['id']}/retry"


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        ("minutes=1,000", "minutes", "Please type a whole number, such as 30."),
        ("minutes=-1", "minutes", "This should be greater than or equal to 0."),
        ("fails=2027-02-30", "fails", "Please give a day, such as 2027-01-31."),
    ],
)
async def test_a_forecast_of_nonsense_is_refused_at_its_field(
    tenant: Tenant, site: Site, asked: str, field: str, says: str
) -> None:
    client = await tenant.client()
    await tenant.assign(client, start="first_card")
    async with as_agency(site, tenant.id) as browser:
        page = await browser.open(f"{LIST}/{client}/forecast?{asked}")
        assert (page.status, page.one(f"[name={field}]")["value"]) == (422, asked.partition("=")[2])
        assert page.wrong(field) == says


async def test_a_card_that_would_fail_is_foreseen(tenant: Tenant, site: Site) -> None:
    client = await tenant.subscribed(PAYS)
    async with as_agency(site, tenant.id) as browser:
        page = await browser.open(f"{LIST}/{client}/forecast?minutes=0&fails=2020-01-01")
        assert "Not paid 4 attempts fail" in page.all("tbody tr")[0]
        assert "The subscription is now past due" in page.text


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (None, ("No plan is assigned yet.", "Nothing without a plan.")),
        ({"start": "first_card"}, ("Waiting for a card", "Nothing until there is a card")),
        (
            {"trial_days": 14},
            (
                "Each minute over $0.125 nothing in the trial",
                "Over the plan 0 min not billed in the trial At this pace",
                "Trial ends",
                "The trial ends, and the first period begins",
            ),
        ),
        ({"collection": "manual"}, ("by you: statements only", "You collect it by yourself.")),
    ],
)
async def test_each_state_has_its_words(
    tenant: Tenant, site: Site, terms: dict[str, Any] | None, said: tuple[str, ...]
) -> None:
    client = await tenant.client(name=fresh("State"))
    if terms is not None:
        await tenant.assign(client, **terms)
    async with as_agency(site, tenant.id) as browser:
        page = await browser.open(f"{LIST}/{client}")
        for words in said:
            assert words in page.text
        assert (await browser.open(f"{LIST}/{client}/forecast")).status == 200
        assert (await browser.open(f"{LIST}/{client}/invoices")).status == 200


async def test_what_an_account_that_cannot_charge_holds_up_is_said(own: Tenant, browser: Browser) -> None:
    client, account = await own.subscribed(PAYS), (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "restrict"})
    await own.api.get("/v1/agency/stripe")

    async def frozen() -> bool:
        return "Billing stands still since then" in (await browser.open(f"{LIST}/{client}")).text

    await own.eventually(frozen)
    page = await browser.open(f"{LIST}/{client}")
    assert [("It waits until billing goes on" in one) for one in page.all(".timeline li")] == [False, True]
    forecast = await browser.open(f"{LIST}/{client}/forecast")
    assert "it waits for your Stripe account to be restored" in forecast.text
    assert "No invoice would be issued" not in forecast.text


async def test_what_is_agreed_stands_on_the_page(tenant: Tenant, site: Site) -> None:
    client = await tenant.subscribed(PAYS)
    await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "period_end"})
    async with as_agency(site, tenant.id) as browser:
        page = await browser.open(f"{LIST}/{client}")
        assert "The plan is cancelled and ends on" in page.text
        assert "The subscription ends" in page.all("section[aria-labelledby=coming-title] strong")
        assert "The last invoice" in page.all("section[aria-labelledby=coming-title] strong")
        assert "Next invoice" not in page.all("dt"), "nothing is due by now"
        (row,) = [one for one in (await browser.open(LIST)).html.select("tbody tr") if client in str(one)]
        assert "$0.00" not in row.get_text()


async def test_a_held_invoice_stands_over_the_page(own: Tenant, browser: Browser) -> None:
    client = await own.client()
    unusable = "UPDATE agencies SET tax_mode = 'rates', tax_rate_ids = '{txr_gone}' WHERE id = $1"
    await own.site.pool.execute(unusable, own.id)
    await own.assign(client)

    async def held() -> list[str]:
        parked: list[str] = (await own.live(client))["parked_invoices"]
        return parked

    (invoice,) = await own.eventually(held)
    page = await browser.open(f"{LIST}/{client}")
    assert "An invoice waits for you to look at it" in page.text
    assert page.link("the held invoice") == f"/agency/invoices/{invoice}"
