"""The inbox: each event stored once, given to one worker at a time, read by whom it concerns, done when all have."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, reading
from support.lived import EMPTY, receive_event

from adapters.postgres import inbox
from adapters.postgres.inbox import LEASE, OWN, Event, Reader
from billing.facts import NewsRead
from billing.invoices import InvoiceStatus
from billing.ledger import News
from billing.orders import CancelRequested
from billing.state import Forgive, State

SECOND = timedelta(seconds=1)
CANCEL = CancelRequested(START + DAY, True, Forgive.NONE, "agency")


async def _event(house: House, event: str = "evt_1", customer: str | None = "cus_anna", **changes: object) -> int:
    """Receive an event; its row."""
    assert await receive_event(house, event, customer, **changes)
    row: int = await house.value("SELECT max(id) FROM inbox")
    return row


async def _acknowledge(house: House, subscription: str, row: int, at: datetime = START) -> None:
    async with house.store.transaction() as books:
        await books.acknowledge(subscription, [row], at)


async def _state_of(house: House, row: int) -> tuple[object, object]:
    (found,) = await house.fetch("SELECT delivered_at, done_at FROM inbox WHERE id = $1", row)
    return found["delivered_at"], found["done_at"]


async def _two_subscriptions(house: House) -> State:
    """One that was cancelled and still owes, and the client's new one."""
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    state = await house.record(await house.charge(state, START, EMPTY), CANCEL)
    await house.subscribe("anna", id="sub_new", at=START + 2 * DAY, starts_at=START + 2 * DAY)
    return state


# Receiving


async def test_an_event_is_stored_once_however_often_it_is_delivered(house: House) -> None:
    stored = await asyncio.gather(*(receive_event(house, "evt_1", "cus_anna") for _ in range(5)))
    assert sorted(stored) == [False] * 4 + [True]
    assert await house.value("SELECT count(*) FROM inbox") == 1


async def test_one_accounts_event_ids_are_not_the_others(house: House) -> None:
    assert await receive_event(house, "evt_1", "cus_anna")
    assert await receive_event(house, "evt_1", "cus_anna", account="acct_two")
    assert not await receive_event(house, "evt_1", "cus_other", type="customer.deleted")


async def test_who_listens_is_woken_by_the_commit(house: House, shared_dsn: str) -> None:
    woken = asyncio.Event()
    listener = await asyncpg.connect(shared_dsn)
    try:
        await listener.add_listener(inbox.CHANNEL, lambda *_: woken.set())
        await _event(house)
        await asyncio.wait_for(woken.wait(), 10)
    finally:
        await listener.close()


# Claiming


async def test_workers_that_claim_at_once_get_each_row_once(house: House) -> None:
    for number in range(30):
        await _event(house, f"evt_{number}")
    batches = await asyncio.gather(*(inbox.claim(house.pool, START, 10) for _ in range(5)))
    claimed = [event.event_id for batch in batches for event in batch]
    assert len(claimed) == len(set(claimed))
    rest = await inbox.claim(house.pool, START, 50)
    assert len(claimed) + len(rest) == 30
    assert await inbox.claim(house.pool, START) == []


async def test_a_row_that_another_holds_is_passed_over_without_waiting(house: House) -> None:
    first, second = await _event(house, "evt_1"), await _event(house, "evt_2")
    async with house.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM inbox WHERE id = $1 FOR UPDATE", first)
        assert [event.id for event in await inbox.claim(house.pool, START)] == [second]
    assert [event.id for event in await inbox.claim(house.pool, START)] == [first]


async def test_a_claimed_row_comes_again_when_its_lease_is_over(house: House) -> None:
    row = await _event(house, payload={"data": {"object": {"id": "pm_1"}}})
    (claimed,) = await inbox.claim(house.pool, START)
    assert claimed == Event(
        *(row, ACCOUNT, "evt_1", "payment_method.attached", "obj_evt_1", "cus_anna", START, 1),
        {"data": {"object": {"id": "pm_1"}}},
    )
    assert await inbox.claim(house.pool, START + LEASE - SECOND) == []
    (again,) = await inbox.claim(house.pool, START + LEASE)
    assert (again.id, again.attempts) == (row, 2)


async def test_rows_come_when_they_are_due_the_longest_waiting_first(house: House) -> None:
    later = await _event(house, "evt_later", deliver_after=START + HOUR)
    earlier = await _event(house, "evt_earlier")
    assert [event.id for event in await inbox.claim(house.pool, START + HOUR - SECOND)] == [earlier]
    await inbox.defer(house.pool, earlier, START + HOUR - SECOND)
    assert [event.id for event in await inbox.claim(house.pool, START + HOUR, 1)] == [earlier]
    await inbox.defer(house.pool, earlier, START + DAY)
    assert [event.id for event in await inbox.claim(house.pool, START + HOUR)] == [later]


async def test_what_is_delivered_is_not_deferred_any_more(house: House) -> None:
    row = await _event(house)
    await inbox.done(house.pool, row, START)
    await inbox.defer(house.pool, row, START + HOUR)
    assert await house.value("SELECT deliver_after FROM inbox") == START
    assert await inbox.claim(house.pool, START + DAY) == []


# Resolving


async def _readers(house: House, row: int) -> Sequence[Reader]:
    """Resolved twice, as after a crash."""
    once = await inbox.resolve(house.pool, row)
    assert await inbox.resolve(house.pool, row) == once
    entered = await house.fetch("SELECT subscription_id FROM inbox_readers WHERE inbox_id = $1 ORDER BY 1", row)
    assert [reader["subscription_id"] for reader in entered] == [reader.subscription for reader in once]
    return once


async def test_an_event_of_a_customer_concerns_all_its_subscriptions_that_still_run(house: House) -> None:
    await _two_subscriptions(house)
    await house.subscribed("bert")
    both = (Reader("sub_anna", False), Reader("sub_new", False))
    assert await _readers(house, await _event(house, "evt_1")) == both
    about_itself = await _event(house, "evt_2", None, type="customer.deleted", object_id="cus_anna")
    assert await _readers(house, about_itself) == both


async def test_with_none_running_it_concerns_the_newest(house: House) -> None:
    for n, id in enumerate(("sub_a", "sub_c", "sub_b")):
        if n == 0:
            await house.client("anna")
        state = await house.subscribe("anna", id=id, at=START + n * DAY, starts_at=START + 30 * DAY)
        await house.record(state, CancelRequested(START + n * DAY, True, Forgive.NONE, "agency"))
    assert await _readers(house, await _event(house)) == (Reader("sub_b", True),)


async def test_an_event_about_an_invoice_concerns_its_subscription_alone(house: House) -> None:
    state = await _two_subscriptions(house)
    provider = await house.value("SELECT provider_id FROM invoices")
    about = await _event(house, "evt_1", object_id=provider, type="invoice.paid")
    assert await _readers(house, about) == (Reader("sub_anna", False),)
    mentions = {"data": {"object": {"invoice": provider}}}
    about = await _event(house, "evt_2", object_id="pi_1", type="payment_intent.succeeded", payload=mentions)
    assert await _readers(house, about) == (Reader("sub_anna", False),)
    await house.pool.execute("UPDATE subscriptions SET finished = true WHERE id = $1", state.id)
    late = await _event(house, "evt_3", object_id=provider, type="invoice.voided")
    assert await _readers(house, late) == (Reader("sub_anna", True),)


async def test_an_event_of_another_account_concerns_nobody_here(house: House) -> None:
    await _two_subscriptions(house)
    provider = await house.value("SELECT provider_id FROM invoices")
    await house.agency("agc_two", "acct_two", "pln_two")
    for event, changes in (("evt_1", {}), ("evt_2", {"object_id": provider}), ("evt_3", {"object_id": "sub_anna"})):
        assert await _readers(house, await _event(house, event, account="acct_two", **changes)) == ()
    assert await _readers(house, await _event(house, "evt_4", "cus_unknown")) == ()
    assert await _readers(house, await _event(house, "evt_5", None, object_id="sub_anna")) == ()


async def test_our_own_wake_ups_concern_a_subscription_or_all_of_an_agency(house: House) -> None:
    await _two_subscriptions(house)
    state = await house.subscribed("bert", starts_at=START + 10 * DAY)
    await house.record(state, CANCEL)
    own = await _event(house, "own_1", None, account=OWN, object_id="sub_new")
    assert await _readers(house, own) == (Reader("sub_new", False),)
    own = await _event(house, "own_2", None, account=OWN, object_id=AGENCY)
    assert await _readers(house, own) == (Reader("sub_anna", False), Reader("sub_new", False))


# Delivering and reading


async def test_a_row_is_delivered_when_all_its_readers_were_woken(house: House) -> None:
    await _two_subscriptions(house)
    row = await _event(house)
    await inbox.resolve(house.pool, row)
    await inbox.signalled(house.pool, row, "sub_anna", START)
    assert await _state_of(house, row) == (None, None)
    await inbox.signalled(house.pool, row, "sub_new", START + HOUR)
    assert await _state_of(house, row) == (START + HOUR, None)
    assert await inbox.claim(house.pool, START + DAY) == []


async def test_readers_that_are_woken_and_acknowledge_at_once_conclude_the_row(house: House) -> None:
    await _two_subscriptions(house)
    for number in range(10):
        row = await _event(house, f"evt_{number}")
        await inbox.resolve(house.pool, row)
        await asyncio.gather(
            *(inbox.signalled(house.pool, row, name, START) for name in ("sub_anna", "sub_new")),
            *(_acknowledge(house, name, row) for name in ("sub_anna", "sub_new")),
        )
        assert await _state_of(house, row) == (START, START)


async def test_news_stay_until_the_reading_after_the_one_that_learned_them(house: House) -> None:
    state = await house.subscribed("anna")
    first, second = await _event(house, "evt_1"), await _event(house, "evt_2")
    for row in (first, second):
        await inbox.resolve(house.pool, row)
        await inbox.signalled(house.pool, row, "sub_anna", START)
    async with house.store.transaction() as books:
        unread = [news.row for news in await books.news("sub_anna")]
        state = await books.record(state, [NewsRead(START, tuple(unread[:1]))])
    assert unread == [first, second]
    # The answer of this reading may have been lost: the next one brings its rows again.
    async with house.store.transaction() as books:
        assert [news.row for news in await books.news("sub_anna")] == unread
        await books.acknowledge("sub_anna", state.acked, START + HOUR)
        assert [news.row for news in await books.news("sub_anna")] == [second]
    assert await _state_of(house, first) == (START, START + HOUR)
    assert await _state_of(house, second) == (START, None)


async def test_a_row_is_done_when_all_its_readers_have_acknowledged_it(house: House) -> None:
    await _two_subscriptions(house)
    row, other = await _event(house, "evt_1"), await _event(house, "evt_2")
    for event in (row, other):
        await inbox.resolve(house.pool, event)
    await _acknowledge(house, "sub_anna", row)
    assert await _state_of(house, row) == (None, None)
    # Read before it was signalled: nobody needs to be woken for it any more.
    await _acknowledge(house, "sub_new", row, at=START + HOUR)
    assert await _state_of(house, row) == (START + HOUR, START + HOUR)
    assert await _state_of(house, other) == (None, None)
    async with house.store.transaction() as books:
        assert [news.row for news in await books.news("sub_new")] == [other]


@pytest.mark.parametrize("resolved", [True, False])
async def test_what_is_done_without_a_workflow_is_no_news_to_anybody(house: House, resolved: bool) -> None:
    await house.subscribed("anna")
    row = await _event(house)
    if resolved:
        await inbox.resolve(house.pool, row)
    await inbox.done(house.pool, row, START + HOUR)
    await inbox.done(house.pool, row, START + DAY)
    assert await _state_of(house, row) == (START + HOUR, START + HOUR)
    async with house.store.transaction() as books:
        assert await books.news("sub_anna") == ()


async def test_news_say_which_invoice_or_card_session_they_are_about(house: House) -> None:
    state = await house.subscribed("anna")
    drafted = await house.draft(state, START)
    async with house.store.transaction() as books:
        await books.mirror_invoice(drafted.id, reading(drafted, InvoiceStatus.OPEN), START)
    invoice = f"in_{drafted.id}"
    reported = {
        "invoice.paid": (invoice, {}),
        "payment_intent.succeeded": ("pi_1", {"invoice": invoice}),
        "setup_intent.succeeded": ("seti_1", {}),
        "checkout.session.completed": ("cs_1", {"setup_intent": "seti_2"}),
        "customer.updated": ("cus_anna", {}),
    }
    rows = []
    for type, (object_id, fields) in reported.items():
        payload = {"data": {"object": fields}}
        rows.append(await _event(house, f"evt_{type}", type=type, object_id=object_id, payload=payload))
        await inbox.resolve(house.pool, rows[-1])
    async with house.store.transaction() as books:
        assert await books.news("sub_anna") == (
            News(rows[0], "invoice.paid", invoice, START, invoice),
            News(rows[1], "payment_intent.succeeded", "pi_1", START, invoice),
            News(rows[2], "setup_intent.succeeded", "seti_1", START, None, "seti_1"),
            News(rows[3], "checkout.session.completed", "cs_1", START, None, "seti_2"),
            News(rows[4], "customer.updated", "cus_anna", START),
        )
