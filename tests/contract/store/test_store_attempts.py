"""Attempts: entered before Stripe is called, one in flight, one success, settled once ("Exactly once", 1 and 2)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.house import ACCOUNT, CARD, DAY, HOUR, START, House, answered, attempt, reading
from support.lived import EMPTY, LOST, OTHER_CARD

from billing.debt import CARD_CAP
from billing.declines import Decline
from billing.invoices import InvoiceStatus
from billing.ledger import AttemptRefused, AttemptRow
from billing.payments import PayAnswer
from billing.state import Attempt, Origin

INVOICE = "inv_anna_p1"
FIRST = attempt(INVOICE)


async def _open(house: House) -> None:
    """An invoice of 49.00 that is open."""
    await house.issue(await house.subscribed("anna", card=CARD), START)


async def _begin(house: House, tried: Attempt, at: datetime = START, subscription: str = "sub_anna") -> AttemptRow:
    async with house.store.transaction() as books:
        return await books.begin_attempt(subscription, tried, Origin.LADDER, at)


async def _settle(house: House, tried: Attempt, answer: PayAnswer | None, at: datetime = START) -> None:
    async with house.store.transaction() as books:
        await books.settle_attempt(tried, answer, at)


async def _mirror(house: House, status: InvoiceStatus, at: datetime = START, **changes: Any) -> None:
    async with house.store.transaction() as books:
        row = await books.invoice(INVOICE)
        assert row is not None
        await books.mirror_invoice(INVOICE, reading(row, status, **changes), at)


async def _rows(house: House) -> Sequence[dict[str, Any]]:
    return await house.fetch("SELECT * FROM payment_attempts ORDER BY number")


async def _invoice(house: House) -> dict[str, Any]:
    (row,) = await house.fetch("SELECT status, failed, settled_at, amount_paid FROM invoices")
    return row


# Beginning


async def test_an_attempt_is_entered_with_all_that_its_charge_will_need(house: House) -> None:
    await _open(house)
    tried = Attempt(INVOICE, 1, CARD, True, START + HOUR)
    begun = await _begin(house, tried, START + 2 * HOUR)
    assert begun == AttemptRow(INVOICE, 1, START + HOUR, START + 2 * HOUR, None)
    (row,) = await _rows(house)
    assert (row["amount"], row["currency"], row["origin"], row["on_session"]) == (4900, "usd", "ladder", True)
    assert (row["card"]["last4"], row["card_identity"]) == ("4242", "fp_1:2030-12")
    assert row["idempotency_key"] == f"invoice:{INVOICE}:attempt:1"


async def test_what_is_tried_is_what_is_due_with_tax_and_balance(house: House) -> None:
    await _open(house)
    await _mirror(house, InvoiceStatus.OPEN, amount_due=5331)
    await _begin(house, FIRST)
    assert (await _rows(house))[0]["amount"] == 5331


async def test_an_attempt_that_is_begun_again_keeps_its_key_and_its_time_of_first_send(house: House) -> None:
    await _open(house)
    first = await _begin(house, FIRST)
    assert await _begin(house, replace(FIRST, card=OTHER_CARD, attempted_at=START + DAY), START + DAY) == first
    (row,) = await _rows(house)
    assert (row["card_identity"], row["first_sent_at"]) == (CARD.identity, START)


async def test_workers_that_begin_one_attempt_at_once_have_begun_one(house: House) -> None:
    await _open(house)
    begun = await asyncio.gather(*(_begin(house, FIRST, START + n * HOUR) for n in range(5)))
    assert len(set(begun)) == 1
    assert len(await _rows(house)) == 1


async def test_of_several_numbers_begun_at_once_one_is_in_flight_and_all_are_told_of_it(house: House) -> None:
    await _open(house)
    begun = await asyncio.gather(*(_begin(house, attempt(INVOICE, number)) for number in range(1, 6)))
    (row,) = await _rows(house)
    assert {known.number for known in begun} == {row["number"]}


async def test_a_settled_attempt_that_is_begun_again_tells_its_outcome(house: House) -> None:
    await _open(house)
    await _begin(house, FIRST)
    declined = answered(FIRST, 4900, START + HOUR, replace(EMPTY, advice_code="try_again_later"))
    await _settle(house, FIRST, declined)
    again = await _begin(house, FIRST, START + DAY)
    assert (again.result, again.answer) == ("declined", declined)


@pytest.mark.parametrize("status", [InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE])
async def test_an_invoice_that_is_not_open_is_not_tried(house: House, status: InvoiceStatus) -> None:
    await _open(house)
    await _mirror(house, status)
    with pytest.raises(AttemptRefused) as refused:
        await _begin(house, FIRST)
    assert refused.value.why == "invoice_not_open"
    assert await _rows(house) == []


async def test_a_draft_is_not_tried(house: House) -> None:
    await house.draft(await house.subscribed("anna", card=CARD), START)
    with pytest.raises(AttemptRefused, match="invoice_not_open"):
        await _begin(house, FIRST)


@pytest.mark.parametrize("state", ["restricted", "disconnected", "onboarding"])
async def test_nothing_is_tried_on_an_account_that_cannot_charge(house: House, state: str) -> None:
    await _open(house)
    await house.pool.execute("UPDATE connected_accounts SET state = $1 WHERE account_id = $2", state, ACCOUNT)
    with pytest.raises(AttemptRefused) as refused:
        await _begin(house, FIRST)
    assert refused.value.why == "account_unusable"
    assert await _rows(house) == []


@pytest.mark.parametrize(
    ("decline", "tries", "why"), [(LOST, 1, "card_declined_hard"), (EMPTY, CARD_CAP, "card_limit")]
)
async def test_a_card_that_another_subscription_of_the_client_used_up_is_not_tried(
    house: House, decline: Decline, tries: int, why: str
) -> None:
    await _open(house)
    for number in range(1, tries + 1):
        tried = attempt(INVOICE, number)
        await _begin(house, tried)
        await _settle(house, tried, answered(tried, 4900, START, decline))
    await house.pool.execute("UPDATE subscriptions SET status = 'cancelled', finished = true WHERE id = 'sub_anna'")
    await house.issue(await house.subscribe("anna", id="sub_anna2", card=CARD), START)
    second = attempt("inv_anna2_p1")
    with pytest.raises(AttemptRefused, match=why):
        await _begin(house, second, subscription="sub_anna2")
    assert await house.pool.fetchval("SELECT count(*) FROM payment_attempts WHERE invoice_id = 'inv_anna2_p1'") == 0


async def test_an_attempt_on_what_is_not_the_subscriptions_own_is_not_entered(house: House) -> None:
    await _open(house)
    await house.subscribed("bert")
    with pytest.raises(LookupError, match=INVOICE):
        await _begin(house, FIRST, subscription="sub_bert")
    with pytest.raises(LookupError, match="inv_unknown"):
        await _begin(house, attempt("inv_unknown"))
    assert await _rows(house) == []


# Settling


async def test_a_success_pays_the_invoice_in_the_same_transaction_and_only_once(house: House) -> None:
    await _open(house)
    await _begin(house, FIRST)
    for at in (START + HOUR, START + DAY):
        await _settle(house, FIRST, answered(FIRST, 4900, at), at)
        (row,) = await _rows(house)
        assert (row["result"], row["settled_at"], row["charge_id"]) == ("paid", START + HOUR, f"ch_{INVOICE}_1")
        paid = {"status": "paid", "failed": False, "settled_at": START + HOUR, "amount_paid": 4900}
        assert await _invoice(house) == paid


async def test_outcomes_that_race_settle_an_attempt_once(house: House) -> None:
    await _open(house)
    await _begin(house, FIRST)
    paid, declined = answered(FIRST, 4900, START), answered(FIRST, 4900, START, EMPTY)
    await asyncio.gather(*(_settle(house, FIRST, answer) for answer in (paid, declined, None, paid, declined)))
    (row,), invoice = await _rows(house), await _invoice(house)
    assert (invoice["status"] == "paid") == (row["result"] == "paid")
    assert invoice["failed"] == (row["result"] == "declined")


@pytest.mark.parametrize(
    ("answer", "result", "decline_class"),
    [
        (PayAnswer("declined", "ch_1", decline=EMPTY), "declined", "soft"),
        (PayAnswer("declined", "ch_1", decline=LOST), "declined", "hard"),
        (PayAnswer("declined"), "declined", "soft"),
        (PayAnswer("action_required", "ch_1"), "action_required", "customer_must_act"),
    ],
    ids=["soft", "hard", "without a word", "must act"],
)
async def test_a_failure_is_kept_with_its_class_and_leaves_the_invoice_open(
    house: House, answer: PayAnswer, result: str, decline_class: str
) -> None:
    await _open(house)
    await _begin(house, FIRST)
    await _settle(house, FIRST, answer, START + HOUR)
    (row,) = await _rows(house)
    assert (row["result"], row["decline_class"], row["settled_at"]) == (result, decline_class, START + HOUR)
    assert bool(row["reason"]) == (answer.decline is not None)
    assert await _invoice(house) == {"status": "open", "failed": True, "settled_at": None, "amount_paid": 0}


async def test_a_payment_that_is_processing_stays_in_flight(house: House) -> None:
    await _open(house)
    await _begin(house, FIRST)
    await _settle(house, FIRST, PayAnswer("processing"))
    assert (await _begin(house, attempt(INVOICE, 2))).number == 1
    assert (await _rows(house))[0]["result"] is None


async def test_what_stripe_never_made_makes_room_for_the_next_number(house: House) -> None:
    await _open(house)
    await _begin(house, FIRST)
    await _settle(house, FIRST, None, START + HOUR)
    assert (await _begin(house, FIRST)).result == "not_made"
    assert (await _begin(house, attempt(INVOICE, 2))).number == 2
    assert await _invoice(house) == {"status": "open", "failed": False, "settled_at": None, "amount_paid": 0}


@pytest.mark.parametrize("status", [InvoiceStatus.PAID, InvoiceStatus.VOID])
async def test_a_decline_that_arrives_after_paid_or_void_is_only_recorded(house: House, status: InvoiceStatus) -> None:
    await _open(house)
    await _begin(house, FIRST)
    await _mirror(house, status, START + HOUR)
    before = await _invoice(house)
    await _settle(house, FIRST, answered(FIRST, 4900, START + DAY, EMPTY))
    assert (await _rows(house))[0]["result"] == "declined"
    assert {**await _invoice(house), "failed": False} == before


@pytest.mark.parametrize("status", [InvoiceStatus.PAID, InvoiceStatus.VOID])
async def test_a_success_that_arrives_after_paid_or_void_moves_the_attempt_alone(
    house: House, status: InvoiceStatus
) -> None:
    await _open(house)
    await _begin(house, FIRST)
    await _mirror(house, status, START + HOUR)
    before = await _invoice(house)
    await _settle(house, FIRST, answered(FIRST, 4900, START + DAY), START + DAY)
    assert (await _rows(house))[0]["result"] == "paid"
    assert await _invoice(house) == before


async def test_charges_are_those_that_our_settled_attempts_made(house: House) -> None:
    await _open(house)
    for number, answer in ((1, None), (2, EMPTY), (3, EMPTY)):
        tried = attempt(INVOICE, number)
        await _begin(house, tried)
        made = answered(tried, 4900, START, answer) if isinstance(answer, Decline) else None
        await _settle(house, tried, made)
    await _begin(house, attempt(INVOICE, 4))
    async with house.store.transaction() as books:
        assert await books.charges(INVOICE) == {f"ch_{INVOICE}_2", f"ch_{INVOICE}_3"}
        assert await books.charges("inv_unknown") == set()


async def test_a_step_that_is_used_up_without_an_attempt_is_recorded_once(house: House) -> None:
    await _open(house)
    async with house.store.transaction() as books:
        for at in (START, START, START + DAY):
            await books.skip_attempt("sub_anna", INVOICE, "card_limit", at)
        await books.skip_attempt("sub_bert", INVOICE, "card_limit", START + 2 * DAY)
    rows = await house.fetch("SELECT at, why FROM skipped_attempts ORDER BY at")
    assert rows == [{"at": START, "why": "card_limit"}, {"at": START + DAY, "why": "card_limit"}]
