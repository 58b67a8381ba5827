"""One invoice per order, exactly our lines, whatever is lost on the way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

import pytest

from billing.invoices import InvoiceStatus, Line, LineKind, total
from billing.payments import InvoiceOrder, KeyMisused, LinesDiffer, OutcomeUnknown, TryLater
from tests.contract.gateway.world import Emulator, World

CALLS = ("invoices.create", "invoices.add_lines", "invoices.retrieve", "invoices.finalize_invoice")
OLD = timedelta(hours=21)
PERIOD_START = datetime(2026, 10, 31, 9, 30, tzinfo=UTC)
PERIOD_END = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)

Tampering = Literal["amount", "line_id", "one more", "one less", "deleted"]


def one(amount: int, description: str = "Voice Pro") -> Line:
    return Line(LineKind.PRICE, description, amount)


async def assert_issued_once(world: World, order: InvoiceOrder) -> None:
    (invoice,) = await world.invoices_of(order)
    assert invoice.status == "open"
    assert invoice.total == total(order.lines)
    assert [line.description for line in invoice.lines.data] == [line.description for line in order.lines]


async def test_an_invoice_is_issued(world: World) -> None:
    order, read = await world.issued()

    assert read.invoice == order.invoice
    assert read.status is InvoiceStatus.OPEN
    assert (read.currency, read.subtotal, read.total, read.amount_due, read.amount_paid) == ("usd", 6000, 6000, 6000, 0)
    assert (read.starting_balance, read.ending_balance, read.paid_out_of_band) == (0, 0, False)
    assert read.number
    assert read.hosted_url
    assert read.pdf_url
    assert (read.intent, read.charges) == ("requires_payment_method", ())


async def test_what_was_ordered_is_what_stands_there(world: World) -> None:
    order, read = await world.issued()
    invoice = await world.ask(lambda o: world.connection.v1.invoices.retrieve_async(read.provider_id, None, o))

    assert [(line.description, line.amount) for line in invoice.lines.data] == [
        (line.description, line.amount) for line in order.lines
    ]
    period = invoice.lines.data[0].period
    assert (period.start, period.end) == (int(PERIOD_START.timestamp()), int(PERIOD_END.timestamp()))
    assert invoice.description == order.description
    assert invoice.metadata is not None
    assert invoice.metadata.to_dict() == {"subscription": "sub_1", "invoice_id": order.invoice}
    assert (invoice.auto_advance, invoice.collection_method) == (False, "charge_automatically")
    assert invoice.payment_settings.payment_method_types == ["card"]


async def test_issuing_again_is_the_same_invoice(world: World) -> None:
    order, first = await world.issued()
    assert await world.issue(order) == first
    assert await world.issue(replace(order, provider_id=first.provider_id)) == first
    await assert_issued_once(world, order)


async def test_issuing_again_shows_the_invoice_as_it_is_by_now(world: World) -> None:
    order, first = await world.issued()
    await world.pay(order, first)
    again = await world.issue(order)
    assert (again.status, again.amount_paid, again.intent) == (InvoiceStatus.PAID, 6000, "succeeded")


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 4900), ("kwd", 12340), ("eur", 999)])
async def test_amounts_are_in_the_currencys_own_units(world: World, currency: str, amount: int) -> None:
    _, read = await world.issued(one(amount), currency=currency)
    assert (read.currency, read.total, read.amount_due) == (currency, amount, amount)


async def test_more_lines_than_an_invoice_shows_are_all_compared(world: World) -> None:
    order, read = await world.issued(*(one(100 + number) for number in range(25)))
    assert read.total == total(order.lines)


async def test_less_than_stripe_charges_goes_to_the_balance(world: World) -> None:
    _, read = await world.issued(one(30))
    assert (read.status, read.total, read.amount_due, read.ending_balance) == (InvoiceStatus.PAID, 30, 0, 30)


async def test_a_balance_is_part_of_what_is_due(world: World) -> None:
    order = await world.order(one(4900))
    await world.do(lambda o: world.connection.v1.customers.update_async(order.customer, {"balance": -1000}, o))
    read = await world.issue(order)
    assert (read.total, read.amount_due, read.starting_balance, read.ending_balance) == (4900, 3900, -1000, 0)


async def test_another_content_under_the_same_id_is_our_mistake(world: World) -> None:
    order, _ = await world.issued()
    with pytest.raises(KeyMisused):
        await world.issue(replace(order, lines=order.lines[:1]))


@pytest.mark.parametrize("fault", ["drop_answer", "refuse"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_lost_call_leaves_one_invoice(emulator: Emulator, call: str, fault: str) -> None:
    order = await emulator.world.order()
    await emulator.fault(call, fault)
    with pytest.raises(OutcomeUnknown):
        await emulator.world.issue(order)

    assert (await emulator.world.issue(order)).status is InvoiceStatus.OPEN
    await assert_issued_once(emulator.world, order)


@pytest.mark.parametrize("call", CALLS)
async def test_a_crowd_at_stripe_is_waited_for(emulator: Emulator, call: str) -> None:
    order = await emulator.world.order()
    await emulator.fault(call, "rate_limit")
    with pytest.raises(TryLater):
        await emulator.world.issue(order)

    assert (await emulator.world.issue(order)).status is InvoiceStatus.OPEN
    await assert_issued_once(emulator.world, order)


@pytest.mark.parametrize("call", ["invoices.create", "invoices.add_lines", "invoices.finalize_invoice"])
async def test_a_stored_failure_is_stepped_over(emulator: Emulator, call: str) -> None:
    order = await emulator.world.order()
    await emulator.fault(call, "error_500")
    with pytest.raises(OutcomeUnknown) as caught:
        await emulator.world.issue(order)
    assert not caught.value.stored

    first = await emulator.world.issue(order)
    assert first.status is InvoiceStatus.OPEN
    assert await emulator.world.issue(order) == first
    assert await emulator.world.issue(replace(order, provider_id=first.provider_id)) == first
    await assert_issued_once(emulator.world, order)


async def test_an_outage_costs_one_series_of_keys_a_try(emulator: Emulator) -> None:
    order = await emulator.world.order()
    await emulator.fault("invoices.create", "error_500", times=5)
    for _ in range(5):
        with pytest.raises(OutcomeUnknown):
            await emulator.world.issue(order)
    assert await emulator.world.invoices_of(order) == []

    assert (await emulator.world.issue(order)).status is InvoiceStatus.OPEN
    await assert_issued_once(emulator.world, order)


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("lost", [None, *CALLS])
async def test_after_twenty_hours_it_is_looked_up(emulator: Emulator, lost: str | None, pruned: bool) -> None:
    """`lost`: where the first try ended, its answer gone."""
    world = emulator.world
    order = await world.order(created_at=datetime.now(UTC))
    if lost:
        await emulator.fault(lost, "drop_answer")
        with pytest.raises(OutcomeUnknown):
            await world.issue(order)
    if pruned:
        await emulator.prune_keys()
    used = {request["idempotency_key"] for request in await emulator.requests()}

    late = order.created_at + OLD
    assert (await world.payments.issue(world.account, order, late)).status is InvoiceStatus.OPEN
    assert (await world.payments.issue(world.account, order, late)).status is InvoiceStatus.OPEN

    await assert_issued_once(world, order)
    sent = [request["idempotency_key"] for request in await emulator.requests() if request["idempotency_key"]]
    assert len([key for key in sent if key in used and key.startswith(f"invoice:{order.invoice}:")]) == len(
        [key for key in used if key and key.startswith(f"invoice:{order.invoice}:")]
    )


async def test_after_twenty_hours_a_paid_one_is_believed(emulator: Emulator) -> None:
    world = emulator.world
    order, first = await world.issued()
    await world.pay(order, first)
    await emulator.prune_keys()

    again = await world.payments.issue(world.account, order, order.created_at + OLD)
    assert (again.provider_id, again.status) == (first.provider_id, InvoiceStatus.PAID)


async def test_another_invoice_of_the_customer_is_not_taken_for_ours(emulator: Emulator) -> None:
    world = emulator.world
    other, first = await world.issued()
    order = replace(await world.order(), customer=other.customer)
    read = await world.payments.issue(world.account, order, order.created_at + OLD)
    assert read.provider_id != first.provider_id


async def drafted(emulator: Emulator) -> tuple[InvoiceOrder, str]:
    """An order whose draft is complete, its try ended before it was read."""
    order = await emulator.world.order()
    await emulator.fault("invoices.retrieve", "refuse")
    with pytest.raises(OutcomeUnknown):
        await emulator.world.issue(order)
    (draft,) = await emulator.world.invoices_of(order)
    assert (draft.status, draft.auto_advance) == ("draft", False)
    return order, draft.id


async def tamper(world: World, draft: str, how: Tampering) -> None:
    invoices = world.connection.v1.invoices
    (first, *_) = (await world.ask(lambda o: invoices.line_items.list_async(draft, None, o))).data
    match how:
        case "amount":
            await world.do(lambda o: invoices.line_items.update_async(draft, first.id, {"amount": 1}, o))
        case "line_id":
            await world.do(
                lambda o: invoices.line_items.update_async(draft, first.id, {"metadata": {"line_id": "x"}}, o)
            )
        case "one more":
            await world.do(
                lambda o: invoices.add_lines_async(draft, {"lines": [{"amount": 1, "description": "Tip"}]}, o)
            )
        case "one less":
            await world.do(
                lambda o: invoices.remove_lines_async(draft, {"lines": [{"id": first.id, "behavior": "delete"}]}, o)
            )
        case "deleted":
            await world.do(lambda o: invoices.delete_async(draft, None, o))


@pytest.mark.parametrize("how", get_args(Tampering))
async def test_a_draft_that_is_not_ours_is_deleted_and_reported(emulator: Emulator, how: Tampering) -> None:
    order, draft = await drafted(emulator)
    await tamper(emulator.world, draft, how)
    for _ in range(2):
        with pytest.raises(LinesDiffer):
            await emulator.world.issue(order)
        assert await emulator.world.invoices_of(order) == []


async def test_the_deletion_may_be_lost_too(emulator: Emulator) -> None:
    order, draft = await drafted(emulator)
    await tamper(emulator.world, draft, "amount")
    await emulator.fault("invoices.delete", "drop_answer")
    with pytest.raises(OutcomeUnknown):
        await emulator.world.issue(order)
    with pytest.raises(LinesDiffer):
        await emulator.world.issue(order)
    assert await emulator.world.invoices_of(order) == []


async def test_a_draft_that_the_agency_finalized_is_believed(emulator: Emulator) -> None:
    order, draft = await drafted(emulator)
    world = emulator.world
    await world.do(lambda o: world.connection.v1.invoices.finalize_invoice_async(draft, None, o))
    assert (await world.issue(order)).status is InvoiceStatus.OPEN
    await assert_issued_once(world, order)


async def test_a_draft_that_the_agency_finalizes_meanwhile_is_believed(emulator: Emulator) -> None:
    order, draft = await drafted(emulator)
    world = emulator.world
    await emulator.fault("invoices.finalize_invoice", "delay_before", seconds=600)
    ours = asyncio.create_task(world.issue(order))
    await emulator.struck()
    await world.do(lambda o: world.connection.v1.invoices.finalize_invoice_async(draft, None, o))
    await emulator.control.delete("/_emulator/faults")

    assert (await ours).status is InvoiceStatus.OPEN
    await assert_issued_once(world, order)


async def test_an_issued_invoice_that_is_not_ours_is_reported_and_stands(emulator: Emulator) -> None:
    order, draft = await drafted(emulator)
    world = emulator.world
    await tamper(world, draft, "amount")
    await world.do(lambda o: world.connection.v1.invoices.finalize_invoice_async(draft, None, o))
    with pytest.raises(LinesDiffer):
        await world.issue(order)
    (invoice,) = await world.invoices_of(order)
    assert invoice.status == "open"
