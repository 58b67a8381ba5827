"""Refunds over HTTP: a part and the rest, never more; what Stripe leaves open goes on; the dashboard's are shown."""

import asyncio
from typing import Any

from support.http import refused
from support.tenant import FAILS, Tenant

INVOICES = "/v1/agency/invoices"


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


async def paid(tenant: Tenant) -> tuple[str, str]:
    """A client, and its invoice of 49.00 that was paid by card."""
    client = await tenant.subscribed()
    return client, (await tenant.invoice(client))["id"]


async def test_a_part_and_then_the_rest_goes_back_and_everybody_sees_it(tenant: Tenant) -> None:
    client, invoice = await paid(tenant)
    path = f"{INVOICES}/{invoice}/refunds"
    answer = await tenant.api.send("POST", path, json={"amount": usd(1200), "reason": "duplicate", "note": "one day"})
    part = answer.json()
    assert (answer.status_code, part["status"], part["amount"]) == (201, "succeeded", usd(1200))
    assert (part["reason"], part["note"], part["made_in_stripe"]) == ("duplicate", "one day", False)
    with refused(409, "refund_too_large"):
        await tenant.api.post(path, {"amount": usd(3701)})
    rest = await tenant.api.post(path, {})
    assert (rest["status"], rest["amount"]) == ("succeeded", usd(3700))
    with refused(409, "already_refunded"):
        await tenant.api.post(path, {})

    shown = await tenant.api.get(f"{INVOICES}/{invoice}")
    assert (shown["status"], shown["amount_paid"], shown["amount_refunded"]) == ("paid", usd(4900), usd(4900))
    assert [one["id"] for one in shown["refunds"]] == [part["id"], rest["id"]]
    portal = await (await tenant.portal(client)).get(f"/v1/portal/billing/invoices/{invoice}")
    assert (portal["status"], portal["amount_refunded"]) == ("paid", usd(4900))
    told = (await tenant.api.get("/v1/agency/notifications"))["data"]
    assert [one["kind"] for one in told if one["client_id"] == client].count("refunded") == 2


async def test_two_at_once_never_give_back_more_than_was_paid(tenant: Tenant) -> None:
    _, invoice = await paid(tenant)
    answers = await asyncio.gather(
        *(tenant.api.send("POST", f"{INVOICES}/{invoice}/refunds", json={"amount": usd(3000)}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert (await tenant.api.get(f"{INVOICES}/{invoice}"))["amount_refunded"] == usd(3000)


async def test_the_same_key_is_the_same_refund_also_while_stripe_is_silent(tenant: Tenant) -> None:
    _, invoice = await paid(tenant)
    path, key = f"{INVOICES}/{invoice}/refunds", {"Idempotency-Key": f"refund-{invoice}"}
    async with tenant.site.trouble("refunds.create", "delay_before", seconds=6):
        first = await tenant.api.send("POST", path, json={"amount": usd(500)}, headers=key)
    assert (first.status_code, first.json()["status"]) == (202, "pending")

    async def made() -> Any:
        again = await tenant.api.send("POST", path, json={"amount": usd(500)}, headers=key)
        return again.json() if again.status_code == 201 else None

    settled = await tenant.eventually(made)
    assert (settled["id"], settled["status"]) == (first.json()["id"], "succeeded")
    assert (await tenant.api.get(f"{INVOICES}/{invoice}"))["amount_refunded"] == usd(500)


async def test_the_dashboards_refund_is_mirrored_and_one_that_fails_later_frees_its_amount(tenant: Tenant) -> None:
    client, invoice = await paid(tenant)
    shown = await tenant.api.get(f"{INVOICES}/{invoice}")
    await tenant.site.stripe.tell(f"dashboard/{shown['stripe_invoice_id']}", {"action": "refund", "amount": 900})

    async def refunds(*statuses: str) -> Any:
        known = await tenant.api.get(f"{INVOICES}/{invoice}")
        return known if [one["status"] for one in known["refunds"]] == list(statuses) else None

    known = await tenant.eventually(lambda: refunds("succeeded"))
    (mirrored,) = known["refunds"]
    assert (mirrored["made_in_stripe"], mirrored["amount"], known["amount_refunded"]) == (True, usd(900), usd(900))

    await tenant.site.stripe.tell(f"refunds/{mirrored['stripe_refund_id']}/fail", {"reason": "lost_or_stolen_card"})
    known = await tenant.eventually(lambda: refunds("failed"))
    assert (known["refunds"][0]["failure"], known["amount_refunded"]) == ("lost_or_stolen_card", usd(0))
    told = (await tenant.api.get("/v1/agency/notifications"))["data"]
    assert "refund_failed" in [one["kind"] for one in told if one["client_id"] == client]


async def test_what_was_not_paid_through_stripe_is_refused(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    path = f"{INVOICES}/{(await tenant.invoice(client))['id']}/refunds"
    with refused(409, "not_paid_on_stripe"):
        await tenant.api.post(path, {})
    for wrong in ({"amount": {"amount": 100, "currency": "eur"}}, {"amount": usd(0)}, {"reason": "because"}):
        with refused(422, "invalid_fields"):
            await tenant.api.post(path, wrong)
