"""Custom invoices on the real server: charged with a ladder of their own, or sent and reminded of (billing-rules 5)."""

from dataclasses import replace
from typing import Any

from support.sights import Client, gaps
from support.stage import ANOTHER_THAT_PAYS, DAY, FAILS, Stage

LINES = [
    {"description": "Set-up of the second number", "amount": {"amount": 15000, "currency": "usd"}},
    {"description": "As agreed", "amount": {"amount": -2500, "currency": "usd"}},
]


async def make(stage: Stage, client: Client, **terms: Any) -> Client:
    """Order the invoice; whose workflow is that of the client that is answered."""
    made = await stage.agency.post(f"/v1/agency/clients/{client.id}/invoices", {"lines": LINES, **terms})
    assert (made["status"], made["kind"], made["subscription_id"]) == ("draft", "custom", None)
    assert made["total"]["amount"] == 12500
    await stage.rest()
    return replace(client, subscription=made["id"].replace("inv_", "cst_"))


async def shown(stage: Stage, custom: Client) -> dict[str, Any]:
    found: dict[str, Any] = await stage.agency.get(f"/v1/agency/invoices/{_id(custom)}")
    return found


def _id(custom: Client) -> str:
    return custom.subscription.replace("cst_", "inv_")


async def test_charged_it_is_declined_retried_and_paid_by_a_new_card_while_the_subscription_goes_on(
    stage: Stage,
) -> None:
    client = await stage.subscribe()
    await stage.behave(client, "insufficient_funds")
    custom = await make(stage, client, collection="charge")

    invoice = await shown(stage, custom)
    assert (invoice["status"], invoice["portal_status"]) == ("open", "failed")
    assert [line["amount"]["amount"] for line in invoice["lines"]] == [15000, -2500]
    banner = await stage.banner(client)
    assert banner
    assert (banner["kind"], banner["amount_due"]["amount"]) == ("payment_failed", 12500)
    assert (await stage.shown(client))["status"] == "active"

    await stage.advance(days=9)
    attempts = await stage.attempts(custom)
    assert gaps([tried.at for tried in attempts]) == [3 * DAY, 5 * DAY]

    await stage.type_card(client, ANOTHER_THAT_PAYS)
    assert (await shown(stage, custom))["status"] == "paid"
    assert await stage.finished(custom)
    assert [tried.origin for tried in await stage.attempts(custom)] == ["issue", "ladder", "ladder", "new_card"]
    assert await stage.banner(client) is None
    assert (await stage.shown(client))["status"] == "active"
    await stage.check()


async def test_sent_it_is_mailed_reminded_of_sent_again_and_paid_on_its_page(stage: Stage) -> None:
    client = await stage.client()
    custom = await make(stage, client, collection="send", days_until_due=14)
    invoice = await shown(stage, custom)
    assert invoice["status"] == "open"
    assert invoice["due_at"]
    assert await stage.banner(client) is None

    await stage.advance(days=14, hours=1)
    reminded = await stage.sandbox.pool.fetchval(
        "SELECT count(*) FROM notifications WHERE client_id = $1 AND kind = 'invoice_due'", client.id
    )
    assert reminded == 2, "three days before, and on the day"
    sent = await stage.agency.post(f"/v1/agency/invoices/{_id(custom)}/send", {})
    assert sent["status"] == "open"

    body = {"invoice_id": _id(custom), "action": "pay", "number": ANOTHER_THAT_PAYS}
    await stage.control.post("/hosted-invoices", body)
    await stage.rest()
    assert (await shown(stage, custom))["status"] == "paid"
    assert await stage.finished(custom)
    assert await stage.attempts(custom) == []
    await stage.check()


async def test_declined_for_a_client_without_a_subscription_it_is_voided(stage: Stage) -> None:
    client = await stage.client()
    await stage.type_card(client, FAILS)
    custom = await make(stage, client, collection="charge")
    assert (await shown(stage, custom))["portal_status"] == "failed"
    listed = await client.portal.get("/v1/portal/billing/invoices")
    assert [one["id"] for one in listed["data"]] == [_id(custom)]

    said = await stage.agency.post(f"/v1/agency/invoices/{_id(custom)}/void", {})
    assert said["status"] == "void"
    await stage.rest()
    assert await stage.finished(custom)
    await stage.check()
