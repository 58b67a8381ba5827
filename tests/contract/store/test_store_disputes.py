"""Disputes in the books: once each, in any order, told as they move; and whom they stop is woken once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from support.house import AGENCY, CARD, START, House, card_saved

from adapters.postgres import disputes
from adapters.postgres.pool import transaction
from adapters.postgres.statements import statement
from billing.disputed import CardDisputed
from billing.disputes import DisputeReading, DisputeStatus
from billing.ledger import CARD_DISPUTED

AT = START + timedelta(days=1)
INVOICE = "inv_anna_p1"
ASKED = DisputeReading(
    "du_1", "ch_1", "pi_1", 4900, "usd", DisputeStatus.WARNING, "fraudulent", CARD.identity, AT + timedelta(days=9), AT
)
OPEN = replace(ASKED, status=DisputeStatus.OPEN)
LOST = replace(ASKED, status=DisputeStatus.LOST)


@pytest.fixture
async def paid(house: House) -> str:
    """An invoice of 49.00 that a card of ours has paid."""
    state = await house.subscribed("anna", card=None)
    state = await house.record(state, card_saved(START))
    state = await house.issue(state, START)
    await house.charge(state, START)
    return INVOICE


async def mirror(house: House, *readings: DisputeReading) -> list[str]:
    for reading in readings:
        async with transaction(house.pool) as connection:
            await disputes.mirror(connection, "acct_one", INVOICE, reading, AT)
    return [row.status.value for row in await disputes.of_invoice(house.pool, AGENCY, INVOICE)]


async def told(house: House) -> list[str]:
    rows = await house.fetch("SELECT what FROM audit WHERE what LIKE 'dispute%' ORDER BY id")
    notices = await house.value("SELECT count(*) FROM notifications WHERE kind = 'disputed'")
    assert notices == len(rows), "a message for each entry of the trail"
    return [row["what"] for row in rows]


async def is_marked(house: House) -> bool:
    found = await statement(house.pool, AGENCY, INVOICE)
    assert found
    assert (found.status, found.amount_paid) == ("paid", 4900), "what is paid stays paid"
    return found.disputed


@pytest.mark.usefixtures("paid")
async def test_each_move_is_told_once_whatever_is_repeated_or_comes_late(house: House) -> None:
    assert await mirror(house, ASKED, ASKED) == ["warning"]
    assert await is_marked(house)
    assert await mirror(house, OPEN, OPEN, ASKED) == ["open"]
    assert await mirror(house, LOST, OPEN, LOST) == ["lost"]
    assert await told(house) == ["dispute_warning", "dispute_open", "dispute_lost"]
    assert await is_marked(house)
    assert await mirror(house, replace(LOST, status=DisputeStatus.WON)) == ["won"]
    assert not await is_marked(house)


@pytest.mark.usefixtures("paid")
async def test_a_new_amount_is_taken_over_and_no_news_of_the_status(house: House) -> None:
    await mirror(house, OPEN, replace(OPEN, amount=2000))
    (row,) = await disputes.of_invoice(house.pool, AGENCY, INVOICE)
    assert row.amount == 2000
    assert await told(house) == ["dispute_open"]


@pytest.mark.usefixtures("paid")
async def test_whom_it_stops_is_woken_once_and_reads_it(house: House) -> None:
    await mirror(house, OPEN, OPEN, LOST)
    rows: list[dict[str, Any]] = await house.fetch("SELECT object_id FROM inbox WHERE type = $1", CARD_DISPUTED)
    assert [row["object_id"] for row in rows] == ["sub_anna"]
    (row,) = await disputes.of_invoice(house.pool, AGENCY, INVOICE)
    async with house.store.transaction() as books:
        assert await books.disputed_cards(await house.state("anna")) == (CardDisputed(AT, row.id, CARD.identity),)
    assert await disputes.of_invoice(house.pool, "agc_other", INVOICE) == []


@pytest.mark.usefixtures("paid")
async def test_what_was_not_paid_by_card_stops_nobody(house: House) -> None:
    assert await mirror(house, replace(OPEN, card=None)) == ["open"]
    assert await house.value("SELECT count(*) FROM inbox WHERE type = $1", CARD_DISPUTED) == 0


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("change", ["DELETE FROM disputes", "UPDATE disputes SET charge_id = 'ch_2'"])
async def test_no_dispute_is_forgotten_or_becomes_another(house: House, change: str) -> None:
    await mirror(house, OPEN)
    with pytest.raises(asyncpg.PostgresError):
        await house.pool.execute(change)
