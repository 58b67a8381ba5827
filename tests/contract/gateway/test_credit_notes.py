"""Making credit notes: each once, whatever is lost on the way and however late it is tried again."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from billing.credit_notes import CreditOrder
from billing.invoices import InvoiceStatus
from billing.payments import InvoiceReading, OutcomeUnknown, Refused
from tests.contract.gateway.world import Emulator, World


def an_order(amount: int = 1000) -> CreditOrder:
    return CreditOrder(f"cnt_{secrets.token_hex(8)}", amount, "order_change", "Two days without service")


async def credit(
    world: World, issued: InvoiceReading, order: CreditOrder, later: timedelta = timedelta()
) -> InvoiceReading:
    now = datetime.now(UTC)
    return await world.payments.credit(world.account, issued.provider_id, order, now, now + later)


async def test_a_credit_note_is_made_once_and_lowers_what_is_due(world: World) -> None:
    order, (_, issued) = an_order(), await world.issued()
    for later in (timedelta(), timedelta(hours=30)):
        after = await credit(world, issued, order, later)
        assert (after.status, after.amount_due, len(after.credit_notes)) == (InvoiceStatus.OPEN, 5000, 1)
    (note,) = after.credit_notes
    assert (note.note, note.reason, note.memo) == (order.note, "order_change", "Two days without service")


@pytest.mark.parametrize("fault", ["drop_answer", "error_500"])
async def test_a_lost_credit_note_is_found_out(emulator: Emulator, fault: str) -> None:
    world, order = emulator.world, an_order()
    _, issued = await world.issued()
    await emulator.fault("credit_notes.create", fault)
    if fault == "error_500":
        with pytest.raises(OutcomeUnknown):
            await credit(world, issued, order)
    for _ in range(2):
        after = await credit(world, issued, order)
        assert (after.amount_due, len(after.credit_notes)) == (5000, 1)


async def test_more_than_is_owed_is_refused_and_what_is_paid_only_read(world: World) -> None:
    bill, issued = await world.issued()
    with pytest.raises(Refused):
        await credit(world, issued, an_order(6001))
    await world.pay(bill, issued)
    after = await credit(world, issued, an_order())
    assert (after.status, after.credit_notes) == (InvoiceStatus.PAID, ())
