"""One charge per attempt, and what each of Stripe's documented cards comes to."""

import asyncio

import pytest

from billing.declines import DeclineClass, classify, reason_text
from billing.invoices import InvoiceStatus
from billing.payments import (
    InvoiceOrder,
    InvoiceReading,
    KeyMisused,
    OutcomeUnknown,
    PayAnswer,
    PlatformRefused,
    Refused,
    TryLater,
)
from tests.contract.gateway.world import Emulator, World

HARD, SOFT, MUST_ACT = DeclineClass.HARD, DeclineClass.SOFT, DeclineClass.CUSTOMER_MUST_ACT


async def read(world: World, issued: InvoiceReading) -> InvoiceReading:
    return await world.payments.read_invoice(world.account, issued.provider_id)


def charged(reading: InvoiceReading) -> list[str]:
    return [charge.status for charge in reading.charges]


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_jcb"])
async def test_a_good_card_pays(world: World, card: str) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued, card)

    assert (answer.result, answer.amount, answer.decline) == ("paid", 6000, None)
    after = await read(world, issued)
    assert (after.status, after.amount_paid, after.intent) == (InvoiceStatus.PAID, 6000, "succeeded")
    (charge,) = after.charges
    assert (charge.id, charge.payment_intent, charge.created_at) == (answer.charge, answer.payment_intent, answer.at)
    assert (charge.status, charge.amount, charge.decline) == ("succeeded", 6000, None)


DECLINES = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline", SOFT),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", SOFT),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", SOFT),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", HARD),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", HARD),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", HARD),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", SOFT),
    ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded", SOFT),
]


@pytest.mark.parametrize(("card", "code", "decline_code", "meaning"), DECLINES)
async def test_a_bad_card_is_declined(
    world: World, card: str, code: str, decline_code: str, meaning: DeclineClass
) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued, card)

    assert answer.result == "declined"
    assert answer.decline is not None
    assert (answer.decline.code, answer.decline.brand) == (code, "visa")
    assert classify(answer.decline) is meaning
    after = await read(world, issued)
    assert (after.status, after.amount_paid, after.intent) == (InvoiceStatus.OPEN, 0, "requires_payment_method")
    (charge,) = after.charges
    assert (charge.id, charge.status, charge.amount) == (answer.charge, "failed", 6000)
    assert charge.decline is not None
    assert reason_text(charge.decline) == reason_text(answer.decline)
    assert classify(charge.decline) is meaning


@pytest.mark.parametrize(("card", "code", "decline_code", "meaning"), DECLINES)
async def test_error_and_charge_tell_the_same(
    emulator: Emulator, card: str, code: str, decline_code: str, meaning: DeclineClass
) -> None:
    order, issued = await emulator.world.issued()
    answer = await emulator.world.pay(order, issued, card)
    (charge,) = (await read(emulator.world, issued)).charges
    assert answer.decline == charge.decline
    assert answer.decline is not None
    assert answer.decline.decline_code == decline_code


async def test_what_stripe_itself_blocks_is_hard(world: World) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued, "pm_card_radarBlock")
    assert answer.result == "declined"
    assert answer.decline is not None
    assert answer.decline.outcome_type == "blocked"
    assert classify(answer.decline) is HARD
    (charge,) = (await read(world, issued)).charges
    assert charge.decline is not None
    assert charge.decline.decline_code is None
    assert classify(charge.decline) is HARD


async def test_off_session_a_bank_may_ask_for_the_customer(world: World) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued, "pm_card_authenticationRequired")
    assert answer.result == "action_required"
    assert answer.decline is not None
    assert classify(answer.decline) is MUST_ACT


async def test_on_session_the_customer_is_asked_at_once(world: World) -> None:
    order, issued = await world.issued()
    answer = await world.pay(order, issued, "pm_card_authenticationRequired", on_session=True)
    assert answer.result == "action_required"
    assert answer.payment_intent
    assert answer.decline is not None
    assert classify(answer.decline) is MUST_ACT
    assert (await read(world, issued)).intent == "requires_action"


async def test_the_same_attempt_again_is_the_same_payment(world: World) -> None:
    order, issued = await world.issued()
    first = await world.pay(order, issued)
    assert await world.pay(order, issued) == first
    assert charged(await read(world, issued)) == ["succeeded"]


async def test_a_declined_attempt_again_is_the_same_decline(world: World) -> None:
    order, issued = await world.issued()
    first = await world.pay(order, issued, "pm_card_chargeCustomerFail")
    assert await world.pay(order, issued, "pm_card_chargeCustomerFail") == first
    assert charged(await read(world, issued)) == ["failed"]


async def test_every_try_stays_readable(world: World) -> None:
    order, issued = await world.issued()
    for number in (1, 2):
        await world.pay(order, issued, "pm_card_chargeCustomerFail", number=number)
    await world.pay(order, issued, number=3)
    after = await read(world, issued)
    assert charged(after) == ["failed", "failed", "succeeded"]
    assert [charge.created_at for charge in after.charges] == sorted(charge.created_at for charge in after.charges)


async def test_paid_already_is_refused_and_left_to_reading(world: World) -> None:
    order, issued = await world.issued()
    await world.pay(order, issued)
    with pytest.raises(Refused) as caught:
        await world.pay(order, issued, number=2)
    assert caught.value.status == 400
    assert charged(await read(world, issued)) == ["succeeded"]


async def test_one_number_for_two_cards_is_our_mistake(world: World) -> None:
    order, issued = await world.issued()
    await world.pay(order, issued, "pm_card_chargeCustomerFail")
    with pytest.raises(KeyMisused):
        await world.pay(order, issued, "pm_card_visa")
    assert charged(await read(world, issued)) == ["failed"]


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_a_payment_may_take_its_time(emulator: Emulator, outcome: str) -> None:
    world = emulator.world
    order, issued = await world.issued()
    setup = await world.saved_setup(order.customer)
    card = str(setup.payment_method)
    await emulator.tell(f"cards/{card}", behaviour="processing")

    answer = await world.pay(order, issued, card)
    assert (answer.result, answer.decline) == ("processing", None)
    assert ((await read(world, issued)).intent, charged(await read(world, issued))) == ("processing", ["pending"])
    assert (await world.pay(order, issued, card)).result == "processing"

    await emulator.tell(f"payments/{issued.provider_id}/settle", outcome=outcome)
    later = await world.pay(order, issued, card)
    assert later.result == ("paid" if outcome == "succeeded" else "declined")
    assert charged(await read(world, issued)) == [outcome]


async def test_the_networks_advice_reaches_the_rules(emulator: Emulator) -> None:
    world = emulator.world
    order, issued = await world.issued()
    card = str((await world.saved_setup(order.customer, "pm_card_mastercard")).payment_method)
    await emulator.tell(f"cards/{card}", behaviour="do_not_honor", network_advice_code="03")
    answer = await world.pay(order, issued, card)
    assert answer.decline is not None
    assert (answer.decline.brand, answer.decline.network_advice_code) == ("mastercard", "03")
    assert classify(answer.decline) is HARD


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_chargeCustomerFail"])
async def test_a_lost_answer_is_asked_for_again(emulator: Emulator, card: str) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "drop_answer")
    with pytest.raises(OutcomeUnknown):
        await emulator.world.pay(order, issued, card)
    known = await read(emulator.world, issued)

    answer = await emulator.world.pay(order, issued, card)
    assert answer.result == ("paid" if card == "pm_card_visa" else "declined")
    assert (await read(emulator.world, issued)) == known
    assert len(known.charges) == 1


async def test_an_attempt_that_never_arrived_leaves_nothing(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "refuse")
    with pytest.raises(OutcomeUnknown):
        await emulator.world.pay(order, issued)
    assert (await read(emulator.world, issued)).charges == ()
    assert (await emulator.world.pay(order, issued)).result == "paid"


async def test_the_question_after_a_decline_may_be_lost_too(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("charges.retrieve", "drop_answer")
    with pytest.raises(OutcomeUnknown):
        await emulator.world.pay(order, issued, "pm_card_chargeCustomerFail")
    assert (await emulator.world.pay(order, issued, "pm_card_chargeCustomerFail")).result == "declined"
    assert charged(await read(emulator.world, issued)) == ["failed"]


async def test_a_stored_failure_stays_under_its_key_only(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "error_500")
    stored = []
    for _ in range(3):
        with pytest.raises(OutcomeUnknown) as caught:
            await emulator.world.pay(order, issued)
        stored.append(caught.value.stored)
    assert stored == [False, True, True]
    assert (await read(emulator.world, issued)).charges == ()
    assert (await emulator.world.pay(order, issued, number=2)).result == "paid"


async def test_a_pruned_key_cannot_charge_a_paid_invoice_again(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.world.pay(order, issued)
    await emulator.prune_keys()
    with pytest.raises(Refused):
        await emulator.world.pay(order, issued)
    assert charged(await read(emulator.world, issued)) == ["succeeded"]


async def test_a_time_out_is_an_unknown_outcome(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "delay", seconds=600)
    with pytest.raises(OutcomeUnknown, match="Timeout"):
        await emulator.impatient.pay(order, issued)
    assert charged(await read(emulator.world, issued)) == ["succeeded"]


async def test_two_at_once_are_one_charge(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "delay", seconds=600)
    first = asyncio.create_task(_tried(emulator.world, order, issued))
    await emulator.struck()
    second = await _tried(emulator.world, order, issued)
    await emulator.control.delete("/_emulator/faults")
    answers = [await first, second]

    assert sorted(type(answer).__name__ for answer in answers) == ["PayAnswer", "TryLater"]
    assert charged(await read(emulator.world, issued)) == ["succeeded"]
    assert (await emulator.world.pay(order, issued)).result == "paid"


async def test_a_crowd_at_stripe_says_when_to_come_back(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    await emulator.fault("invoices.pay", "rate_limit")
    with pytest.raises(TryLater):
        await emulator.world.pay(order, issued)
    assert (await emulator.world.pay(order, issued)).result == "paid"


async def test_a_wrong_key_of_ours_is_our_trouble(emulator: Emulator) -> None:
    order, issued = await emulator.world.issued()
    with pytest.raises(PlatformRefused):
        await emulator.stranger.pay(order, issued)


async def test_a_restricted_account_refuses_and_reads_as_unhealthy(emulator: Emulator) -> None:
    world = emulator.world
    account = await world.directory.create_account("agc_restricted", 1, country="US", name="In trouble")
    await emulator.tell(f"accounts/{account}", action="complete")
    troubled = World(world.connection, account)
    order, issued = await troubled.issued()
    await emulator.tell(f"accounts/{account}", action="restrict")

    with pytest.raises(Refused):
        await troubled.pay(order, issued)
    assert (await read(troubled, issued)).charges == ()
    health = await troubled.payments.read_account(account)
    assert (health.healthy, health.connected, health.charges_enabled) == (False, True, False)
    assert health.requirements

    await emulator.tell(f"accounts/{account}", action="restore")
    assert (await troubled.payments.read_account(account)).healthy
    assert (await troubled.pay(order, issued, number=2)).result == "paid"


async def _tried(world: World, order: InvoiceOrder, issued: InvoiceReading) -> PayAnswer | TryLater:
    try:
        return await world.pay(order, issued)
    except TryLater as later:
        return later
