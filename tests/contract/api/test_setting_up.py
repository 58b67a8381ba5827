"""The way to the first payment, as an agency is shown it: each step is done by what is done, and open again without."""

from support.http import Json
from support.tenant import FAILS, Tenant, onboard

CALLS = {
    "connect": "POST /v1/agency/stripe/onboarding-links",
    "plan": "POST /v1/agency/plans",
    "client": "POST /v1/agency/clients",
    "assign": "PUT /v1/agency/clients/{id}/subscription",
    "card": "POST /v1/agency/clients/{id}/card-requests",
}


async def shown(tenant: Tenant) -> Json:
    answer: Json = await tenant.api.get("/v1/agency/setup")
    assert {one["step"]: one["call"] for one in answer["steps"]} == CALLS
    return answer


async def done(tenant: Tenant) -> list[str]:
    return [one["step"] for one in (await shown(tenant))["steps"] if one["done"]]


async def test_each_step_is_done_by_its_own_call_and_leads_to_the_next(bare: Tenant) -> None:
    assert await shown(bare) == {
        "complete": False,
        "first_paid_at": None,
        "account": "not_connected",
        "billing_available": True,
        "next": "connect",
        "steps": [{"step": step, "done": False, "call": call} for step, call in CALLS.items()],
    }
    await onboard(bare.site, bare.api)
    now = await shown(bare)
    assert (now["account"], now["next"], await done(bare)) == ("active", "plan", ["connect"])
    plan = await bare.plan()
    assert ((await shown(bare))["next"], await done(bare)) == ("client", ["connect", "plan"])
    client = await bare.client()
    assert ((await shown(bare))["next"], await done(bare)) == ("assign", ["connect", "plan", "client"])
    await bare.assign(client, plan, start="first_card")
    assert ((await shown(bare))["next"], await done(bare)) == ("card", ["connect", "plan", "client", "assign"])

    await bare.save_card(client, FAILS)
    await bare.invoice(client, settled=True)
    unpaid = await shown(bare)
    assert (unpaid["next"], unpaid["complete"], await done(bare)) == (None, False, list(CALLS))
    await bare.subscribed(plan=plan)
    paid = await shown(bare)
    assert (paid["complete"], paid["next"]) == (True, None)
    assert paid["first_paid_at"].endswith("Z")


async def test_what_is_undone_is_open_again(own: Tenant) -> None:
    plan, client = await own.plan(), await own.client()
    assert await done(own) == ["connect", "plan", "client"]
    await own.api.post(f"/v1/agency/plans/{plan}/archive", {})
    await own.api.post(f"/v1/agency/clients/{client}/archive", {})
    assert ((await shown(own))["next"], await done(own)) == ("plan", ["connect"])


async def test_a_card_counts_for_a_client_that_was_assigned_a_plan(own: Tenant) -> None:
    client = await own.client()
    await own.save_card(client)
    assert "card" not in await done(own)
    await own.assign(client)
    assert "card" in await done(own)


async def test_the_steps_of_one_agency_are_not_anothers(tenant: Tenant, bystander: Tenant) -> None:
    await tenant.plan()
    assert "plan" in await done(tenant)
    assert "plan" not in await done(bystander)


async def test_an_invoice_over_nothing_is_no_payment(own: Tenant) -> None:
    client = await own.client()
    await own.assign(client, await own.plan(price={"amount": 0, "currency": "usd"}), start="first_card")
    await own.save_card(client)

    async def paid() -> bool:
        return bool(await own.site.pool.fetchval("SELECT status = 'paid' FROM invoices WHERE client_id = $1", client))

    await own.eventually(paid)
    assert (await shown(own))["complete"] is False
