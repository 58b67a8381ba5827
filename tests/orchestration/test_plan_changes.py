"""A plan changed in mid period, within the grace, and at a boundary, on the running stack (billing-rules 7)."""

import asyncio
from datetime import datetime
from typing import Any

from support.servers import Eventually
from support.sights import Client, Json
from support.stage import FAILS, GRACE, MINUTE, Stage, refusal

from billing.plans import Terms
from billing.prorating import prorate
from billing.state import Period


def terms(price: int, included: int) -> Terms:
    return Terms("pln", 1, "Voice", "pro", "usd", price, included, "12.5")


async def change(stage: Stage, client: Client, price: int, included: int, **body: Any) -> Json:
    plan = await stage.plan(price=price, included=included)
    said: Json = await stage.agency.post(f"{client.path}/plan-changes", {"plan_id": plan, **body})
    return said


async def newest(stage: Stage, client: Client, kind: str) -> Json:
    listed = (await stage.agency.get(f"/v1/agency/clients/{client.id}/invoices"))["data"]
    id = next(invoice["id"] for invoice in listed if invoice["kind"] == kind)
    said: Json = await stage.agency.get(f"/v1/agency/invoices/{id}")
    return said


def by_the_rule(period: Any, old: Terms, new: Terms, lines: list[Json]) -> list[int]:
    at = datetime.fromisoformat(lines[0]["period"]["start"])
    made = prorate(old, new, Period(1, 0, period.start, period.end), at)
    return [-made.credit, made.charge]


async def test_what_was_previewed_is_billed_at_once_after_a_boundary_and_from_a_boundary_on(stage: Stage) -> None:
    client = await stage.subscribe()
    (first,) = await stage.periods(client)
    await stage.advance(days=10)
    await stage.call(client, minutes=1300)

    # In mid period: at once, with its credit and its charge, as Stripe has it too.
    preview = await change(stage, client, 9900, 1200, preview=True)
    await change(stage, client, 9900, 1200)
    await stage.rest()
    invoice = await newest(stage, client, "change")
    amounts = [line["amount"]["amount"] for line in invoice["lines"]]
    assert amounts == by_the_rule(first, terms(4900, 500), terms(9900, 1200), invoice["lines"])
    assert abs(preview["total"]["amount"] - sum(amounts)) <= 1, "a moment lies between them"
    assert await stage.paid(client) == [4900, sum(amounts)]
    included = (await client.portal.get("/v1/portal/billing"))["usage"]["minutes_included"]
    assert abs(included - preview["included_minutes"]) <= 1

    # Within the grace: the boundary's invoice knows nothing of it, its own comes behind.
    await stage.to(first.end + 5 * MINUTE)
    await change(stage, client, 4900, 500, effective="now")
    assert (await stage.shown(client))["plan"]["included_minutes"] == 500
    await stage.to(first.end + GRACE)
    second = (await stage.periods(client))[1]
    bills = list((await stage.bills(client)).values())
    overage = round((1300 - included) * 12.5)
    assert [bill.lines for bill in bills[2:]] == [(("price", 9900), ("overage", overage)), ()]
    row = await stage.sandbox.pool.fetchrow("SELECT amount, consumed FROM credits WHERE client_id = $1", client.id)
    made = prorate(
        terms(9900, 1200), terms(4900, 500), Period(2, 1, second.start, second.end), second.start + 5 * MINUTE
    )
    assert abs(row["amount"] - (made.credit - made.charge)) <= 1
    assert row["consumed"] == 0, "carried to what is billed next"

    # Agreed for a boundary: the new price from there on, and the credit is used up.
    await change(stage, client, 1900, 100)
    assert await refusal(change(stage, client, 9900, 1200)) == "change_pending"
    await stage.to(second.end + GRACE)
    last = (await newest(stage, client, "period"))["lines"]
    assert [(line["kind"], line["amount"]["amount"]) for line in last] == [("price", 1900), ("credit", -1900)]
    assert len(await stage.paid(client)) == 3


async def test_a_debt_refuses_it_and_the_attempt_that_pays_it_is_waited_for(
    stage: Stage, eventually: Eventually
) -> None:
    client = await stage.subscribe(card=FAILS)
    assert await refusal(change(stage, client, 9900, 1200)) == "payment_overdue"
    await stage.behave(client, "pays")
    await stage.fault("invoices.pay", "delay", seconds=2)

    async def flying() -> bool:
        return any(tried.result is None for tried in await stage.attempts(client))

    trying = asyncio.create_task(stage.retry(client))
    await eventually(flying)
    changed = await change(stage, client, 9900, 1200)
    await trying

    assert (changed["plan"]["included_minutes"], changed["open_invoices"]) == (1200, 0)
    await stage.rest()
    assert [(tried.origin, tried.result) for tried in await stage.attempts(client)] == [
        ("issue", "declined"),
        ("retry", "paid"),
        ("issue", "paid"),
    ]
