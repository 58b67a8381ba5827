"""Voiding, and reading what others did: on Stripe's page, in the dashboard, with cards and with accounts."""

from collections.abc import Awaitable

import pytest

from billing.invoices import InvoiceStatus
from billing.payments import InvoiceReading, OutcomeUnknown, PlatformRefused, Refused
from tests.contract.gateway.world import Emulator, World


async def read(world: World, issued: InvoiceReading) -> InvoiceReading:
    return await world.payments.read_invoice(world.account, issued.provider_id)


async def test_an_open_invoice_is_voided(world: World) -> None:
    order, issued = await world.issued()
    voided = await world.payments.void(world.account, issued.provider_id, order.invoice)
    assert (voided.status, voided.invoice, voided.intent) == (InvoiceStatus.VOID, order.invoice, "canceled")
    assert await world.payments.void(world.account, issued.provider_id, order.invoice) == voided
    assert await read(world, issued) == voided


async def test_an_invoice_is_written_off_then_paid_elsewhere_and_each_once(world: World) -> None:
    order, issued = await world.issued()
    for _ in range(2):
        off = await world.payments.mark_uncollectible(world.account, issued.provider_id, order.invoice)
        assert off.status is InvoiceStatus.UNCOLLECTIBLE
    for _ in range(2):
        paid = await world.payments.mark_paid(world.account, issued.provider_id, order.invoice)
        assert (paid.status, paid.paid_out_of_band) == (InvoiceStatus.PAID, True)
    after = await world.payments.mark_uncollectible(world.account, issued.provider_id, order.invoice)
    assert after.status is InvoiceStatus.PAID


async def test_a_paid_invoice_is_not_voided_but_read(world: World) -> None:
    order, issued = await world.issued()
    await world.pay(order, issued)
    after = await world.payments.void(world.account, issued.provider_id, order.invoice)
    assert (after.status, after.amount_paid) == (InvoiceStatus.PAID, 6000)


@pytest.mark.parametrize("fault", ["drop_answer", "refuse", "error_500"])
async def test_a_lost_void_is_found_out(emulator: Emulator, fault: str) -> None:
    world = emulator.world
    order, issued = await world.issued()
    await emulator.fault("invoices.void_invoice", fault)
    if fault == "drop_answer":
        assert (await void(world, issued.provider_id, order.invoice)) is InvoiceStatus.VOID
    else:
        with pytest.raises(OutcomeUnknown):
            await void(world, issued.provider_id, order.invoice)
    assert (await void(world, issued.provider_id, order.invoice)) is InvoiceStatus.VOID


async def void(world: World, provider_invoice: str, invoice: str) -> InvoiceStatus:
    return (await world.payments.void(world.account, provider_invoice, invoice)).status


@pytest.mark.parametrize(
    ("action", "status", "out_of_band"),
    [
        ("void", InvoiceStatus.VOID, False),
        ("paid_out_of_band", InvoiceStatus.PAID, True),
        ("mark_uncollectible", InvoiceStatus.UNCOLLECTIBLE, False),
    ],
)
async def test_what_the_agency_did_is_read(
    emulator: Emulator, action: str, status: InvoiceStatus, out_of_band: bool
) -> None:
    world = emulator.world
    _, issued = await world.issued()
    await emulator.tell(f"dashboard/{issued.provider_id}", action=action)
    after = await read(world, issued)
    assert (after.status, after.paid_out_of_band, after.charges) == (status, out_of_band, ())


async def test_what_the_client_did_on_stripes_page_is_read(emulator: Emulator) -> None:
    world = emulator.world
    _, issued = await world.issued()
    await emulator.tell(f"hosted-invoices/{issued.provider_id}", action="fail")
    await emulator.tell(f"hosted-invoices/{issued.provider_id}", action="pay")
    after = await read(world, issued)
    assert (after.status, [charge.status for charge in after.charges]) == (InvoiceStatus.PAID, ["failed", "succeeded"])
    assert all(charge.card for charge in after.charges)


async def test_credit_notes_are_read_with_what_they_leave_to_pay(emulator: Emulator) -> None:
    world = emulator.world
    _, issued = await world.issued()
    await emulator.tell(f"dashboard/{issued.provider_id}", action="credit_note", amount=1000)
    after = await read(world, issued)
    assert (after.status, after.amount_due, after.credited_in_full) == (InvoiceStatus.OPEN, 5000, False)
    (note,) = after.credit_notes
    assert (note.amount, note.before_payment, note.note, note.status) == (1000, 1000, None, "issued")
    notes = world.connection.v1.credit_notes
    await world.do(lambda o: notes.void_credit_note_async(note.provider_id, None, o))
    voided = await read(world, issued)
    assert (voided.amount_due, voided.credit_notes) == (6000, ())
    await emulator.tell(f"dashboard/{issued.provider_id}", action="credit_note")
    after = await read(world, issued)
    assert (after.status, after.amount_due, after.amount_paid) == (InvoiceStatus.PAID, 0, 0)
    assert after.credited_in_full
    assert [note.status for note in after.credit_notes] == ["void", "issued"]


async def test_one_that_is_credited_once_it_is_paid_was_paid(emulator: Emulator) -> None:
    world = emulator.world
    order, issued = await world.issued()
    await world.pay(order, issued)
    await emulator.tell(f"dashboard/{issued.provider_id}", action="credit_note")
    after = await read(world, issued)
    assert (after.amount_due, after.credited_in_full) == (6000, False)
    assert [(note.amount, note.before_payment) for note in after.credit_notes] == [(6000, 0)]


async def test_an_invoice_without_a_try_is_read_in_one_call(emulator: Emulator) -> None:
    world = emulator.world
    order, issued = await world.issued()
    assert await calls(emulator, read(world, issued)) == ["invoices.retrieve"]
    await world.pay(order, issued)
    assert await calls(emulator, read(world, issued)) == ["invoices.retrieve", "charges.list"]


async def test_issuing_takes_four_calls(emulator: Emulator) -> None:
    order = await emulator.world.order()
    assert await calls(emulator, emulator.world.issue(order)) == [
        "invoices.create",
        "invoices.add_lines",
        "invoices.retrieve",
        "invoices.finalize_invoice",
    ]


async def calls(emulator: Emulator, doing: Awaitable[InvoiceReading]) -> list[str]:
    """Which API calls something makes, in order."""
    before = len(await emulator.requests())
    await doing
    return [str(request["call"]) for request in (await emulator.requests())[before:]]


async def test_no_invoice_is_refused(world: World) -> None:
    with pytest.raises(Refused) as caught:
        await world.payments.read_invoice(world.account, "in_of_nobody")
    assert (caught.value.status, caught.value.code) == (404, "resource_missing")


async def test_a_card_is_adopted_and_read(world: World) -> None:
    customer = await world.customer()
    assert await world.payments.read_card(world.account, customer) is None

    setup = await world.saved_setup(customer)
    card = await world.payments.adopt_card(world.account, customer, setup.id)
    assert card is not None
    assert (card.id, card.brand, card.last4) == (setup.payment_method, "visa", "4242")
    assert card.fingerprint
    assert await world.payments.read_card(world.account, customer) == card
    assert await world.payments.adopt_card(world.account, customer, setup.id) == card


async def test_the_same_card_saved_again_is_the_same_card(world: World) -> None:
    customer = await world.customer()
    cards = [
        await world.payments.adopt_card(world.account, customer, (await world.saved_setup(customer, name)).id)
        for name in ("pm_card_visa", "pm_card_visa", "pm_card_mastercard")
    ]
    first, again, other = [card.identity for card in cards if card]
    assert first == again
    assert first != other


async def test_a_charge_tells_the_card_on_file(world: World) -> None:
    order, issued = await world.issued()
    card = await world.payments.adopt_card(world.account, order.customer, (await world.saved_setup(order.customer)).id)
    assert card is not None
    await world.pay(order, issued, card.id)
    (charge,) = (await read(world, issued)).charges
    assert charge.card == card.identity


async def test_another_customers_card_is_refused(world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    setup = await world.saved_setup(other)
    with pytest.raises(Refused):
        await world.payments.adopt_card(world.account, customer, setup.id)
    assert await world.payments.read_card(world.account, customer) is None


async def test_an_unfinished_setup_changes_nothing(world: World) -> None:
    customer = await world.customer()
    setup = await world.do(lambda o: world.connection.v1.setup_intents.create_async({"customer": customer}, o))
    assert await world.payments.adopt_card(world.account, customer, setup.id) is None


async def test_a_detached_card_is_gone(world: World) -> None:
    customer = await world.customer()
    setup = await world.saved_setup(customer)
    card = await world.payments.adopt_card(world.account, customer, setup.id)
    assert card is not None
    await world.do(lambda o: world.connection.v1.payment_methods.detach_async(card.id, None, o))
    assert await world.payments.read_card(world.account, customer) is None
    assert await world.payments.adopt_card(world.account, customer, setup.id) is None


async def test_a_deleted_customer_has_no_card(world: World) -> None:
    customer = await world.customer()
    await world.payments.adopt_card(world.account, customer, (await world.saved_setup(customer)).id)
    await world.do(lambda o: world.connection.v1.customers.delete_async(customer, None, o))
    assert await world.payments.read_card(world.account, customer) is None


@pytest.mark.parametrize("pruned", [False, True])
async def test_the_late_news_of_an_older_card_changes_nothing(emulator: Emulator, pruned: bool) -> None:
    world = emulator.world
    customer = await world.customer()
    older = await world.saved_setup(customer)
    await world.payments.adopt_card(world.account, customer, older.id)
    emulator.forward(seconds=60)
    newer = await world.saved_setup(customer, "pm_card_mastercard")
    card = await world.payments.adopt_card(world.account, customer, newer.id)
    if pruned:
        await emulator.prune_keys()
    assert await world.payments.adopt_card(world.account, customer, older.id) == card


@pytest.mark.parametrize("fault", ["drop_answer", "refuse", "error_500"])
async def test_a_lost_adoption_is_repeated(emulator: Emulator, fault: str) -> None:
    world = emulator.world
    customer = await world.customer()
    setup = await world.saved_setup(customer)
    await emulator.fault("customers.update", fault)
    with pytest.raises(OutcomeUnknown):
        await world.payments.adopt_card(world.account, customer, setup.id)
    card = await world.payments.adopt_card(world.account, customer, setup.id)
    assert card is not None
    assert card.id == setup.payment_method


async def test_a_healthy_account_is_read(world: World) -> None:
    health = await world.payments.read_account(world.account)
    assert (health.account, health.healthy, health.connected) == (world.account, True, True)


async def test_an_account_that_left_is_not_connected(emulator: Emulator) -> None:
    account = await emulator.world.directory.create_account("agc_left", 1, country="US", name="Gone")
    await emulator.tell(f"accounts/{account}", action="complete")
    left = World(emulator.world.connection, account)
    order, issued = await left.issued()
    await emulator.tell(f"accounts/{account}", action="disconnect")
    health = await left.payments.read_account(account)
    assert (health.connected, health.healthy) == (False, False)
    with pytest.raises(Refused):
        await left.pay(order, issued)
    with pytest.raises(Refused):
        await left.payments.read_invoice(account, issued.provider_id)


async def test_a_strangers_account_is_not_connected(world: World) -> None:
    assert not (await world.payments.read_account("acct_1OfNobodyAtAll00")).connected


async def test_the_platform_refusing_is_no_news_of_an_account(emulator: Emulator) -> None:
    await emulator.world.payments.read_account(emulator.world.account)
    with pytest.raises(PlatformRefused):
        await emulator.stranger.payments.read_account(emulator.world.account)


async def test_what_is_not_to_be_issued_leaves_nothing_behind(world: World) -> None:
    never = await world.order()
    await world.payments.discard(world.account, never)

    order = await world.order()
    for _ in range(2):
        await world.do(
            lambda o: world.connection.v1.invoices.create_async(
                {"customer": order.customer, "metadata": {"invoice_id": order.invoice}, "auto_advance": False}, o
            )
        )
    assert [one.status for one in await world.invoices_of(order)] == ["draft", "draft"]
    for _ in range(2):
        await world.payments.discard(world.account, order)
        assert await world.invoices_of(order) == []


async def test_what_was_issued_unseen_is_voided_and_what_was_paid_stays(world: World) -> None:
    order, issued = await world.issued()
    await world.payments.discard(world.account, order)
    assert (await read(world, issued)).status is InvoiceStatus.VOID
    order, issued = await world.issued()
    await world.pay(order, issued)
    with pytest.raises(Refused):
        await world.payments.discard(world.account, order)
    assert (await read(world, issued)).status is InvoiceStatus.PAID
