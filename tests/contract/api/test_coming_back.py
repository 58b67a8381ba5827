"""A client whose subscription was cancelled with a debt, and who is on a plan again."""

from support.tenant import ANOTHER_THAT_PAYS, FAILS, Tenant, subscription_of

BILLING = "/v1/portal/billing"


async def test_the_banner_tells_the_whole_debt_and_the_oldest_invoice(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    oldest = (await tenant.invoice(client))["id"]
    await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    await tenant.assign(client)

    async def both_failed() -> bool:
        invoices = (await tenant.api.get(f"/v1/agency/clients/{client}/invoices"))["data"]
        return [one["portal_status"] for one in invoices] == ["failed", "failed"]

    await tenant.eventually(both_failed)
    portal = await tenant.portal(client)
    banner = (await portal.get(BILLING))["banner"]
    assert banner["kind"] == "payment_failed"
    assert banner["amount_due"] == {"amount": 9800, "currency": "usd"}
    assert (banner["open_invoices"], banner["invoice_id"]) == (2, oldest)

    await tenant.save_card(client, ANOTHER_THAT_PAYS)

    async def all_is_well() -> bool:
        return (await portal.get(BILLING))["banner"] is None

    await tenant.eventually(all_is_well)
