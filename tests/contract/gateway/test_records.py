"""What an account's lists show: invoices with their charges, and every event in the form of its webhook."""

import json
from datetime import UTC, datetime, timedelta

from adapters.stripe.events import EVENTS
from adapters.stripe.records import StripeRecords
from billing.invoices import InvoiceStatus
from billing.payments import EventReading, InvoiceReading
from tests.contract.gateway.world import World

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
