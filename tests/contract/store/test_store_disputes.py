"""Disputes in the books: once each, in any order, told as they move; and whom they stop is woken once."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from support.house import AGENCY, CARD, DAY, START, House, card_saved, opened_for

from adapters.postgres import disputed, disputes, inbox
from adapters.postgres.invariants import examine
from adapters.postgres.invoices import invoice
from adapters.postgres.pool import transaction
from adapters.postgres.projection import open_subscription
from billing.collection import CollectionSet
from billing.custom import ordered
from billing.disputed import CardDisputed
from billing.disputes import DisputeReading, DisputeStatus
from billing.facts import Requested
from billing.ledger import CARD_DISPUTED
from billing.orders import CancelRequested
from billing.state import Asked, Custom, Forgive, State

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
    found = await invoice(house.pool, AGENCY, INVOICE)
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


def retried(at: datetime) -> Requested:
    return Requested(at, Asked(f"req_{at:%d}", "retry", at, by="agency"))


async def news_of(house: House, subscription: str) -> list[str]:
    rows = await house.fetch(
        "SELECT event_id FROM inbox WHERE (type, object_id) = ($1, $2) ORDER BY id", CARD_DISPUTED, subscription
    )
    return [row["event_id"] for row in rows]


async def learn(house: House, state: State) -> State:
    """What the reading of the news does of it."""
    async with house.store.transaction() as books:
        return await books.record(state, await books.disputed_cards(state))


@pytest.mark.usefixtures("paid")
async def test_what_the_agency_lifts_is_lifted_for_whatever_the_client_is_billed(house: House) -> None:
    state = await house.state("anna")
    custom = ordered(
        id="sub_custom",
        agency=AGENCY,
        client=state.client,
        account=state.account,
        customer=state.customer,
        zone="UTC",
        terms=state.terms,
        rules=2,
        at=AT,
        custom=Custom(2500),
    )
    async with transaction(house.pool) as connection:
        await open_subscription(connection, custom, {}, AT)
    await mirror(house, OPEN)
    (row,) = await disputes.of_invoice(house.pool, AGENCY, INVOICE)
    state, custom = [await learn(house, one) for one in (state, custom)]
    assert [one.lifted for one in (*state.disputed, *custom.disputed)] == [False, False]

    state = await house.record(state, retried(AT + DAY))
    await house.record(state, retried(AT + 2 * DAY))
    assert await news_of(house, "sub_custom") == [f"dispute:sub_custom:{row.id}", f"lifted:sub_custom:{row.id}"]
    assert await news_of(house, "sub_anna") == [f"dispute:sub_anna:{row.id}"], "it knows"
    assert await house.value("SELECT lifted_at FROM disputes") == AT + DAY
    custom = await learn(house, custom)
    assert [one.lifted for one in custom.disputed] == [True]
    assert len(await news_of(house, "sub_custom")) == 2, "learning it lifts nothing anew"

    await mirror(house, replace(OPEN, provider_id="du_2", created_at=AT + DAY))
    async with house.pool.acquire() as connection:
        known = await disputed.disputed_cards(connection, state.client, state.account)
    assert [one.lifted for one in known] == [True, False], "another dispute stops the card again"


@pytest.mark.usefixtures("paid")
async def test_what_gets_an_account_later_learns_of_the_disputes_there(house: House) -> None:
    await mirror(house, OPEN)
    await house.record(await house.state("anna"), CancelRequested(AT, True, Forgive.ALL, "agency"))
    without = replace(opened_for("anna", id="sub_again", at=AT, starts_at=AT, account=""), customer="", manual=True)
    async with transaction(house.pool) as connection:
        await open_subscription(connection, without, {}, AT)
    await mirror(house, LOST)
    assert await news_of(house, "sub_again") == []

    given = CollectionSet(AT + DAY, False, "agency", "acct_one", "cus_anna", CARD)
    state = await house.record(without, given)
    (row,) = await disputes.of_invoice(house.pool, AGENCY, INVOICE)
    assert await news_of(house, "sub_again") == [f"dispute:sub_again:{row.id}"]
    assert [one.dispute for one in (await learn(house, state)).disputed] == [row.id]


@pytest.mark.usefixtures("paid")
async def test_the_check_sees_who_does_not_know_what_it_may_not_try(house: House) -> None:
    async def unheard() -> list[str]:
        found = {one.id: one for one in await examine(house.pool)}["I7"]
        return list(found.wrong)

    await mirror(house, OPEN)
    assert await unheard() == [], "the news is on its way"
    (event,) = await house.fetch("SELECT id FROM inbox WHERE type = $1", CARD_DISPUTED)
    await inbox.done(house.pool, event["id"], AT)
    (row,) = await disputes.of_invoice(house.pool, AGENCY, INVOICE)
    assert await unheard() == [f"sub_anna: dispute {row.id} of a payment with its client's card is no news of its"]
    await learn(house, await house.state("anna"))
    assert await unheard() == []
    await house.pool.execute("UPDATE disputes SET lifted_at = $1", AT)
    assert len(await unheard()) == 1, "nor what was lifted"


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
