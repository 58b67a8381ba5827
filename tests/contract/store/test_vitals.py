"""What is behind and what is stuck, as the database tells it to who watches."""

from datetime import timedelta

from support.house import ACCOUNT, DAY, HOUR, START, House, attempt

from adapters.postgres import inbox, outbox, vitals
from adapters.postgres.pool import transaction
from adapters.postgres.vitals import AT_MOST, Waiting
from billing.facts import InvoiceParked, NewsArrived, StepFailed
from billing.state import Origin
from billing.steps import ReadNews

NOW = START + DAY
NOTHING = Waiting(0, timedelta())


async def test_nothing_waits_in_books_where_all_is_well(house: House) -> None:
    await house.subscribed("anna")
    await house.pool.execute("UPDATE outbox SET done_at = $1", NOW)
    found = await vitals.read(house.pool, NOW)
    assert (found.inbox, found.unread, found.outbox, found.in_flight) == (NOTHING,) * 4
    assert (found.parked, found.backing_off, found.frozen) == (0, 0, {"restricted": 0, "disconnected": 0})


async def test_rows_that_are_not_carried_are_counted_from_their_arrival_until_they_are(house: House) -> None:
    await house.subscribed("anna")
    for number in range(3):
        await _event(house, f"evt_{number}")
    async with transaction(house.pool) as connection:
        await outbox.add(connection, "agc_one", outbox.START, "start:other", {}, START + 2 * HOUR)
    [known, *_] = await inbox.claim(house.pool, NOW)
    found = await vitals.read(house.pool, NOW)
    assert found.inbox == Waiting(3, DAY - HOUR)
    assert found.outbox.count == 1
    assert found.outbox.age == DAY - 2 * HOUR

    await inbox.resolve(house.pool, known.id)
    await inbox.signalled(house.pool, known.id, "sub_anna", START + 3 * HOUR)
    found = await vitals.read(house.pool, NOW)
    assert (found.inbox.count, found.unread) == (2, Waiting(1, DAY - 3 * HOUR))

    async with house.store.transaction() as books:
        await books.acknowledge("sub_anna", [known.id], NOW)
    assert (await vitals.read(house.pool, NOW)).unread == NOTHING


async def test_an_attempt_is_in_flight_until_its_outcome_is_known(house: House) -> None:
    state = await house.issue(await house.subscribed("anna"), START)
    flying = attempt(state.debt[0].id)
    async with house.store.transaction() as books:
        await books.begin_attempt(state.id, flying, Origin.ISSUE, START + HOUR)
    assert (await vitals.read(house.pool, NOW)).in_flight == Waiting(1, DAY - HOUR)
    async with house.store.transaction() as books:
        await books.settle_attempt(flying, None, NOW)
    assert (await vitals.read(house.pool, NOW)).in_flight == NOTHING


async def test_what_waits_for_a_person_or_for_a_better_time_is_stuck(house: House) -> None:
    state = await house.issue(await house.subscribed("anna"), START)
    state = await house.record(state, InvoiceParked(START + HOUR, state.debt[0].id, "impossible"))
    state = await house.record(state, NewsArrived(START + HOUR))
    await house.record(state, StepFailed(START + HOUR, ReadNews().key, "Stripe does not answer"))
    found = await vitals.read(house.pool, NOW)
    assert (found.parked, found.backing_off) == (1, 1)
    await house.pool.execute("UPDATE subscriptions SET finished = true")
    assert (await vitals.read(house.pool, NOW)).parked == 0


async def test_an_agency_is_frozen_by_its_newest_account(house: House) -> None:
    await house.pool.execute("UPDATE connected_accounts SET state = 'disconnected' WHERE account_id = $1", ACCOUNT)
    await house.agency("agc_two", "acct_two", "pln_two")
    await house.pool.execute("UPDATE connected_accounts SET state = 'restricted' WHERE account_id = 'acct_two'")
    assert (await vitals.read(house.pool, NOW)).frozen == {"restricted": 1, "disconnected": 1}
    await house.pool.execute(
        "INSERT INTO connected_accounts (agency_id, number, account_id, state, created_at, updated_at) "
        "VALUES ('agc_one', 2, 'acct_new', 'active', $1, $1)",
        NOW,
    )
    assert (await vitals.read(house.pool, NOW)).frozen == {"restricted": 1, "disconnected": 0}


async def test_messages_wait_from_when_they_are_due_and_an_endpoint_that_is_off_is_counted(house: House) -> None:
    await house.issue(await house.subscribed("anna"), START)
    await house.pool.execute("UPDATE message_deliveries SET next_at = now() + interval '1 hour'")
    assert (await vitals.read(house.pool, NOW)).messages == NOTHING
    await house.pool.execute("UPDATE message_deliveries SET next_at = now() - interval '1 hour'")
    await house.pool.execute(
        "INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at, disabled_at) "
        "VALUES ('whe_1', 'agc_one', 'https://agency.example', 'whsec_1', $1, $1)",
        START,
    )
    found = await vitals.read(house.pool, NOW)
    assert found.messages.count == await house.value("SELECT count(*) FROM message_deliveries")
    assert HOUR <= found.messages.age < HOUR + timedelta(minutes=1)
    assert found.endpoints_disabled == 1


async def test_every_question_that_can_grow_goes_over_an_index(house: House) -> None:
    async with house.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        for question in (
            vitals._INBOX,
            vitals._UNREAD,
            vitals._OUTBOX,
            vitals._IN_FLIGHT,
            vitals._STUCK,
            vitals._MESSAGES,
        ):
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {question}", AT_MOST))
            assert "Seq Scan" not in plan, plan


async def _event(house: House, event: str) -> None:
    await inbox.receive(
        house.pool,
        account=ACCOUNT,
        event_id=event,
        type="customer.updated",
        object_id="cus_anna",
        customer_id="cus_anna",
        created_at=START,
        payload={},
        received_at=START + HOUR,
    )
