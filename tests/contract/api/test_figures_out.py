"""An agency's summary and export over HTTP."""

import csv
import io

from support.http import Json
from support.tenant import FAILS, Tenant


async def test_the_summary_follows_what_is_paid_and_owed(own: Tenant) -> None:
    plan = await own.plan()
    assert (await own.api.get("/v1/agency/summary"))["currencies"] == []
    await own.subscribed(plan=plan)
    await own.subscribed(FAILS, plan=plan)

    async def told() -> Json | None:
        known: Json = (await own.api.get("/v1/agency/summary"))["currencies"][0]
        return known if known["recovery_rate"]["failed"] else None

    usd = {"amount": 4900, "currency": "usd"}
    assert await own.eventually(told) == {
        "currency": "usd",
        "collected": usd,
        "outstanding": usd,
        "at_risk": usd,
        "lost": {"amount": 0, "currency": "usd"},
        "recovery_rate": {"failed": 1, "recovered": 0, "percent": 0.0},
        "renewals": {"count": 0, "amount": {"amount": 0, "currency": "usd"}},
    }


async def test_the_export_is_a_file_of_the_agencys_own_invoices(own: Tenant, bystander: Tenant) -> None:
    client = await own.client(name="=HYPERLINK(A1)", external_id="-2+3")
    await own.assign(client)
    invoice = await own.invoice(client)
    answer = await own.api.send("GET", "/v1/agency/export/invoices.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="invoices.csv"'
    assert answer.headers["cache-control"] == "no-store"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["id"], row["client_name"], row["external_id"]) == (invoice["id"], "'=HYPERLINK(A1)", "'-2+3")
    assert (row["status"], row["total"], row["currency"]) == ("open", "49.00", "usd")
    nothing = await bystander.api.send("GET", "/v1/agency/export/invoices.csv")
    assert nothing.text.count("\r\n") == 1
