"""Manual collection over HTTP: assigned without an account, switched, and what an agency is shown (billing-rules 5)."""

from support.http import Json, Site, refused
from support.servers import Eventually
from support.tenant import Tenant, new_tenant, onboard, subscription_of


async def test_a_plan_is_assigned_without_an_account_and_charged_for_once_there_is_one(
    site: Site, eventually: Eventually
) -> None:
    tenant = await new_tenant(site, eventually, ready=False)
    client = await tenant.client()
    plan = await tenant.plan()
    with refused(409, "stripe_not_ready"):
        await tenant.assign(client, plan)
    made = await tenant.assign(client, plan, collection="manual")
    assert made["collection"] == "manual"
    await tenant.running(client)

    kept = await tenant.invoice(client, settled=False)
    assert (kept["status"], kept["total"]["amount"], kept["amount_due"]["amount"]) == ("statement", 4900, 0)
    assert (kept["attempts"], kept["pdf_url"], kept["settled_at"], kept["portal_status"]) == ([], None, None, None)
    path = f"/v1/agency/invoices/{kept['id']}"
    orders: dict[str, Json] = {"void": {}, "mark-paid": {"reference": "transfer 7"}, "mark-uncollectible": {}}
    for order, body in orders.items():
        with refused(409, "invoice_not_open"):
            await tenant.api.post(f"{path}/{order}", body)
    live = await tenant.live(client)
    assert (live["status"], live["open_invoices"], live["ladder"]) == ("active", 0, None)
    assert (await (await tenant.portal(client)).get("/v1/portal/billing/invoices"))["data"] == []

    with refused(409, "stripe_not_ready"):
        await tenant.api.patch(subscription_of(client), {"collection": "automatic"})
    await onboard(site, tenant.api)
    switched = await tenant.api.patch(subscription_of(client), {"collection": "automatic"})
    assert switched["collection"] == "automatic"


async def test_it_is_switched_and_capped_in_one_request_and_the_trail_says_so(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    await tenant.running(client)
    cap = {"amount": {"amount": 1000, "currency": "usd"}, "action": "notify"}
    changed = await tenant.api.patch(subscription_of(client), {"collection": "manual", "spend_cap": cap})
    assert (changed["collection"], changed["spend_cap"]) == ("manual", cap)
    assert (await tenant.api.patch(subscription_of(client), {"collection": "manual"}))["collection"] == "manual"
    trail = [one["what"] for one in (await tenant.api.get("/v1/agency/audit", client_id=client))["data"]]
    assert (trail.count("CollectionSet"), trail.count("SpendCapSet")) == (1, 1)


async def test_a_start_that_waits_for_a_card_is_not_manual(tenant: Tenant) -> None:
    client = await tenant.client()
    with refused(422, "invalid_fields"):
        await tenant.assign(client, start="first_card", collection="manual")
