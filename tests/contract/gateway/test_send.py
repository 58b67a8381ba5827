"""Invoices that Stripe mails to the client: made so, mailed once, and mailed again when somebody asks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.invoices import InvoiceStatus, Line, LineKind
from billing.payments import InvoiceOrder, InvoiceReading, OutcomeUnknown, Refused
from tests.contract.gateway.world import Emulator, World

SET_UP = Line(LineKind.CUSTOM, "Set-up of the second number", 15000)
AGREED = Line(LineKind.CUSTOM, "As agreed", -2500)


async def to_send(world: World, days: int = 14) -> InvoiceOrder:
    return replace(await world.order(SET_UP, AGREED), days_until_due=days)


async def sent(world: World) -> tuple[InvoiceOrder, InvoiceReading]:
    order = await to_send(world)
    return order, await world.issue(order)


async def mails(world: World, issued: InvoiceReading) -> int:
    """How often Stripe says that it mailed the invoice."""
    events = await world.ask(lambda o: world.connection.v1.events.list_async({"type": "invoice.sent", "limit": 100}, o))
    return sum(event.data.object["id"] == issued.provider_id for event in events.data)


async def test_it_is_open_due_in_so_many_days_and_mailed_once(world: World) -> None:
    order, issued = await sent(world)
    assert (issued.status, issued.amount_due) == (InvoiceStatus.OPEN, 12500)
    assert issued.due_at
    assert abs(issued.due_at - datetime.now(UTC) - timedelta(days=14)) < timedelta(minutes=5)
    (made,) = await world.invoices_of(order)
    assert made.collection_method == "send_invoice"
    assert await mails(world, issued) == 1

    again = await world.issue(order)
    assert (again, await mails(world, issued)) == (issued, 1)


async def test_what_is_charged_is_neither_due_nor_mailed(world: World) -> None:
    order, issued = await world.issued(SET_UP)
    (made,) = await world.invoices_of(order)
    assert (made.collection_method, issued.due_at) == ("charge_automatically", None)
    assert await mails(world, issued) == 0
    with pytest.raises(Refused):
        await world.payments.send(world.account, issued.provider_id, order.invoice, "request-1")


async def test_a_sent_one_can_be_paid_with_the_card_on_file(world: World) -> None:
    order, issued = await sent(world)
    answer = await world.pay(order, issued, on_session=True)
    assert (answer.result, answer.amount) == ("paid", 12500)


async def test_it_is_mailed_again_once_for_each_request(world: World) -> None:
    order, issued = await sent(world)
    for request in ("request-1", "request-1", "request-2"):
        await world.payments.send(world.account, issued.provider_id, order.invoice, request)
    assert await mails(world, issued) == 3


@pytest.mark.parametrize("fault", ["drop_answer", "refuse", "error_500"])
async def test_a_mail_whose_answer_was_lost_at_issue_is_made_good(emulator: Emulator, fault: str) -> None:
    world = emulator.world
    order = await to_send(world)
    await emulator.fault("invoices.send_invoice", fault)
    with pytest.raises(OutcomeUnknown):
        await world.issue(order)
    issued = await world.issue(order)
    assert issued.status is InvoiceStatus.OPEN
    assert len(await world.invoices_of(order)) == 1
    assert await mails(world, issued) == 1


async def test_a_stored_failure_of_a_mail_is_stepped_over(emulator: Emulator) -> None:
    world = emulator.world
    order, issued = await sent(world)
    await emulator.fault("invoices.send_invoice", "error_500")
    with pytest.raises(OutcomeUnknown):
        await world.payments.send(world.account, issued.provider_id, order.invoice, "request-1")
    await world.payments.send(world.account, issued.provider_id, order.invoice, "request-1")
    assert await mails(world, issued) == 2


async def test_what_stripe_refuses_to_mail_is_final_all_the_same_and_says_why(world: World) -> None:
    order = await to_send(world)
    await world.do(lambda o: world.connection.v1.customers.update_async(order.customer, {"email": ""}, o))
    issued = await world.issue(order)
    assert (issued.status, issued.amount_due) == (InvoiceStatus.OPEN, 12500)
    assert "Missing email" in (issued.not_mailed or "")


async def test_what_was_paid_before_a_repeat_is_not_mailed_again(emulator: Emulator) -> None:
    world = emulator.world
    order = await to_send(world)
    await emulator.fault("invoices.send_invoice", "error_500")
    with pytest.raises(OutcomeUnknown):
        await world.issue(order)
    (made,) = await world.invoices_of(order)
    await emulator.tell(f"hosted-invoices/{made.id}", action="pay")
    issued = await world.issue(order)
    assert (issued.status, issued.amount_paid) == (InvoiceStatus.PAID, 12500)
    assert await mails(world, issued) == 0
