"""Custom invoices over HTTP: what is taken, what is refused, once for each request, and apart from any subscription."""

import csv
import io
from typing import Any

import pytest
from support.http import Json, refused
from support.tenant import FAILS, PAYS, Tenant

INVOICES = "/v1/agency/invoices"
CHARGE: Json = {"collection": "charge"}
SEND: Json = {"collection": "send", "days_until_due": 14}


def of(client: str) -> str:
    return f"/v1/agency/clients/{client}/invoices"


def line(amount: int, currency: str = "usd", description: str = "Set-up of the second number") -> Json:
    return {"description": description, "amount": {"amount": amount, "currency": currency}}


def ordered(*amounts: int, **terms: Any) -> Json:
    return {"lines": [line(amount) for amount in amounts or (15000, -2500)], **(terms or CHARGE)}


async def open_one(tenant: Tenant, invoice: str) -> Json:
    """The invoice once it is issued."""

    async def issued() -> Json | None:
        found: Json = await tenant.api.get(f"{INVOICES}/{invoice}")
        return found if found["status"] != "draft" else None

    return await tenant.eventually(issued)


# What is taken


async def test_a_client_without_a_subscription_is_asked_for_a_card_and_pays_with_it(own: Tenant) -> None:
    client = await own.client()
    made = await own.api.post(of(client), ordered())
    assert (made["kind"], made["status"], made["subscription_id"]) == ("custom", "draft", None)
    assert [(one["kind"], one["amount"]["amount"]) for one in made["lines"]] == [("custom", 15000), ("custom", -2500)]
    assert (made["total"]["amount"], made["due_at"]) == (12500, None)

    await open_one(own, made["id"])
    portal = await own.portal(client)

    async def asked() -> Json | None:
        said: Json = await portal.get("/v1/portal/billing")
        return said if said["banner"] else None

    said = await own.eventually(asked)
    assert [said[name] for name in ("plan", "subscription", "usage", "next_invoice")] == [None] * 4
    banner = said["banner"]
    assert (banner["kind"], banner["amount_due"]["amount"], banner["invoice_id"]) == (
        "no_payment_method",
        12500,
        made["id"],
    )

    # It shows as no subscription anywhere.
    with refused(404, "not_found"):
        await own.live(client)
    assert (await own.api.get(f"/v1/agency/clients/{client}"))["subscription_status"] is None
    assert not (await own.engine.get(f"/v1/usage/clients/{client}"))["blocked"]
    (row,) = csv.DictReader(io.StringIO((await own.api.send("GET", "/v1/agency/export/invoices.csv")).text))
    assert (row["id"], row["kind"], row["subscription_id"]) == (made["id"], "custom", "")

    await own.save_card(client)
    await own.ended(client)
    assert (await own.api.get(f"{INVOICES}/{made['id']}"))["status"] == "paid"
    assert [charge["amount"] for charge in await own.charges(client)] == [12500]
    assert (await portal.get("/v1/portal/billing"))["banner"] is None


async def test_one_beside_a_subscription_changes_nothing_of_it_and_adds_to_what_is_owed(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    before = await tenant.live(client)
    made = await tenant.api.post(of(client), ordered(700))
    await tenant.attempts(made["id"], 1)
    portal = await tenant.portal(client)

    async def owing() -> Json | None:
        banner: Json = (await portal.get("/v1/portal/billing"))["banner"]
        return banner if banner["open_invoices"] == 2 else None

    assert (await tenant.eventually(owing))["amount_due"]["amount"] == 4900 + 700
    after = await tenant.live(client)
    ignored = {"as_of": "", "source": ""}
    assert {**after, **ignored} == {**before, **ignored}

    await tenant.bank(client, "pays")
    assert (await portal.post(f"/v1/portal/billing/invoices/{made['id']}/payments", {}))["status"] == "paid"
    listed = (await portal.get("/v1/portal/billing/invoices"))["data"]
    assert [(one["id"] == made["id"], one["status"]) for one in listed] == [(True, "paid"), (False, "failed")]


async def test_a_sent_one_is_due_and_is_mailed_again_on_request(tenant: Tenant) -> None:
    client = await tenant.client()
    made = await tenant.api.post(of(client), ordered(**SEND))
    issued = await open_one(tenant, made["id"])
    assert (issued["status"], issued["attempts"]) == ("open", [])
    assert issued["due_at"] > issued["issued_at"]
    again = await tenant.api.post(f"{INVOICES}/{made['id']}/send", None)
    assert (again["id"], again["status"]) == (made["id"], "open")

    assert (await tenant.api.post(f"{INVOICES}/{made['id']}/void", None))["status"] == "void"
    await tenant.ended(client)
    with refused(409, "invoice_not_open"):
        await tenant.api.post(f"{INVOICES}/{made['id']}/send", None)


async def test_a_credit_of_the_client_is_used_up_and_nothing_is_charged_for_a_total_of_zero(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    await tenant.site.pool.execute(
        "INSERT INTO credits (agency_id, client_id, currency, amount, invoice_id, created_at) "
        "SELECT agency_id, client_id, 'usd', 800, id, created_at FROM invoices WHERE client_id = $1",
        client,
    )
    made = await tenant.api.post(of(client), ordered(500))
    assert [one["amount"]["amount"] for one in made["lines"]] == [500, -500]
    shown = await tenant.api.get(f"/v1/agency/clients/{client}")
    assert shown["credits"] == [{"amount": 300, "currency": "usd"}]
    settled = await open_one(tenant, made["id"])
    assert (settled["status"], settled["total"]["amount"], settled["stripe_invoice_id"]) == ("paid", 0, None)
    assert len(await tenant.charges(client)) == 1
    second = await tenant.api.post(of(client), ordered(500))
    assert second["total"]["amount"] == 200
    assert (await tenant.api.get(f"/v1/agency/clients/{client}"))["credits"] == []


# Once for each request


async def test_a_repeat_after_a_crash_is_the_same_invoice_and_another_request_another(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    headers = {"Idempotency-Key": f"custom-{client}"}
    first = await tenant.api.send("POST", of(client), json=ordered(), headers=headers)
    # As if the process had died between its commit and keeping the answer.
    await tenant.site.pool.execute(
        "UPDATE idempotency_keys SET status_code = NULL, response = NULL WHERE key = $1", headers["Idempotency-Key"]
    )
    again = await tenant.api.send("POST", of(client), json=ordered(), headers=headers)
    other = await tenant.api.send("POST", of(client), json=ordered())
    assert [one.status_code for one in (first, again, other)] == [201] * 3
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    for made in (first, other):
        await tenant.attempts(made.json()["id"], 1)
    assert await tenant.site.pool.fetchval("SELECT count(*) FROM invoices WHERE client_id = $1", client) == 3


# What is refused


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**CHARGE, "lines": []}, id="no line"),
        pytest.param({**CHARGE, "lines": [line(1)] * 250}, id="more lines than fit beside a credit"),
        pytest.param({**CHARGE, "lines": [line(500, description="")]}, id="a line that says nothing"),
        pytest.param(ordered(500, -500), id="nothing in total"),
        pytest.param(ordered(500, -501), id="less than nothing"),
        pytest.param(ordered(99_999_999, 1), id="more than can be charged at once"),
        pytest.param({**CHARGE, "lines": [line(500), line(500, "eur")]}, id="two currencies"),
        pytest.param({**CHARGE, "lines": [line(150, "isk")]}, id="not a chargeable unit"),
        pytest.param(ordered(500, collection="send"), id="sent without a day"),
        pytest.param(ordered(500, collection="charge", days_until_due=3), id="charged with a day"),
        pytest.param(ordered(500, collection="send", days_until_due=0), id="due before it is read"),
        pytest.param(ordered(500, collection="send", days_until_due=366), id="due after a year"),
        pytest.param(ordered(500, collection="ask"), id="another collection"),
    ],
)
async def test_what_makes_no_sense_is_refused(bystander: Tenant, body: Json) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.post(of("cli_none"), body)


async def test_a_currency_that_the_account_or_the_client_does_not_have_is_refused(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    for currency in ("xof", "eur"):
        with refused(422, "currency_not_supported"):
            await tenant.api.post(of(client), {**CHARGE, "lines": [line(500, currency)]})


async def test_who_may_not_sell_may_not_invoice(own: Tenant, bare: Tenant, other: Tenant) -> None:
    with refused(409, "stripe_not_ready"):
        await bare.api.post(of(await bare.client()), ordered())
    client = await own.client()
    with refused(404, "not_found"):
        await other.api.post(of(client), ordered())
    platform = await own.site.platform()
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    with refused(403, "billing_not_available"):
        await own.api.post(of(client), ordered())
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "growth"})
    await own.api.post(f"/v1/agency/clients/{client}/archive", None)
    with refused(409, "client_archived"):
        await own.api.post(of(client), ordered())
    assert await own.site.pool.fetchval("SELECT count(*) FROM invoices WHERE agency_id = $1", own.id) == 0


async def test_only_what_was_sent_and_is_open_is_sent_again(tenant: Tenant, other: Tenant) -> None:
    paid = await tenant.invoice(await tenant.subscribed(PAYS))
    charged = await tenant.invoice(await tenant.subscribed(FAILS))
    with refused(409, "invoice_paid"):
        await tenant.api.post(f"{INVOICES}/{paid['id']}/send", None)
    with refused(409, "not_a_sent_invoice"):
        await tenant.api.post(f"{INVOICES}/{charged['id']}/send", None)
    with refused(404, "not_found"):
        await other.api.post(f"{INVOICES}/{charged['id']}/send", None)


async def test_the_portal_of_a_client_with_an_invoice_stays_when_the_tier_falls(own: Tenant) -> None:
    client = await own.client()
    made = await own.api.post(of(client), ordered())
    await open_one(own, made["id"])
    portal, platform = await own.portal(client), await own.site.platform()
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    assert [one["id"] for one in (await portal.get("/v1/portal/billing/invoices"))["data"]] == [made["id"]]
    stranger = await own.portal(await own.client())
    with refused(403, "billing_not_available"):
        await stranger.get("/v1/portal/billing/invoices")


# What follows


async def test_a_retry_by_the_invoice_reaches_the_workflow_that_collects_it(tenant: Tenant, other: Tenant) -> None:
    client = await tenant.client()
    await tenant.save_card(client, FAILS)
    made = await tenant.api.post(of(client), ordered(700))
    await tenant.invoice(client, settled=True)
    with refused(404, "not_found"):
        await other.api.post(f"{INVOICES}/{made['id']}/retry", None)
    await tenant.bank(client, "pays")
    tried = await tenant.api.post(f"{INVOICES}/{made['id']}/retry", None)
    assert (tried["status"], [one["origin"] for one in tried["attempts"]]) == ("paid", ["issue", "retry"])
    with refused(409, "invoice_paid"):
        await tenant.api.post(f"{INVOICES}/{made['id']}/retry", None)
    back = await tenant.api.post(f"{INVOICES}/{made['id']}/refunds", {"amount": {"amount": 200, "currency": "usd"}})
    assert (back["amount"]["amount"], back["status"]) == (200, "succeeded")


async def test_a_sent_one_that_was_paid_on_its_page_is_refunded(tenant: Tenant) -> None:
    client = await tenant.client()
    made = await tenant.api.post(of(client), ordered(**SEND))
    issued = await open_one(tenant, made["id"])
    await tenant.site.stripe.tell(f"hosted-invoices/{issued['stripe_invoice_id']}", {"action": "pay"})
    await tenant.ended(client)
    assert (await tenant.api.get(f"{INVOICES}/{made['id']}"))["status"] == "paid"
    back = await tenant.api.post(f"{INVOICES}/{made['id']}/refunds", None)
    assert (back["amount"]["amount"], back["status"]) == (12500, "succeeded")


async def test_one_that_stripe_does_not_mail_is_open_all_the_same_and_both_are_told(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    row = await tenant.site.pool.fetchrow("SELECT customer_id, account_id FROM customers WHERE client_id = $1", client)
    await tenant.site.ask_stripe(f"/v1/customers/{row['customer_id']}", row["account_id"], {"email": ""})
    made = await tenant.api.post(of(client), ordered(**SEND))
    assert (await open_one(tenant, made["id"]))["status"] == "open"
    told = await tenant.site.pool.fetch(
        "SELECT audience, kind FROM notifications WHERE invoice_id = $1 ORDER BY kind, audience", made["id"]
    )
    assert {("agency", "invoice_not_mailed"), ("client", "invoice_issued")} <= {tuple(one) for one in told}
