"""An agency's clients: made, found, changed, archived."""

from typing import Any

import pytest
from support.http import refused
from support.tenant import FAILS, PAYS, Tenant, subscription_of

CLIENTS = "/v1/agency/clients"
ADA = {"name": "Ada Dental", "email": "billing@ada.example", "external_id": "crm-1"}


async def test_a_client_is_made_and_read(bare: Tenant) -> None:
    details = {
        "name": "Ada Dental Ltd",
        "email": None,
        "phone": "+1 207 555 0100",
        "tax_id": None,
        "address": {"line1": "1 Pier Road", "city": "Portland", "country": "US"},
    }
    answer = await bare.api.send("POST", CLIENTS, json={**ADA, "billing_details": details})
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in ADA} == ADA
    assert made["billing_details"]["address"] == {
        **details["address"],  # type: ignore[dict-item]
        "line2": None,
        "state": None,
        "postal_code": None,
    }
    nothing_yet = ("subscription_status", "plan_name", "payment_method", "archived_at")
    assert [made[name] for name in nothing_yet] == [None] * 4
    assert await bare.api.get(f"{CLIENTS}/{made['id']}") == made


async def test_an_external_id_is_one_clients_within_an_agency(bare: Tenant, other: Tenant) -> None:
    first = await bare.api.post(CLIENTS, ADA)
    with refused(409, "external_id_taken"):
        await bare.api.post(CLIENTS, {**ADA, "name": "Another"})
    second = await bare.api.post(CLIENTS, {**ADA, "external_id": None})
    with refused(409, "external_id_taken"):
        await bare.api.patch(f"{CLIENTS}/{second['id']}", {"external_id": "crm-1"})
    await other.api.post(CLIENTS, ADA)
    await bare.api.patch(f"{CLIENTS}/{first['id']}", {"external_id": None})
    moved = await bare.api.patch(f"{CLIENTS}/{second['id']}", {"external_id": "crm-1"})
    assert moved["external_id"] == "crm-1"


async def test_what_is_left_out_stays_and_null_clears_what_may_be_empty(bare: Tenant) -> None:
    made = await bare.api.post(CLIENTS, {**ADA, "billing_details": {"name": "Ada Ltd"}})
    path = f"{CLIENTS}/{made['id']}"
    assert await bare.api.patch(path, {}) == made
    changed = await bare.api.patch(path, {"billing_details": None, "email": "new@ada.example"})
    assert changed == {**made, "billing_details": None, "email": "new@ada.example"}
    answer = await bare.api.send("PATCH", path, json={"name": None})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "body", "detail": "can't be null: name"}],
    )


async def test_name_and_mail_reach_the_customer_at_stripe(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    async with tenant.site.away("customers.update"):
        with refused(503, "temporarily_unavailable"):
            await tenant.api.patch(f"{CLIENTS}/{client}", {"name": "Renamed"})
    assert (await tenant.api.get(f"{CLIENTS}/{client}"))["name"] != "Renamed"
    await tenant.api.patch(f"{CLIENTS}/{client}", {"name": "Renamed", "email": "renamed@client.example"})
    customer, account = await tenant.site.pool.fetchrow(
        "SELECT customer_id, account_id FROM customers WHERE client_id = $1", client
    )
    at_stripe = await tenant.site.ask_stripe(f"/v1/customers/{customer}", account)
    assert (at_stripe["name"], at_stripe["email"]) == ("Renamed", "renamed@client.example")


async def test_the_list_is_searched_sorted_and_filtered(bare: Tenant) -> None:
    for name, mail, external in (
        ("Ada", "a@one.example", "x-1"),
        ("bert", "b@two.example", None),
        ("Cleo", "c@one.example", None),
    ):
        await bare.api.post(CLIENTS, {"name": name, "email": mail, "external_id": external})

    async def names(**query: Any) -> list[str]:
        return [one["name"] for one in (await bare.api.get(CLIENTS, **query))["data"]]

    assert await names() == ["Cleo", "bert", "Ada"]
    assert await names(sort="created_at") == ["Ada", "bert", "Cleo"]
    assert await names(sort="name") == ["Ada", "bert", "Cleo"]
    assert await names(sort="-name") == ["Cleo", "bert", "Ada"]
    assert await names(search="ONE.example", sort="name") == ["Ada", "Cleo"]
    assert await names(search="X-1") == ["Ada"]
    assert await names(search="%") == []
    assert await names(status="none", sort="name") == ["Ada", "bert", "Cleo"]
    assert await names(status="active") == []


async def test_a_client_shows_its_newest_subscription_and_card(own: Tenant) -> None:
    client = await own.subscribed(PAYS)
    known = await own.api.get(f"{CLIENTS}/{client}")
    assert (known["subscription_status"], known["plan_name"]) == ("active", "Voice Pro")
    assert (known["payment_method"]["brand"], known["payment_method"]["last4"]) == ("visa", "4242")
    assert [one["id"] for one in (await own.api.get(CLIENTS, status="active"))["data"]] == [client]


async def test_a_client_shows_how_it_stands(own: Tenant) -> None:
    well, owing, free = await own.subscribed(PAYS), await own.subscribed(FAILS), await own.client()
    await own.report(well, 520, hours_ago=0)
    listed = {one["id"]: one for one in (await own.api.get(CLIENTS))["data"]}
    assert listed[well] == await own.api.get(f"{CLIENTS}/{well}")
    for client in (well, owing):
        known = await (await own.portal(client)).get("/v1/portal/billing")
        assert {name: listed[client][name] for name in ("usage", "next_invoice")} == {
            name: known[name] for name in ("usage", "next_invoice")
        }
    assert (listed[well]["amount_due"], listed[owing]["amount_due"]) == ([], [{"amount": 4900, "currency": "usd"}])
    assert [listed[free][name] for name in ("usage", "next_invoice", "amount_due")] == [None, None, []]


async def test_those_are_found_who_have_used_most_of_what_is_included(own: Tenant) -> None:
    plan, start = await own.plan(), own.ago(days=2)
    over, near, little = [await own.client() for _ in range(3)]
    for client in (over, near, little):
        await own.assign(client, plan, starts_at=start)
    on_trial = await own.client()
    await own.assign(on_trial, plan, trial_days=7)
    await own.report(over, 500)
    await own.report(near, 400)
    await own.report(little, 100)

    async def found(**query: Any) -> list[str]:
        return [one["id"] for one in (await own.api.get(CLIENTS, sort="created_at", **query))["data"]]

    assert await found(over_percent=80) == [over, near]
    assert await found(over_percent="80.1") == [over]
    assert await found(over_percent=80, status="past_due") == []
    page = await own.api.get(CLIENTS, over_percent=80, sort="created_at", limit=1)
    assert await found(over_percent=80, limit=1, cursor=page["next_cursor"]) == [near]
    with refused(422, "invalid_fields"):
        await own.api.get(CLIENTS, over_percent=81, sort="created_at", cursor=page["next_cursor"])
    # A trial is no period that is billed; what is used in it counts towards what the plan includes all the same.
    await own.report(on_trial, 450, hours_ago=0)
    assert await found(over_percent=80) == [over, near, on_trial]


async def test_clients_are_sorted_by_what_they_have_used_and_by_what_they_owe(own: Tenant) -> None:
    dear = await own.plan(price={"amount": 9900, "currency": "usd"})
    owing, deep = await own.subscribed(FAILS), await own.subscribed(FAILS, dear)
    well, free = await own.subscribed(PAYS), await own.client()
    await own.report(well, 520, hours_ago=0)
    await own.report(deep, 100, hours_ago=0)

    async def pages(sort: str) -> list[str]:
        """Over pages of one."""
        found, cursor = [], None
        while not found or cursor:
            page = await own.api.get(CLIENTS, sort=sort, limit=1, **({"cursor": cursor} if cursor else {}))
            found, cursor = [*found, page["data"][0]["id"]], page["next_cursor"]
        return found

    for sort, first in (("usage", [well, deep]), ("debt", [deep, owing])):
        downwards = await pages(f"-{sort}")
        assert downwards[:2] == first
        assert set(downwards) == {owing, deep, well, free}
        assert await pages(sort) == downwards[::-1]


async def test_a_client_is_archived_once_nothing_of_it_runs(own: Tenant) -> None:
    client = await own.client()
    await own.assign(client, start="first_card")
    await own.running(client)
    with refused(409, "subscription_running"):
        await own.api.post(f"{CLIENTS}/{client}/archive", {})
    await own.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    await own.ended(client)
    archived = await own.api.post(f"{CLIENTS}/{client}/archive", {})
    assert archived["archived_at"]
    assert (await own.api.post(f"{CLIENTS}/{client}/archive", {}))["archived_at"] == archived["archived_at"]
    assert (await own.api.get(CLIENTS))["data"] == []
    assert [one["id"] for one in (await own.api.get(CLIENTS, status="archived"))["data"]] == [client]
    with refused(409, "client_archived"):
        await own.assign(client)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "),
        ("email", "not a mail"),
        ("email", "a@b"),
        ("email", "<ada@client.example>"),
        ("email", "ü@client.example"),
        ("external_id", ""),
        ("external_id", "x" * 65),
        ("billing_details", {"address": {"country": "us"}}),
        ("billing_details", {"vat": "x"}),
        ("status", "active"),
    ],
)
async def test_a_client_with_a_wrong_field_is_refused_by_its_name(bystander: Tenant, field: str, value: Any) -> None:
    answer = await bystander.api.send("POST", CLIENTS, json={**ADA, field: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert answer.json()["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize(
    "query", [{"over_percent": 0}, {"sort": "email"}, {"status": "frozen"}, {"search": ""}, {"page": 2}, {"limit": 0}]
)
async def test_a_list_takes_no_other_questions(bystander: Tenant, query: dict[str, Any]) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.get(CLIENTS, **query)
