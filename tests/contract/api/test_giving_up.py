"""Written off, paid elsewhere, reissued: over HTTP, with what comes after a write-off."""

from typing import Any

from support.http import Json, refused
from support.tenant import FAILS, Tenant

INVOICES = "/v1/agency/invoices"


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


async def owing(tenant: Tenant) -> Json:
    return await tenant.invoice(await tenant.subscribed(FAILS))


async def stripe_status(tenant: Tenant, invoice: str) -> str:
    row = await tenant.site.pool.fetchrow("SELECT account_id, provider_id FROM invoices WHERE id = $1", invoice)
    known = await tenant.site.ask_stripe(f"/v1/invoices/{row['provider_id']}", row["account_id"])
    return str(known["status"])


async def test_what_is_written_off_can_still_be_paid_elsewhere_or_voided(tenant: Tenant) -> None:
    for path, body, status in (("mark-paid", {"reference": "transfer 4711"}, "paid"), ("void", {}, "void")):
        invoice = (await owing(tenant))["id"]
        off = await tenant.api.post(f"{INVOICES}/{invoice}/mark-uncollectible", {"reason": "gone"})
        assert (off["status"], off["portal_status"]) == ("uncollectible", "failed")
        with refused(409, "invoice_not_open"):
            await tenant.api.post(f"{INVOICES}/{invoice}/mark-uncollectible", {})
        ended = await tenant.api.post(f"{INVOICES}/{invoice}/{path}", body)
        assert (ended["status"], await stripe_status(tenant, invoice)) == (status, status)


async def test_paid_elsewhere_ends_the_debt_and_is_believed_once(tenant: Tenant) -> None:
    invoice = await owing(tenant)
    path = f"{INVOICES}/{invoice['id']}/mark-paid"
    with refused(422, "invalid_fields"):
        await tenant.api.post(path, {})
    paid = await tenant.api.post(path, {"reference": "transfer 4711"})
    assert (paid["status"], paid["paid_out_of_band"], len(paid["attempts"])) == ("paid", True, 1)
    for again in (path, f"{INVOICES}/{invoice['id']}/mark-uncollectible"):
        with refused(409, "invoice_paid"):
            await tenant.api.post(again, {"reference": "again"} if again == path else {})
    live = await tenant.live(invoice["client_id"])
    assert (live["open_invoices"], live["ladder"]) == (0, None)
    trail = (await tenant.api.get("/v1/agency/audit", client_id=invoice["client_id"]))["data"]
    assert "transfer 4711" in [entry["why"] for entry in trail]


async def test_a_reissue_voids_and_answers_with_the_corrected_revision(tenant: Tenant) -> None:
    invoice = await owing(tenant)
    path = f"{INVOICES}/{invoice['id']}/reissue"
    for wrong in (
        {"lines": []},
        {"lines": [{"line": 2, "amount": usd(1)}]},
        {"lines": [{"line": 1, "amount": {"amount": 1, "currency": "eur"}}]},
        {"lines": [{"line": 1}, {"line": 1}]},
    ):
        with refused(422, "invalid_fields"):
            await tenant.api.post(path, wrong)
    correction = {"line": 1, "amount": usd(3900), "description": "As agreed"}
    made = await tenant.api.post(path, {"lines": [correction], "reason": "the old price"})
    assert made["id"] == f"{invoice['id']}_r2"
    assert (made["status"], made["total"], made["kind"]) == ("open", usd(3900), "period")
    assert [(line["description"], line["amount"]) for line in made["lines"]] == [("As agreed", usd(3900))]
    assert made["number"] != invoice["number"]
    old = await tenant.api.get(f"{INVOICES}/{invoice['id']}")
    assert (old["status"], await stripe_status(tenant, invoice["id"])) == ("void", "void")
    with refused(409, "invoice_not_open"):
        await tenant.api.post(path, {"lines": [correction]})


async def test_what_is_parked_before_it_is_issued_is_voided_and_never_reaches_the_client(own: Tenant) -> None:
    client = await own.client()
    unusable = "UPDATE agencies SET tax_mode = 'rates', tax_rate_ids = '{txr_gone}' WHERE id = $1"
    await own.site.pool.execute(unusable, own.id)
    line = {"lines": [{"description": "Set-up", "amount": usd(15_000)}], "collection": "charge"}
    made = await own.api.post(f"/v1/agency/clients/{client}/invoices", line)
    parkings = (
        "SELECT count(*) FILTER (WHERE ended_at IS NULL) AS waiting, count(*) FROM parkings WHERE invoice_id = $1"
    )

    async def parked() -> bool:
        return bool(await own.site.pool.fetchval(parkings, made["id"]))

    await own.eventually(parked)
    path = f"{INVOICES}/{made['id']}"
    with refused(409, "invoice_not_open"):
        await own.api.post(f"{path}/mark-uncollectible", {})
    voided = await own.api.post(f"{path}/void", {"reason": "Too much"})
    assert (voided["status"], voided["stripe_invoice_id"]) == ("void", None)
    assert tuple(await own.site.pool.fetchrow(parkings, made["id"])) == (0, 1)
    with refused(409, "invoice_not_open"):
        await own.api.post(f"{path}/void", {"reason": "Again"})
