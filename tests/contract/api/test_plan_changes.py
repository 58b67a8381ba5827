"""Changing a client's plan over HTTP: previewed, billed, agreed for later and taken back (billing-rules 7)."""

from datetime import datetime
from typing import Any

from support.http import Json, fresh, refused
from support.tenant import FAILS, PAYS, Tenant, subscription_of

from billing.periods import boundary
from billing.plans import Terms
from billing.prorating import prorate
from billing.state import Period

OLD = Terms("pln_old", 1, "Voice Pro", "pro", "usd", 4900, 500, "12.5")
MAX: dict[str, Any] = {"name": "Voice Max", "price": {"amount": 9900, "currency": "usd"}, "included_minutes": 1200}
MIN: dict[str, Any] = {"name": "Voice Min", "price": {"amount": 1900, "currency": "usd"}, "included_minutes": 100}


async def change(tenant: Tenant, client: str, plan: str, **body: Any) -> Json:
    said: Json = await tenant.api.post(f"{subscription_of(client)}/plan-changes", {"plan_id": plan, **body})
    return said


async def call(tenant: Tenant, client: str, seconds: int) -> None:
    """A call that started as the period did."""
    started = (await tenant.live(client))["current_period"]["start"]
    made = {"client_id": client, "started_at": started, "duration_seconds": seconds, "outcome": "completed"}
    said = await tenant.engine.post("/v1/usage/calls", {"calls": [{"call_id": fresh("call"), **made}]})
    assert said["accepted"] == 1, said


def by_the_rule(live: Json, lines: list[Json]) -> list[int]:
    """What the pure rule makes of the rest of the period from the lines' own beginning."""
    start, end = (datetime.fromisoformat(live["current_period"][name]) for name in ("start", "end"))
    at = datetime.fromisoformat(lines[0]["period"]["start"])
    assert end == boundary(start, "UTC", 1)
    new = Terms("pln_new", 1, "Voice Max", "pro", "usd", 9900, 1200, "12.5")
    made = prorate(OLD, new, Period(1, 0, start, end), at)
    return [-made.credit, made.charge]


async def test_an_upgrade_is_previewed_and_billed_by_the_same_rule_to_the_cent(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    await call(tenant, client, 612 * 60)
    plan = await tenant.plan(**MAX)
    before = await tenant.live(client)

    preview = await change(tenant, client, plan, preview=True)
    amounts = [line["amount"]["amount"] for line in preview["lines"]]
    assert (preview["effective"], preview["plan"]["name"]) == ("now", "Voice Max")
    assert amounts == by_the_rule(before, preview["lines"])
    assert preview["total"]["amount"] == sum(amounts)
    assert [line["description"].split(",")[0] for line in preview["lines"]] == [
        "Unused time on Voice Pro",
        "Voice Max",
    ]
    assert preview["carried_credit"]["amount"] == 0
    assert {name: money["amount"] for name, money in preview["overage_effect"].items()} == {
        "old_terms": 1400,
        "new_terms": 0,
    }
    assert {**await tenant.live(client), "as_of": ""} == {**before, "as_of": ""}, "a preview changes nothing"

    changed = await change(tenant, client, plan)
    assert (changed["plan"]["name"], changed["pending_change"]) == ("Voice Max", None)
    assert changed["current_period"] == before["current_period"]

    async def paid() -> Json | None:
        invoice = await tenant.invoice(client, settled=True)
        return invoice if invoice["kind"] == "change" else None

    invoice = await tenant.eventually(paid)
    billed = [line["amount"]["amount"] for line in invoice["lines"]]
    assert billed == by_the_rule(before, invoice["lines"])
    assert (invoice["status"], invoice["total"]["amount"]) == ("paid", sum(billed))
    assert sum(billed) in {charge["amount"] for charge in await tenant.charges(client)}
    assert abs(sum(billed) - preview["total"]["amount"]) <= 1, "a moment lies between them"

    shown = await (await tenant.portal(client)).get("/v1/portal/billing")
    assert shown["plan"]["name"] == "Voice Max"
    assert shown["usage"]["minutes_included"] == preview["included_minutes"]
    assert (await tenant.api.get(f"/v1/agency/clients/{client}"))["plan_name"] == "Voice Max"
    with refused(409, "no_change"):
        await change(tenant, client, plan)


async def test_a_downgrade_is_agreed_for_the_boundary_and_taken_back(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    plan, path = await tenant.plan(**MIN), f"{subscription_of(client)}/plan-changes"
    end = (await tenant.live(client))["current_period"]["end"]

    preview = await change(tenant, client, plan, preview=True)
    assert (preview["effective"], preview["at"], preview["total"]["amount"]) == ("period_end", end, 1900)
    agreed = await change(tenant, client, plan)
    assert agreed["plan"]["name"] == "Voice Pro"
    assert (agreed["pending_change"]["at"], agreed["pending_change"]["plan"]["name"]) == (end, "Voice Min")
    shown = (await (await tenant.portal(client)).get("/v1/portal/billing"))["subscription"]
    assert (shown["pending_change"]["at"], shown["pending_change"]["plan"]["name"]) == (end, "Voice Min")
    schedule = (await tenant.api.get(f"{subscription_of(client)}/schedule"))["data"]
    assert [item["amount"]["amount"] for item in schedule if item["action"] == "change_plan"] == [1900]

    with refused(409, "change_pending"):
        await change(tenant, client, await tenant.plan(**MAX))
    assert (await tenant.api.delete(f"{path}/pending"))["pending_change"] is None
    with refused(409, "no_pending_change"):
        await tenant.api.delete(f"{path}/pending")


async def test_a_downgrade_now_leaves_its_difference_as_a_credit(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    plan = await tenant.plan(**MIN)
    preview = await change(tenant, client, plan, effective="now", preview=True)
    assert (preview["lines"], preview["total"]["amount"]) == ([], 0)
    assert preview["carried_credit"]["amount"] in (2999, 3000)

    await change(tenant, client, plan, effective="now")

    async def carried() -> int | None:
        left: int | None = await tenant.site.pool.fetchval("SELECT amount FROM credits WHERE client_id = $1", client)
        return left

    assert await tenant.eventually(carried) in (2999, 3000)
    following = (await (await tenant.portal(client)).get("/v1/portal/billing"))["next_invoice"]
    assert following["estimate"]["amount"] == 0


async def test_another_rounding_of_calls_shows_in_the_effect_on_overage(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS, await tenant.plan(included_minutes=0, call_increment_seconds=1))
    await call(tenant, client, 30)
    whole = await tenant.plan(
        included_minutes=0, overage_rate={"amount_decimal": "20", "currency": "usd", "per": "minute"}
    )
    preview = await change(tenant, client, whole, preview=True)

    # 30 s at 12.5 a minute, or a whole minute at 20.
    assert {name: money["amount"] for name, money in preview["overage_effect"].items()} == {
        "old_terms": 6,
        "new_terms": 20,
    }
    await change(tenant, client, whole)
    usage = (await (await tenant.portal(client)).get("/v1/portal/billing"))["usage"]
    assert (usage["seconds_used"], usage["overage_so_far"]["amount"]) == (60, 20)


async def test_the_same_key_is_the_same_change(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path, body = f"{subscription_of(client)}/plan-changes", {"plan_id": await tenant.plan(**MAX)}
    first, second = [
        await tenant.api.send("POST", path, json=body, headers={"Idempotency-Key": f"change-{client}"})
        for _ in range(2)
    ]
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()


async def test_what_stands_in_the_way_refuses_preview_and_change(tenant: Tenant) -> None:
    owing, paying = await tenant.subscribed(FAILS), await tenant.subscribed(PAYS)
    plan, archived = await tenant.plan(**MAX), await tenant.plan(**MAX)
    await tenant.api.post(f"/v1/agency/plans/{archived}/archive", {})
    price = {"amount": 9900, "currency": "eur"}
    euro = await tenant.plan(price=price, overage_rate={"amount_decimal": "9", "currency": "eur", "per": "minute"})
    ending = await tenant.subscribed(PAYS)
    await tenant.api.post(f"{subscription_of(ending)}/cancel", {"at": "now"})
    for preview in (True, False):
        with refused(409, "payment_overdue"):
            await change(tenant, owing, plan, preview=preview)
        with refused(422, "currency_not_supported"):
            await change(tenant, paying, euro, preview=preview)
        with refused(422, "invalid_fields"):
            await change(tenant, paying, "pln_unknown", preview=preview)
        with refused(409, "plan_archived"):
            await change(tenant, paying, archived, preview=preview)
        with refused(409, "already_cancelled"):
            await change(tenant, ending, plan, preview=preview)


async def test_a_preview_says_the_tax_or_that_stripe_does_not_say_it(own: Tenant) -> None:
    client, plan = await own.subscribed(PAYS), await own.plan(**MAX)
    untaxed = await change(own, client, plan, preview=True)
    assert (untaxed["tax"]["amount"], untaxed["total_with_tax"]) == (0, untaxed["total"])

    rate = "UPDATE agencies SET tax_mode = 'rates', tax_rate_ids = '{txr_gone}' WHERE id = $1"
    await own.site.pool.execute(rate, own.id)
    refusing = await change(own, client, plan, preview=True)
    assert (refusing["tax"], refusing["total_with_tax"]) == (None, None)
    async with own.site.trouble("invoices.create_preview", "error_500"):
        with refused(503, "temporarily_unavailable"):
            await change(own, client, plan, preview=True)

    itself = await own.client()
    await own.assign(itself, await own.plan(**MIN), collection="manual")
    statement = await change(own, itself, plan, preview=True)
    assert (len(statement["lines"]), statement["tax"], statement["total_with_tax"]) == (2, None, None)
