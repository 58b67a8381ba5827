"""A plan's life: new versions that move nobody, prices that become plans, and the archive."""

import asyncio
from typing import Any

import pytest
from support.http import Json, fresh, refused
from support.tenant import Tenant, subscription_of

from sandbox.seed import PLAN

PLANS = "/v1/agency/plans"
RATE = {"amount_decimal": "12.5", "currency": "usd", "per": "minute"}
DEARER = {**PLAN, "price": {"amount": 9900, "currency": "usd"}, "included_minutes": 1200}


async def account_of(tenant: Tenant) -> str:
    account: str = (await tenant.api.get("/v1/agency/stripe"))["account_id"]
    return account


async def price_at_stripe(tenant: Tenant, **changes: str) -> str:
    """A price as the agency makes it in Stripe's dashboard."""
    form = {
        "currency": "usd",
        "unit_amount": "2900",
        "recurring[interval]": "month",
        "product_data[name]": "Voice Light",
        **changes,
    }
    sent = {name: value for name, value in form.items() if value}
    price: str = (await tenant.site.ask_stripe("/v1/prices", await account_of(tenant), sent))["id"]
    return price


def importing(price: str, **changes: Any) -> Json:
    return {"stripe_price_id": price, "included_minutes": 100, "overage_rate": RATE, **changes}


async def test_a_new_version_is_what_is_sold_and_moves_nobody(tenant: Tenant) -> None:
    plan, early, late = await tenant.plan(), await tenant.client(), await tenant.client()
    await tenant.assign(early, plan)
    answer = await tenant.api.send("POST", f"{PLANS}/{plan}/versions", json=DEARER)
    made = answer.json()
    assert (answer.status_code, made["id"], made["version"], made["price"]["amount"]) == (201, plan, 2, 9900)
    assert await tenant.api.get(f"{PLANS}/{plan}") == made
    assert made in (await tenant.api.get(PLANS, limit=100))["data"]
    assert ((await tenant.live(early))["plan"]["version"], (await tenant.live(early))["plan"]["included_minutes"]) == (
        1,
        500,
    )
    assert (made["clients"], made["clients_of_all_versions"]) == (0, 1)
    sold = await tenant.assign(late, plan)
    assert [one["clients"] for one in (await tenant.api.get(f"{PLANS}/{plan}/versions"))["data"]] == [1, 1]
    assert (await tenant.api.get(f"{PLANS}/{plan}"))["clients_of_all_versions"] == 2
    assert (sold["plan"]["version"], sold["plan"]["price"]["amount"]) == (2, 9900)
    # Each version has a product and a price of its own, where the agency sees them.
    rows = await tenant.site.pool.fetch("SELECT price_id FROM plan_versions WHERE plan_id = $1 ORDER BY version", plan)
    amounts = [
        (await tenant.site.ask_stripe(f"/v1/prices/{row['price_id']}", await account_of(tenant)))["unit_amount"]
        for row in rows
    ]
    assert amounts == [4900, 9900]


async def test_versions_made_at_the_same_moment_are_numbered_one_by_one(bare: Tenant) -> None:
    plan = await bare.plan()
    made = await asyncio.gather(*(bare.api.post(f"{PLANS}/{plan}/versions", DEARER) for _ in range(4)))
    assert (await bare.api.get(f"{PLANS}/{plan}"))["version"] == 5
    trail = [one for one in (await bare.api.get("/v1/agency/audit"))["data"] if one["what"] == "plan_version_created"]
    assert sorted(one["detail"]["version"] for one in trail) == [2, 3, 4, 5]
    assert {one["id"] for one in made} == {plan}


async def test_every_version_is_listed_with_the_terms_that_it_had(bare: Tenant, other: Tenant) -> None:
    plan = await bare.plan()
    for amount in (5900, 9900):
        await bare.api.post(f"{PLANS}/{plan}/versions", {**PLAN, "price": {"amount": amount, "currency": "usd"}})
    first = await bare.api.get(f"{PLANS}/{plan}/versions", limit=2)
    rest = await bare.api.get(f"{PLANS}/{plan}/versions", limit=2, cursor=first["next_cursor"])
    listed = first["data"] + rest["data"]
    assert [(one["version"], one["price"]["amount"]) for one in listed] == [(3, 9900), (2, 5900), (1, 4900)]
    assert rest["next_cursor"] is None
    newest = await bare.api.get(f"{PLANS}/{plan}")
    assert {name: newest[name] for name in listed[0] if name != "created_at"} == {
        name: value for name, value in listed[0].items() if name != "created_at"
    }
    assert [one["created_at"] for one in listed] == sorted((one["created_at"] for one in listed), reverse=True)
    with refused(404, "not_found"):
        await other.api.get(f"{PLANS}/{plan}/versions")
    with refused(422, "invalid_fields"):
        await bare.api.get(f"{PLANS}/{await bare.plan()}/versions", cursor=first["next_cursor"])


async def test_a_repeated_request_for_a_version_makes_one(bare: Tenant) -> None:
    plan = await bare.plan()
    key = fresh("dearer")
    first = await bare.api.send("POST", f"{PLANS}/{plan}/versions", json=DEARER, headers={"Idempotency-Key": key})
    # As when the process dies between its commit and its answer: the same request goes on.
    await bare.site.pool.execute("UPDATE idempotency_keys SET status_code = NULL, response = NULL WHERE key = $1", key)
    again = await bare.api.send("POST", f"{PLANS}/{plan}/versions", json=DEARER, headers={"Idempotency-Key": key})
    assert (first.status_code, first.json()["version"]) == (201, 2)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in again.headers


async def test_an_archived_plan_is_not_sold_and_runs_on(tenant: Tenant) -> None:
    plan, client = await tenant.plan(), await tenant.client()
    await tenant.assign(client, plan)
    archived = await tenant.api.post(f"{PLANS}/{plan}/archive", {})
    assert archived["archived_at"]
    assert await tenant.api.post(f"{PLANS}/{plan}/archive", {}) == archived
    assert await tenant.api.get(f"{PLANS}/{plan}") == archived
    with refused(409, "plan_archived"):
        await tenant.assign(await tenant.client(), plan)
    with refused(409, "plan_archived"):
        await tenant.api.post(f"{PLANS}/{plan}/versions", DEARER)
    # The same assignment again is still the same, and its subscription goes on.
    assert (await tenant.api.send("PUT", subscription_of(client), json={"plan_id": plan})).status_code == 200
    assert (await tenant.running(client))["status"] == "active"
    row = await tenant.site.pool.fetchrow("SELECT account_id, product_id FROM plan_versions WHERE plan_id = $1", plan)
    product = await tenant.site.ask_stripe(f"/v1/products/{row['product_id']}", row["account_id"])
    assert product["active"] is False


async def test_nothing_is_archived_while_stripe_is_away(own: Tenant) -> None:
    plan = await own.plan()
    await own.assign(await own.client(), plan)
    async with own.site.away("products.update"):
        with refused(503, "temporarily_unavailable"):
            await own.api.post(f"{PLANS}/{plan}/archive", {})
    assert (await own.api.get(f"{PLANS}/{plan}"))["archived_at"] is None
    assert (await own.api.post(f"{PLANS}/{plan}/archive", {}))["archived_at"]


async def test_a_price_that_exists_becomes_a_plan_and_is_assigned_as_it_is(own: Tenant) -> None:
    price, yearly = await price_at_stripe(own), await price_at_stripe(own, **{"recurring[interval]": "year"})
    (shown,) = (await own.api.get("/v1/agency/stripe/prices"))["data"]
    assert (shown["id"], shown["name"], shown["price"]) == (price, "Voice Light", {"amount": 2900, "currency": "usd"})
    answer = await own.api.send("POST", f"{PLANS}/import", json=importing(price))
    plan = answer.json()
    assert (answer.status_code, plan["name"], plan["version"], plan["price"], plan["included_minutes"]) == (
        201,
        "Voice Light",
        1,
        {"amount": 2900, "currency": "usd"},
        100,
    )
    assert (await own.api.get("/v1/agency/stripe/prices"))["data"] == []
    account = await account_of(own)
    await own.assign(await own.client(), plan["id"])
    assert (await own.api.get("/v1/agency/stripe/prices"))["data"] == []
    assert len((await own.site.ask_stripe("/v1/prices", account))["data"]) == 2, "no price of ours beside it"
    await own.api.post(f"{PLANS}/{plan['id']}/archive", {})
    kept = await own.site.ask_stripe(f"/v1/products/{shown['product_id']}", account)
    assert kept["active"] is True, "what was imported stays the agency's"
    for wanted, said in ((price, "is a plan already"), (yearly, "is not charged each month")):
        refusal = (await own.api.send("POST", f"{PLANS}/import", json=importing(wanted))).json()
        assert (refusal["status"], refusal["errors"]) == (422, [{"field": "stripe_price_id", "detail": said}])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stripe_price_id": "price_nowhere"}, "stripe_price_id"),
        ({"stripe_price_id": "../accounts"}, "stripe_price_id"),
        ({"overage_rate": {**RATE, "currency": "eur"}}, "overage_rate.currency"),
        ({"included_minutes": -1}, "included_minutes"),
        ({"trial_days": 14}, "trial_days"),
    ],
)
async def test_what_can_not_be_imported_is_refused_by_its_field(
    tenant: Tenant, changes: dict[str, Any], field: str
) -> None:
    body = importing(await price_at_stripe(tenant), **changes)
    answer = await tenant.api.send("POST", f"{PLANS}/import", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


async def test_importable_prices_come_page_by_page(own: Tenant) -> None:
    made = [await price_at_stripe(own, unit_amount=str(100 + number)) for number in range(3)]
    first = await own.api.get("/v1/agency/stripe/prices", limit=2)
    second = await own.api.get("/v1/agency/stripe/prices", limit=2, cursor=first["next_cursor"])
    assert [one["id"] for page in (first, second) for one in page["data"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_without_a_stripe_account_there_is_nothing_to_import(bare: Tenant, other: Tenant) -> None:
    with refused(409, "stripe_not_ready"):
        await bare.api.get("/v1/agency/stripe/prices")
    with refused(409, "stripe_not_ready"):
        await bare.api.post(f"{PLANS}/import", importing("price_1"))
    theirs = await other.plan()
    for action in ("archive", "versions"):
        with refused(404, "not_found"):
            await bare.api.post(f"{PLANS}/{theirs}/{action}", DEARER if action == "versions" else {})
