"""Invoices as an agency sees them, their PDFs, and voiding them."""

import asyncio

import pytest
from support.http import refused
from support.tenant import FAILS, PAYS, Tenant

INVOICES = "/v1/agency/invoices"
USD_49 = {"amount": 4900, "currency": "usd"}
NOTHING = {"amount": 0, "currency": "usd"}


async def test_a_paid_invoice_shows_its_line_and_the_attempt_that_paid_it(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    invoice = await tenant.invoice(client)
    assert (invoice["status"], invoice["portal_status"], invoice["kind"]) == ("paid", "paid", "period")
    name = (await tenant.api.get(f"/v1/agency/clients/{client}"))["name"]
    listed = await tenant.api.get(f"/v1/agency/clients/{client}/invoices")
    assert (invoice["client_name"], listed["data"][0]["client_name"]) == (name, name)
    assert [invoice[name] for name in ("total", "amount_due", "amount_paid")] == [USD_49] * 3
    assert invoice["balance_applied"] == NOTHING
    assert invoice["issued_at"] <= invoice["settled_at"]
    assert invoice["number"]
    assert invoice["stripe_invoice_id"].startswith("in_")
    (line,) = invoice["lines"]
    assert (line["kind"], line["amount"]) == ("price", USD_49)
    assert line["description"].startswith("Voice Pro, ")
    (attempt,) = invoice["attempts"]
    assert (attempt["number"], attempt["origin"], attempt["result"]) == (1, "issue", "paid")
    assert attempt["card"] == {**attempt["card"], "brand": "visa", "last4": "4242"}
    assert attempt["stripe_charge_id"].startswith("ch_")
    assert (attempt["decline"], attempt["reason"]) == (None, None)
    assert [invoice[name] for name in ("skipped_attempts", "refunds", "usage")] == [[], [], None]


async def test_a_declined_attempt_says_why_in_our_words_and_in_stripes(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    assert (invoice["status"], invoice["portal_status"]) == ("open", "failed")
    assert (invoice["amount_due"], invoice["amount_paid"], invoice["settled_at"]) == (USD_49, NOTHING, None)
    (attempt,) = invoice["attempts"]
    assert (attempt["result"], attempt["reason"]) == ("declined", "Your card was declined.")
    decline = attempt["decline"]
    assert (decline["kind"], decline["code"], decline["decline_code"]) == ("soft", "card_declined", "generic_decline")


async def test_the_final_invoice_shows_the_usage_that_it_bills(own: Tenant) -> None:
    await own.api.patch("/v1/agency/settings", {"usage_grace_minutes": 0})
    client = await own.client()
    await own.assign(client, starts_at=own.ago(days=2))
    await own.running(client)
    await own.save_card(client)
    await own.invoice(client, settled=True)
    await own.report(client, 600, 12)
    await own.api.post(f"/v1/agency/clients/{client}/subscription/cancel", {"at": "now"})

    async def final() -> dict[str, object] | None:
        known = await own.invoice(client, settled=True)
        return known if known["kind"] == "final" else None

    invoice = await own.eventually(final)
    (line,) = invoice["lines"]
    assert (line["kind"], line["amount"], line["quantity_seconds"]) == ("overage", {**USD_49, "amount": 1400}, 6720)
    assert line["rate_per_minute"] == "12.5"
    usage = invoice["usage"]
    assert (usage["period"], usage["calls"], usage["seconds"], usage["minutes"]) == (1, 2, 36720, "612.0")
    assert (usage["included_minutes"], usage["overage"]) == (500, {**USD_49, "amount": 1400})
    assert usage["overage_rate"] == {"amount_decimal": "12.5", "currency": "usd", "per": "minute"}


async def test_lists_take_a_status_and_are_the_agencys_or_the_clients(own: Tenant) -> None:
    paying, owing = await asyncio.gather(own.subscribed(PAYS), own.subscribed(FAILS))
    assert [one["client_id"] for one in (await own.api.get(INVOICES, status="open"))["data"]] == [owing]
    assert [one["client_id"] for one in (await own.api.get(INVOICES, status="paid"))["data"]] == [paying]
    assert (await own.api.get(INVOICES, status="void"))["data"] == []
    both = [one["client_id"] for one in (await own.api.get(INVOICES))["data"]]
    assert sorted(both) == sorted([paying, owing])
    listed = (await own.api.get(f"/v1/agency/clients/{owing}/invoices"))["data"]
    assert [one["client_id"] for one in listed] == [owing]
    with refused(422, "invalid_fields"):
        await own.api.get(INVOICES, status="overdue")


async def test_the_pdf_is_served_by_us_and_kept(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    path = f"{INVOICES}/{invoice['id']}/pdf"
    assert invoice["pdf_url"] == f"{tenant.site.base}{path}"
    first = await tenant.api.send("GET", path)
    assert (first.status_code, first.headers["content-type"]) == (200, "application/pdf")
    assert first.content.startswith(b"%PDF")
    assert invoice["number"].encode() in first.content
    async with tenant.site.away("invoices.retrieve"):
        again = await tenant.api.send("GET", path)
    assert again.content == first.content


async def test_a_pdf_that_nobody_has_fetched_needs_stripe(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    invoice = await tenant.invoice(client)
    async with tenant.site.away("invoices.retrieve"):
        with refused(503, "temporarily_unavailable"):
            await tenant.api.get(f"{INVOICES}/{invoice['id']}/pdf")
    answer = await tenant.api.send("GET", f"{INVOICES}/{invoice['id']}/pdf")
    assert answer.content.startswith(b"%PDF")


async def test_the_pdf_of_an_invoice_that_moved_on_is_another_one(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    path = f"{INVOICES}/{invoice['id']}"
    due = (await tenant.api.send("GET", f"{path}/pdf")).content
    await tenant.api.post(f"{path}/void", {"reason": "billed twice"})
    voided = (await tenant.api.send("GET", f"{path}/pdf")).content
    assert voided.startswith(b"%PDF")
    assert voided != due


async def test_an_invoice_of_zero_has_no_pdf(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, await tenant.plan(price={"amount": 0, "currency": "usd"}))
    invoice = await tenant.invoice(client)
    assert (invoice["status"], invoice["total"], invoice["lines"]) == ("paid", NOTHING, [])
    assert (invoice["pdf_url"], invoice["stripe_invoice_id"]) == (None, None)
    with refused(404, "not_found"):
        await tenant.api.get(f"{INVOICES}/{invoice['id']}/pdf")


async def test_a_void_ends_the_debt_and_says_so_everywhere(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    assert (await tenant.live(client))["ladder"] is not None
    voided = await tenant.api.post(f"{INVOICES}/{invoice['id']}/void", {"reason": "billed twice"})
    assert (voided["id"], voided["status"], voided["portal_status"]) == (invoice["id"], "void", "void")
    live = await tenant.live(client)
    assert (live["open_invoices"], live["ladder"], live["status"]) == (0, None, "active")
    asked = await tenant.site.pool.fetchrow(
        "SELECT who, why FROM audit WHERE client_id = $1 AND what = 'Requested'", client
    )
    assert tuple(asked) == ("agency:somebody", "billed twice")
    with refused(409, "invoice_not_open"):
        await tenant.api.post(f"{INVOICES}/{invoice['id']}/void", {"reason": "again"})


async def test_a_void_needs_no_reason(tenant: Tenant) -> None:
    invoice = await tenant.invoice(await tenant.subscribed(FAILS))
    assert (await tenant.api.post(f"{INVOICES}/{invoice['id']}/void", None))["status"] == "void"


async def test_a_paid_invoice_is_not_voided(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    invoice = await tenant.invoice(client)
    with refused(409, "invoice_paid"):
        await tenant.api.post(f"{INVOICES}/{invoice['id']}/void", {"reason": "too late"})


async def test_a_void_waits_for_the_attempt_in_flight_and_finds_it_paid(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    await tenant.bank(client, "pays")
    async with tenant.site.trouble("invoices.pay", "delay_before", seconds=1.5):
        retry = asyncio.create_task(tenant.api.post(f"/v1/agency/clients/{client}/subscription/retry", {}))
        await tenant.attempts(invoice["id"], 2)
        with refused(409, "invoice_paid"):
            await tenant.api.post(f"{INVOICES}/{invoice['id']}/void", {"reason": "meanwhile"})
    assert (await retry)["open_invoices"] == 0


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "x" * 1001}, {"reason": None}])
async def test_a_reason_that_is_given_says_something(bystander: Tenant, body: dict[str, object]) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.post(f"{INVOICES}/inv_none/void", body)
