"""What an agency orders of a running subscription: cancel, take that back, retry."""

import asyncio
from typing import Any

import pytest
from support.http import refused
from support.tenant import ANOTHER_THAT_PAYS, FAILS, PAYS, Tenant, subscription_of


async def test_a_cancellation_at_period_end_is_agreed_and_taken_back(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    cancel = f"{subscription_of(client)}/cancel"
    agreed = await tenant.api.post(cancel, {"at": "period_end"})
    assert (agreed["status"], agreed["cancel_at"]) == ("active", agreed["current_period"]["end"])
    assert {**await tenant.live(client), "as_of": ""} == {**agreed, "as_of": ""}
    with refused(409, "cancel_pending"):
        await tenant.api.post(cancel, None)
    assert (await tenant.api.delete(cancel))["cancel_at"] is None
    with refused(409, "no_pending_cancel"):
        await tenant.api.delete(cancel)


async def test_a_cancellation_now_ends_service_and_the_final_invoice_is_overage_alone(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path = subscription_of(client)
    ended = await tenant.api.post(f"{path}/cancel", {"at": "now"})
    assert (ended["status"], ended["current_period"]) == ("cancelled", None)
    assert ended["ended_at"]
    with refused(409, "already_cancelled"):
        await tenant.api.post(f"{path}/cancel", {"at": "now"})
    with refused(409, "no_pending_cancel"):
        await tenant.api.delete(f"{path}/cancel")


async def test_an_agreed_cancellation_can_still_become_one_now(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    cancel = f"{subscription_of(client)}/cancel"
    await tenant.api.post(cancel, {"at": "period_end"})
    assert (await tenant.api.post(cancel, {"at": "now"}))["status"] == "cancelled"


@pytest.mark.parametrize(("forgive", "left"), [("none", 1), ("open", 0), ("all", 0)])
async def test_a_debt_outlives_a_cancellation_unless_it_is_forgiven(tenant: Tenant, forgive: str, left: int) -> None:
    client = await tenant.subscribed(FAILS)
    await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "now", "forgive": forgive})

    async def settled() -> bool:
        return bool((await tenant.live(client))["open_invoices"] == left)

    await tenant.eventually(settled)
    invoice = await tenant.invoice(client)
    assert invoice["status"] == ("open" if left else "void")


async def test_a_retry_tries_the_open_invoice_at_once(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    retry = f"{subscription_of(client)}/retry"
    failed = await tenant.api.post(retry, {})
    assert (failed["open_invoices"], failed["ladder"]["used"]) == (1, 0)
    await tenant.bank(client, "pays")
    paid = await tenant.api.post(retry, {})
    assert (paid["open_invoices"], paid["ladder"], paid["status"]) == (0, None, "active")
    invoice = await tenant.invoice(client)
    assert [(one["origin"], one["result"]) for one in invoice["attempts"]] == [
        ("issue", "declined"),
        ("retry", "declined"),
        ("retry", "paid"),
    ]
    with refused(409, "nothing_to_collect"):
        await tenant.api.post(retry, {})


async def test_two_retries_at_once_are_one_attempt(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    await tenant.bank(client, "pays")
    invoice = (await tenant.invoice(client))["id"]
    retry = f"{subscription_of(client)}/retry"
    async with tenant.site.trouble("invoices.pay", "delay", seconds=2):
        first = asyncio.create_task(tenant.api.post(retry, {}))
        await tenant.attempts(invoice, 2)
        second = await tenant.api.post(retry, {})
    assert [one["open_invoices"] for one in (await first, second)] == [0, 0]
    assert len((await tenant.invoice(client))["attempts"]) == 2


@pytest.mark.parametrize(
    ("behaviour", "code"), [("lost_card", "new_card_required"), ("needs_authentication", "action_required")]
)
async def test_a_card_that_must_not_be_tried_again_is_not(tenant: Tenant, behaviour: str, code: str) -> None:
    client = await tenant.subscribed(FAILS)
    await tenant.bank(client, behaviour)
    retry = f"{subscription_of(client)}/retry"
    await tenant.api.post(retry, {})
    with refused(409, code):
        await tenant.api.post(retry, {})
    assert len((await tenant.invoice(client))["attempts"]) == 2
    await tenant.save_card(client, ANOTHER_THAT_PAYS)

    async def paid() -> bool:
        return bool((await tenant.invoice(client))["status"] == "paid")

    await tenant.eventually(paid)


async def test_without_a_card_there_is_nothing_to_retry_with(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    await tenant.invoice(client)

    async def reminded() -> bool:
        return (await tenant.live(client))["ladder"] is not None

    await tenant.eventually(reminded)
    with refused(409, "no_payment_method"):
        await tenant.api.post(f"{subscription_of(client)}/retry", {})


@pytest.mark.parametrize("body", [{"at": "later"}, {"at": None}, {"forgive": "some"}, {"reason": "x"}, []])
async def test_a_cancellation_takes_nothing_else(bystander: Tenant, body: Any) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.post("/v1/agency/clients/cli_none/subscription/cancel", body)


async def test_commands_of_clients_without_subscription_are_not_found(bare: Tenant) -> None:
    client = await bare.client()
    for command, body in (("cancel", {}), ("retry", {})):
        with refused(404, "not_found"):
            await bare.api.post(f"{subscription_of(client)}/{command}", body)


async def test_every_order_stands_in_the_trail_with_who_gave_it(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    await tenant.api.post(f"{subscription_of(client)}/cancel", {})
    await tenant.api.delete(f"{subscription_of(client)}/cancel")
    trail = (await tenant.api.get("/v1/agency/audit", client_id=client))["data"]
    orders = [(one["what"], one["who"]) for one in trail if one["what"] in ("CancelRequested", "CancelUndone")]
    assert orders == [("CancelUndone", "agency:somebody"), ("CancelRequested", "agency:somebody")]
