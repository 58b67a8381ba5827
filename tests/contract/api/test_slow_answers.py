"""What is not settled in time is said so, and the same key asked again brings the final answer (http-api.md)."""

import asyncio

from support.http import refused
from support.tenant import FAILS, Tenant, subscription_of

KEY = {"Idempotency-Key": "slow-1"}


async def test_a_bank_that_takes_days_is_waited_for_20_seconds_and_a_void_behind_it_15(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    await tenant.bank(client, "processing")
    retry = f"{subscription_of(client)}/retry"

    async def void() -> None:
        await tenant.attempts(invoice["id"], 2)
        with refused(409, "payment_in_progress"):
            await tenant.api.post(f"/v1/agency/invoices/{invoice['id']}/void", {"reason": "meanwhile"})

    answer, _ = await asyncio.gather(tenant.api.send("POST", retry, headers=KEY), void())
    assert (answer.status_code, answer.json()) == (202, {"status": "processing"})
    await tenant.site.stripe.tell(f"payments/{invoice['stripe_invoice_id']}/settle", {"outcome": "succeeded"})

    async def paid() -> bool:
        return bool((await tenant.invoice(client))["status"] == "paid")

    await tenant.eventually(paid)
    final = await tenant.api.send("POST", retry, headers=KEY)
    assert (final.status_code, final.json()["open_invoices"]) == (200, 0)
    assert "Idempotent-Replayed" not in final.headers
    replayed = await tenant.api.send("POST", retry, headers=KEY)
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (200, "true")
    assert replayed.json() == final.json()


async def test_a_command_whose_answer_was_lost_is_answered_after_the_workflow_has_ended(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, start="first_card")
    await tenant.running(client)
    cancel = f"{subscription_of(client)}/cancel"
    key = {"Idempotency-Key": "lost-1"}
    first = await tenant.api.send("POST", cancel, json={"at": "now"}, headers=key)
    await tenant.ended(client)
    # As if the process had died before it could keep its answer.
    await tenant.site.pool.execute(
        "UPDATE idempotency_keys SET status_code = NULL, response = NULL WHERE key = 'lost-1'"
    )
    again = await tenant.api.send("POST", cancel, json={"at": "now"}, headers=key)
    assert (first.status_code, again.status_code, again.json()["status"]) == (200, 200, "cancelled")
    with refused(409, "already_cancelled"):
        await tenant.api.post(cancel, {"at": "now"})
