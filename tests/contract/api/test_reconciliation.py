"""Stripe and our books compared on the real servers: what was lost is applied, what differs is told once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from support.http import Json
from support.tenant import ANOTHER_THAT_PAYS, FAILS, Tenant
from temporalio.client import Client, ScheduleIntervalSpec, ScheduleOverlapPolicy
from temporalio.service import RPCError

from activities.messages import Tally
from worker.reconcile import reconcile
from worker.schedules import schedule_reconciliation
from workflows.messages import RECONCILIATION_SCHEDULE

FINDINGS = "/v1/agency/findings"


async def compare(tenant: Tenant, account: str | None = None) -> Tally:
    return await reconcile(tenant.site.app.state.services.temporal, account)


async def account_of(tenant: Tenant) -> str:
    account: str = await tenant.site.pool.fetchval(
        "SELECT account_id FROM connected_accounts WHERE agency_id = $1", tenant.id
    )
    return account


async def findings(tenant: Tenant, **query: Any) -> list[Json]:
    found: list[Json] = (await tenant.api.get(FINDINGS, **query))["data"]
    return found


async def told(tenant: Tenant) -> list[Json]:
    messages = (await tenant.api.get("/v1/agency/notifications"))["data"]
    return [one for one in messages if one["kind"] == "finding"]


@contextlib.asynccontextmanager
async def lost_webhooks(tenant: Tenant) -> AsyncIterator[None]:
    """What Stripe sends inside the block does not come before its end."""
    await tenant.site.stripe.tell("webhooks", {"mode": "hold"})
    yield
    await tenant.site.stripe.tell("webhooks", {"mode": "normal"})


async def test_lost_webhooks_are_applied(own: Tenant) -> None:
    account, client = await account_of(own), await own.subscribed(FAILS)
    invoice = await own.invoice(client)
    another = await own.subscribed(FAILS)
    credited = await own.invoice(another)
    await own.attempts(credited["id"], 1)
    async with lost_webhooks(own):
        note = {"action": "credit_note", "amount": 900}
        await own.site.stripe.tell(f"dashboard/{credited['stripe_invoice_id']}", note)
        provider_id = await own.site.pool.fetchval("SELECT provider_id FROM invoices WHERE id = $1", invoice["id"])
        await own.site.stripe.tell(f"hosted-invoices/{provider_id}", {"action": "pay", "number": ANOTHER_THAT_PAYS})
        await own.site.stripe.tell(f"accounts/{account}", {"action": "restrict"})

        tally = await compare(own, account)
        assert (tally.failed, tally.differing) == (0, 0)
        assert tally.events > 0

        async def paid() -> bool:
            live = await own.live(client)
            owed = (await own.live(another))["amount_due"]["amount"]
            return (await own.invoice(client))["status"] == "paid" and live["open_invoices"] == 0 and owed == 4000

        await own.eventually(paid)
        state = await own.site.pool.fetchval("SELECT state FROM connected_accounts WHERE account_id = $1", account)
        assert state == "restricted"
        assert await findings(own) == []
        # All of it is known now: nothing is taken in twice.
        assert (await compare(own, account)).events == 0


async def test_what_differs_is_a_finding_until_it_does_no_more(own: Tenant, other: Tenant) -> None:
    account, client = await account_of(own), await own.subscribed()
    invoice = await own.invoice(client)
    customer = await own.site.pool.fetchval("SELECT customer_id FROM customers WHERE client_id = $1", client)
    form = {"customer": customer, "currency": "usd", "auto_advance": "false", "metadata[invoice_id]": invoice["id"]}
    second = (await own.site.ask_stripe("/v1/invoices", account, form))["id"]
    line = {"lines[0][amount]": "100", "lines[0][description]": "By hand"}
    await own.site.ask_stripe(f"/v1/invoices/{second}/add_lines", account, line)
    await own.site.ask_stripe(f"/v1/invoices/{second}/finalize", account, {"auto_advance": "false"})

    assert (await compare(own, account)).opened == 1
    (found,) = await findings(own)
    assert (found["kind"], found["object"], found["account_id"]) == ("invoice_unknown", second, account)
    assert (found["ours"], found["resolved_at"]) == (f"{invoice['id']} is no such invoice", None)
    again = await compare(own, account)
    assert (again.differing, again.opened, again.resolved) == (1, 0, 0)
    (lasting,) = await findings(own, open="true")
    assert (lasting["id"], lasting["first_seen_at"]) == (found["id"], found["first_seen_at"])
    assert lasting["last_seen_at"] > found["last_seen_at"]
    (message,) = await told(own)
    assert (message["title"], message["client_id"]) == ("Stripe and Retainer differ", None)

    await own.site.ask_stripe(f"/v1/invoices/{second}/void", account, {})
    assert (await compare(own, account)).resolved == 1
    assert await findings(own, open="true") == []
    assert (await findings(own))[0]["resolved_at"]
    assert len(await told(own)) == 1
    assert await findings(other) == []


async def test_an_account_that_can_not_be_read_costs_its_own_look_and_no_more(own: Tenant) -> None:
    async with own.site.trouble("charges.list", "refuse"):
        tally = await compare(own, await account_of(own))
    assert (tally.accounts, tally.failed) == (1, 1)
    assert await findings(own) == []


async def test_a_run_looks_at_every_account_and_is_remembered(own: Tenant) -> None:
    tally = await compare(own)
    assert tally.failed == 0
    assert tally.accounts == await own.site.pool.fetchval(
        "SELECT count(*) FROM connected_accounts WHERE account_id IS NOT NULL AND state <> 'disconnected'"
    )
    run = await own.site.pool.fetchrow("SELECT * FROM reconciliations ORDER BY finished_at DESC LIMIT 1")
    assert (run["accounts"], run["failed"]) == (tally.accounts, 0)
    query = "SELECT reconciled_at FROM connected_accounts WHERE account_id = $1"
    assert run["started_at"] <= await own.site.pool.fetchval(query, await account_of(own)) <= run["finished_at"]


async def test_the_schedule_is_as_the_settings_want_it_whoever_starts(own: Tenant) -> None:
    client: Client = own.site.app.state.services.temporal
    handle = client.get_schedule_handle(RECONCILIATION_SCHEDULE)
    for hours in (24, 36):
        every = timedelta(hours=hours)
        await asyncio.gather(*(schedule_reconciliation(client, every) for _ in range(2)))
        there = (await handle.describe()).schedule
        assert there.spec.intervals == [ScheduleIntervalSpec(every=every)]
        assert there.policy.overlap is ScheduleOverlapPolicy.SKIP
    await handle.pause(note="nobody at work")
    await schedule_reconciliation(client, timedelta(hours=24))
    assert (await handle.describe()).schedule.state.paused, "what a person did stays"
    for _ in range(2):
        await schedule_reconciliation(client, None)
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
