"""What an account's lists show: invoices with their charges, and every event in the form of its webhook."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.stripe.events import EVENTS
from adapters.stripe.records import StripeRecords
from billing.invoices import InvoiceStatus
from billing.payments import EventReading, InvoiceReading, Refused
from billing.reconciling import Subject
from billing.refunds import RefundOrder
from billing.reversals import ReversalReading
from tests.contract.gateway.test_disputes import provider_invoice
from tests.contract.gateway.test_refunds import paid, refund
from tests.contract.gateway.world import Emulator, World

A_MOMENT = timedelta(minutes=5)
"""Beyond what other tests have moved this Stripe's clock ahead by."""


async def listed(world: World, since: datetime) -> dict[str, InvoiceReading]:
    pages = [page async for page in StripeRecords(world.connection).invoices(world.account, since)]
    return {reading.provider_id: reading for page in pages for reading in page}


async def test_invoices_are_listed_as_they_are_read_one_by_one(world: World) -> None:
    since = datetime.now(UTC) - A_MOMENT
    (order, paid), (_, declined), (_, untried) = [await world.issued() for _ in range(3)]
    await world.pay(order, paid)
    tried, _ = await world.issued()
    found = await listed(world, since)
    for reading in (paid, declined, untried):
        alone = await world.payments.read_invoice(world.account, reading.provider_id)
        shown = found[reading.provider_id]
        assert (shown.invoice, shown.status, shown.amount_due, shown.amount_paid) == (
            alone.invoice,
            alone.status,
            alone.amount_due,
            alone.amount_paid,
        )
        assert [charge.id for charge in shown.charges] == [charge.id for charge in alone.charges]
    assert found[paid.provider_id].charges[0].status == "succeeded"
    assert tried.invoice in {reading.invoice for reading in found.values()}


async def test_an_older_invoice_is_listed_while_it_is_open(world: World) -> None:
    (order, paid), (_, owed) = [await world.issued() for _ in range(2)]
    await world.pay(order, paid)
    found = await listed(world, datetime.now(UTC) + A_MOMENT)
    assert owed.provider_id in found
    assert paid.provider_id not in found
    assert {reading.status for reading in found.values()} == {InvoiceStatus.OPEN}


async def test_events_are_listed_as_a_webhook_brings_them(world: World) -> None:
    since = datetime.now(UTC) - A_MOMENT
    order, issued = await world.issued()
    await world.pay(order, issued)
    pages = [page async for page in StripeRecords(world.connection).events(world.account, since)]
    events: list[EventReading] = [event for page in pages for event in page]
    assert {event.type for event in events} <= EVENTS
    assert len({event.id for event in events}) == len(events)
    (paid,) = [one for one in events if one.type == "invoice.paid" and one.object_id == issued.provider_id]
    assert (paid.customer, json.loads(paid.payload)["account"]) == (order.customer, world.account)
    assert paid.created_at >= since
    later = StripeRecords(world.connection).events(world.account, datetime.now(UTC) + A_MOMENT)
    assert [page async for page in later if page] == []


async def customer_of(world: World, order: RefundOrder) -> str:
    invoice = await provider_invoice(world, order)
    shown = await world.ask(lambda o: world.connection.v1.invoices.retrieve_async(invoice, None, o))
    return str(shown.customer)


async def reversed_since(world: World, since: datetime) -> dict[str, ReversalReading]:
    pages = [page async for page in StripeRecords(world.connection).reversals(world.account, since)]
    return {reading.provider_id: reading for page in pages for reading in page}


async def test_refunds_and_disputes_are_listed_as_they_are_read_one_by_one(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.stripe.records._PAGE", 1)
    world, since = emulator.world, datetime.now(UTC) - A_MOMENT
    orders = [await paid(world, f"rfd_listed_{number}") for number in range(2)]
    made = [await refund(world, order) for order in orders]
    await emulator.tell(f"refunds/{made[1].provider_id}/fail", reason="expired_or_canceled_card")
    disputed = await paid(world, "rfd_of_disputed")
    for action in ("inquiry", "dispute_escalated", "dispute_lost"):
        said = await emulator.tell(f"dashboard/{await provider_invoice(world, disputed)}", action=action)
    found = await reversed_since(world, since)
    assert [(found[one.provider_id].subject, found[one.provider_id].status) for one in made] == [
        (Subject.REFUND, "succeeded"),
        (Subject.REFUND, "failed"),
    ]
    lost = found[said["made"]["id"]]
    assert (lost.subject, lost.status, lost.amount, lost.currency) == (Subject.DISPUTE, "lost", 6000, "usd")
    for reading, order in zip([*(found[one.provider_id] for one in made), lost], [*orders, disputed], strict=True):
        assert reading.payment_intent == order.payment_intent
        assert reading.customer == await customer_of(world, order)
        alone = await StripeRecords(world.connection).read_reversal(world.account, reading.subject, reading.provider_id)
        assert alone == reading
    assert await reversed_since(world, datetime.now(UTC) + A_MOMENT) == {}


async def test_what_stripe_does_not_have_is_read_as_nothing_and_a_refusal_is_one(world: World) -> None:
    records = StripeRecords(world.connection)
    assert await records.read_reversal(world.account, Subject.REFUND, "re_nowhere") is None
    assert await records.read_reversal(world.account, Subject.DISPUTE, "du_nowhere") is None
    with pytest.raises(Refused):
        await records.read_reversal("acct_nowhere", Subject.REFUND, "re_nowhere")
