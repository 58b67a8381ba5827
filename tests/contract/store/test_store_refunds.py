"""Refunds in the books: never more than was paid, whoever comes at once; what Stripe shows is believed in any order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.house import AGENCY, START, House, card_saved

from adapters.postgres import refunds
from adapters.postgres.pool import transaction
from adapters.postgres.refunds import PostgresRefunds, RefundExceeds
from billing.refunds import RefundReading, RefundRow, RefundStatus

AT = START + timedelta(days=1)


def asked(name: str, amount: int, invoice: str) -> RefundRow:
    return RefundRow(
        id=f"rfd_{name}",
        agency_id=AGENCY,
        invoice_id=invoice,
        account_id="acct_one",
        amount=amount,
        currency="usd",
        reason=None,
        note="two days without service",
        requested_by="ada",
        status=RefundStatus.PENDING,
        payment_intent_id=None,
        with_fee=None,
        provider_id=None,
        failure=None,
        created_at=AT,
        first_sent_at=None,
        settled_at=None,
    )


def shown(name: str, amount: int, status: str = "succeeded", refund: str | None = None) -> RefundReading:
    failure = "lost_or_stolen_card" if status == "failed" else None
    return RefundReading(f"re_{name}", refund, "pi_1", amount, "usd", RefundStatus(status), None, failure, AT)


@pytest.fixture
async def paid(house: House) -> str:
    """An invoice of 49.00 that a card of ours has paid."""
    state = await house.subscribed("anna", card=None)
    state = await house.record(state, card_saved(START))
    state = await house.issue(state, START)
    await house.charge(state, START)
    return "inv_anna_p1"


async def enter(house: House, refund: RefundRow) -> RefundRow:
    async with transaction(house.pool) as connection:
        return await refunds.enter(connection, refund)


async def mirror(house: House, invoice: str, reading: RefundReading) -> None:
    async with transaction(house.pool) as connection:
        await refunds.mirror(connection, "acct_one", invoice, reading, AT)


async def refunded(house: House, invoice: str) -> int:
    amount: int = await house.value("SELECT amount_refunded FROM invoices WHERE id = $1", invoice)
    return amount


async def test_of_two_refunds_at_once_only_what_was_paid_goes_back(house: House, paid: str) -> None:
    results = await asyncio.gather(
        *(enter(house, asked(str(number), 2000, paid)) for number in range(6)), return_exceptions=True
    )
    assert len([one for one in results if isinstance(one, RefundRow)]) == 2
    assert len([one for one in results if isinstance(one, RefundExceeds)]) == 4
    assert await refunded(house, paid) == 4000


async def test_the_same_refund_entered_again_is_one_with_one_start(house: House, paid: str) -> None:
    for _ in range(2):
        await enter(house, asked("one", 4900, paid))
    assert await refunded(house, paid) == 4900
    assert await house.value("SELECT count(*) FROM outbox WHERE kind = 'refund'") == 1
    assert await house.value("SELECT count(*) FROM audit WHERE what = 'refund_requested'") == 1


async def test_what_is_paid_elsewhere_or_open_is_never_refunded(house: House, paid: str) -> None:
    await house.pool.execute("UPDATE invoices SET paid_out_of_band = true")
    with pytest.raises(RefundExceeds):
        await enter(house, asked("one", 1, paid))
    assert await refunded(house, paid) == 0


async def test_a_refund_that_fails_frees_its_amount_and_tells_the_agency_once(house: House, paid: str) -> None:
    books = PostgresRefunds(house.pool)
    row = await enter(house, asked("one", 4900, paid))
    begun = await books.begin(row, "pi_1", True, AT)
    assert (await books.begin(row, "pi_other", False, AT + timedelta(hours=1))) == begun, "what is sent stands"
    for _ in range(2):
        await books.made(row, shown("one", 4900, refund=row.id), AT)
    assert await refunded(house, paid) == 4900
    for _ in range(2):
        await mirror(house, paid, shown("one", 4900, "failed", row.id))
    await mirror(house, paid, shown("one", 4900, "succeeded", row.id))
    known = await books.refund(row.id)
    assert (known.status, known.failure) == (RefundStatus.FAILED, "lost_or_stolen_card")
    assert await refunded(house, paid) == 0
    told = await house.fetch("SELECT kind, audience FROM notifications WHERE kind LIKE 'refund%' ORDER BY kind")
    assert told == [{"kind": "refund_failed", "audience": "agency"}, {"kind": "refunded", "audience": "agency"}]
    await enter(house, asked("two", 4900, paid))


async def test_one_of_the_dashboard_is_mirrored_once_even_when_ours_are_on_their_way(house: House, paid: str) -> None:
    await enter(house, asked("one", 4000, paid))
    for _ in range(2):
        await mirror(house, paid, shown("dash", 4900))
    assert await refunded(house, paid) == 8900, "Stripe's word is believed: it will refuse ours"
    await PostgresRefunds(house.pool).refused(asked("one", 4000, paid), "already refunded", AT)
    assert await refunded(house, paid) == 4900
    found = await refunds.refunds_of(house.pool, AGENCY, paid)
    assert {(one.status.value, one.requested_by) for one in found} == {("failed", "ada"), ("succeeded", None)}


async def test_our_id_in_the_metadata_of_another_invoices_refund_is_not_believed(house: House, paid: str) -> None:
    row = await enter(house, asked("one", 1000, paid))
    await house.pool.execute("UPDATE refunds SET provider_id = 're_one', status = 'succeeded', settled_at = $1", AT)
    await mirror(house, paid, shown("forged", 500, refund=row.id))
    amounts = sorted(one.amount for one in await refunds.refunds_of(house.pool, AGENCY, paid))
    assert amounts == [500, 1000]


async def test_that_a_refund_waits_for_its_account_is_told_once_and_never_of_one_that_is_made(
    house: House, paid: str
) -> None:
    row = await enter(house, asked("one", 1000, paid))
    books = PostgresRefunds(house.pool)
    for hours in range(3):
        await books.waits(row, AT + timedelta(hours=hours))
    await books.made(row, shown("one", 1000, refund=row.id), AT)
    other = await enter(house, asked("two", 500, paid))
    await books.made(other, shown("two", 500, refund=other.id), AT)
    await books.waits(other, AT)
    told = await house.fetch("SELECT audience, at, invoice_id FROM notifications WHERE kind = 'refund_waits'")
    assert told == [{"audience": "agency", "at": AT, "invoice_id": paid}]
    assert await house.value("SELECT count(*) FROM audit WHERE what = 'refund_waits'") == 1


async def test_a_made_refund_is_not_refused_any_more(house: House, paid: str) -> None:
    row = await enter(house, asked("one", 1000, paid))
    books = PostgresRefunds(house.pool)
    await books.made(row, shown("one", 1000, refund=row.id), AT)
    await books.refused(row, "too late", AT)
    assert (await books.refund(row.id)) == replace(
        row, provider_id="re_one", status=RefundStatus.SUCCEEDED, settled_at=AT
    )
