"""Credit notes over HTTP: what is still owed of an open invoice follows them, whoever makes them."""

from typing import Any

from support.http import Json, fresh, refused
from support.tenant import FAILS, Tenant, subscription_of

INVOICES = "/v1/agency/invoices"


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


async def owing(tenant: Tenant) -> Json:
    """An invoice of 49.00 whose first attempt was declined."""
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    await tenant.attempts(invoice["id"], 1)
    known: Json = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
    return known


async def dashboard(tenant: Tenant, invoice: Json, **done: Any) -> None:
    await tenant.site.stripe.tell(f"dashboard/{invoice['stripe_invoice_id']}", {"action": "credit_note", **done})


async def known_due(tenant: Tenant, invoice: Json, amount: int) -> Json:
    """The subscription once its workflow and the invoice say that so much is due."""

    async def live() -> Json | None:
        shown = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
        found = await tenant.live(invoice["client_id"])
        return found if (shown["amount_due"], found["amount_due"]) == (usd(amount), usd(amount)) else None

    found: Json = await tenant.eventually(live)
    return found


async def test_a_credit_note_of_the_dashboard_lowers_the_debt_and_one_for_the_rest_ends_it(tenant: Tenant) -> None:
    invoice = await owing(tenant)
    before = await tenant.live(invoice["client_id"])
    await dashboard(tenant, invoice, amount=1900)
    live = await known_due(tenant, invoice, 3000)
    assert live["ladder"] == before["ladder"], "its dates stay"
    shown = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
    (note,) = shown["credit_notes"]
    assert (note["amount"], note["status"], note["made_in_stripe"]) == (usd(1900), "issued", True)
    assert (shown["status"], shown["total"]) == ("open", usd(4900))

    await dashboard(tenant, invoice)
    live = await known_due(tenant, invoice, 0)
    assert (live["open_invoices"], live["ladder"], live["status"]) == (0, None, "active")
    shown = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
    assert (shown["status"], shown["amount_paid"], len(shown["attempts"])) == ("paid", usd(0), 1)
    assert [note["amount"] for note in shown["credit_notes"]] == [usd(1900), usd(3000)]
    trail = (await tenant.api.get("/v1/agency/audit", client_id=invoice["client_id"]))["data"]
    assert [entry["detail"]["amount_due"] for entry in trail if entry["what"] == "InvoiceCredited"] == [0, 3000]


async def test_a_credit_note_of_ours_is_made_once_and_never_beyond_what_is_owed(tenant: Tenant) -> None:
    invoice = await owing(tenant)
    path = f"{INVOICES}/{invoice['id']}/credit-notes"
    for wrong in ({"amount": usd(0)}, {"amount": {"amount": 5, "currency": "eur"}}, {"reason": "because"}):
        with refused(422, "invalid_fields"):
            await tenant.api.post(path, wrong)
    with refused(409, "credit_too_large"):
        await tenant.api.post(path, {"amount": usd(4901)})

    body = {"amount": usd(1900), "reason": "order_change", "note": "Two days without service"}
    key = {"Idempotency-Key": fresh("key")}
    made, again = [(await tenant.api.send("POST", path, json=body, headers=key)).json() for _ in range(2)]
    assert made == again
    assert (made["amount"], made["made_in_stripe"], made["note"]) == (usd(1900), False, "Two days without service")
    assert (await tenant.live(invoice["client_id"]))["amount_due"] == usd(3000)

    rest = await tenant.api.post(path, {})
    assert rest["amount"] == usd(3000)
    live = await tenant.live(invoice["client_id"])
    assert (live["open_invoices"], live["ladder"]) == (0, None)
    shown = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
    assert [note["id"] for note in shown["credit_notes"]] == [made["id"], rest["id"]]
    with refused(409, "invoice_paid"):
        await tenant.api.post(path, {"amount": usd(1)})


async def test_a_rest_that_stripe_does_not_charge_is_parked_and_leaves_the_debt_by_a_note_of_its_own(
    tenant: Tenant,
) -> None:
    """Stripe's smallest charge is 50 cents: what a credit note leaves under it is a person's to let go."""
    invoice = await owing(tenant)
    client, path = invoice["client_id"], f"{INVOICES}/{invoice['id']}"
    await tenant.api.post(f"{path}/credit-notes", {"amount": usd(4870)})
    await tenant.bank(client, "pays")
    with refused(409, "invoice_parked"):
        await tenant.api.post(f"{subscription_of(client)}/retry", {})
    (told,) = [one for one in await _told(tenant, client) if one["kind"] == "invoice_parked"]
    assert "at least" in told["detail"]
    assert (await tenant.live(client))["amount_due"] == usd(30)

    await tenant.api.post(f"{path}/credit-notes", {})
    live = await tenant.live(client)
    assert (live["open_invoices"], live["ladder"], live["status"]) == (0, None, "active")
    assert (await tenant.api.get(path))["status"] == "paid"
    assert [charge["status"] for charge in await tenant.charges(client)] == ["failed"], "nothing was taken"


async def _told(tenant: Tenant, client: str) -> list[Json]:
    listed = (await tenant.api.get("/v1/agency/notifications", limit=100))["data"]
    return [one for one in listed if one["client_id"] == client]
