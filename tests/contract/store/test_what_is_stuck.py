"""What the doctor finds stuck in the books: each trouble made by the rules or the queues themselves, and told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, attempt
from support.lived import receive_event

from adapters.postgres import inbox, outbox, parkings
from adapters.postgres.codec import encode_state
from adapters.postgres.pool import transaction
from adapters.postgres.stuck import SHOWN
from billing.facts import InvoiceParked, NewsArrived, StepFailed, WrittenOff
from billing.state import Origin, Parked, Review, State, Trouble
from billing.steps import ReadNews
from worker.doctor.findings import Finding, Verdict
from worker.doctor.stuck import LATE, UNREAD, in_the_books

MINUTE = timedelta(minutes=1)
NOW = START + 30 * MINUTE
"""Before the first close: whoever has been subscribed at START is behind nothing by then."""


@dataclass(frozen=True)
class At:
    """A clock that stands."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


async def _stuck(house: House, now: datetime = NOW) -> dict[str, Finding]:
    found = await in_the_books(house.pool, At(now))
    return {one.name: one for one in found if one.verdict is not Verdict.OK}


async def _subscribed(house: House, name: str = "anna") -> State:
    """A subscription with its first invoice issued and paid."""
    return await house.charge(await house.issue(await house.subscribed(name, card=CARD), START), START)


async def _park(house: House) -> datetime:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    await house.record(
        state, InvoiceParked(START, "inv_anna_p1", "nonsense to anna@client.example, 4242 4242 4242 4242\nmore")
    )
    return NOW


async def _restrict(house: House) -> datetime:
    await _subscribed(house)
    await house.pool.execute(
        "UPDATE connected_accounts SET state = 'restricted', requirements = '{external_account}', updated_at = $1",
        START,
    )
    return NOW


async def _leave_undelivered(house: House) -> datetime:
    await receive_event(house, "evt_1", "cus_anna")
    return START + LATE + MINUTE


async def _leave_unread(house: House) -> datetime:
    state = await _subscribed(house)
    await receive_event(house, "evt_1", state.customer)
    (event,) = await inbox.claim(house.pool, START)
    await inbox.resolve(house.pool, event.id)
    await inbox.signalled(house.pool, event.id, state.id, START)
    return START + UNREAD + MINUTE


async def _fail_to_start(house: House) -> datetime:
    await _enter_start(house)
    (letter,) = await outbox.claim(house.pool, START)
    await outbox.defer(house.pool, letter.id, NOW + DAY, "no such namespace")
    return START + MINUTE


async def _forget_a_start(house: House) -> datetime:
    await _enter_start(house)
    return START + LATE + MINUTE


async def _enter_start(house: House) -> None:
    async with transaction(house.pool) as connection:
        await outbox.add(connection, AGENCY, outbox.START, "start:sub_anna", {}, START)


async def _lose_an_outcome(house: House) -> datetime:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    async with house.store.transaction() as books:
        await books.begin_attempt(state.id, attempt("inv_anna_p1"), Origin.ISSUE, START)
    # Otherwise it is overdue as well: its outcome is what the workflow waits for.
    await house.pool.execute("UPDATE subscriptions SET next_at = $1", START + DAY)
    return START + HOUR + MINUTE


async def _fall_behind(house: House) -> datetime:
    state = await _subscribed(house)
    assert state.period
    return state.period.end + HOUR + LATE + MINUTE


async def _keep_failing(house: House) -> datetime:
    state = await house.record(await _subscribed(house), NewsArrived(START))
    failed_at = START
    for pause in (1, 2, 4, 8, 16):
        state = await house.record(state, StepFailed(failed_at, ReadNews().key, "503 for x@client.example: down"))
        failed_at += pause * MINUTE
    return failed_at - MINUTE


async def _stop_parking(house: House) -> datetime:
    async with transaction(house.pool) as connection:
        for number in range(5):
            state = await house.issue(await house.subscribed(f"c{number}"), START)
            parked = InvoiceParked(START, state.debt[0].id, "no", trouble=Trouble.REFUSED)
            await house.record(await house.record(state, parked), WrittenOff(START, state.debt[0].id))
        await parkings.may_park(connection, "inv_new", Trouble.REFUSED, START)
    return START + MINUTE


async def _message(house: House, channel: str, attempts: int, next_at: str) -> None:
    """A message with one delivery, of an agency whose books are well."""
    await _subscribed(house)
    await house.pool.execute(
        "INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at) "
        "VALUES ('whe_1', $1, 'https://agency.example', 'whsec_1', now()) ON CONFLICT DO NOTHING",
        AGENCY,
    )
    await house.pool.execute("DELETE FROM message_deliveries")
    await house.pool.execute(
        f"""
        INSERT INTO message_deliveries (id, agency_id, notification_id, channel, endpoint_id, created_at, next_at,
                                        attempts, detail)
        SELECT 'msg_1', $1, min(id), $2, CASE $2 WHEN 'webhook' THEN 'whe_1' END, now(), now() {next_at}, $3,
               'no route to x@client.example'
        FROM notifications WHERE audience = 'agency'
        """,
        AGENCY,
        channel,
        attempts,
    )


async def _leave_untold(house: House) -> datetime:
    await _message(house, "webhook", 0, "- interval '16 minutes'")
    return NOW


async def _find_no_mail_server(house: House) -> datetime:
    await _message(house, "mail", 4, "+ interval '2 hours'")
    return NOW


async def _lose_an_endpoint(house: House) -> datetime:
    await _message(house, "webhook", 5, "+ interval '10 hours'")
    return NOW


async def _switch_an_endpoint_off(house: House) -> datetime:
    await _message(house, "webhook", 1, "+ interval '10 hours'")
    await house.pool.execute("UPDATE webhook_endpoints SET disabled_at = $1", START)
    return NOW


async def _leave_undecided(house: House) -> datetime:
    state = await _subscribed(house)
    held = Parked("inv_anna_p2", "implausible", START - 4 * DAY, Review(90_000, (100,), 24_500))
    await house.pool.execute("UPDATE subscriptions SET state = $1", encode_state(replace(state, parked=(held,))))
    return NOW


TROUBLES = (
    (_leave_untold, "messages", "1 message is overdue", "msg_1 of agc_one by webhook, tried 0 times: no route to"),
    (_find_no_mail_server, "messages", "1 message is", "msg_1 of agc_one by mail, tried 4 times: no route to [hidden]"),
    (_lose_an_endpoint, "endpoints", "1 webhook endpoint", "whe_1 of agc_one: no route to [hidden]"),
    (_switch_an_endpoint_off, "endpoints", "1 webhook endpoint", "whe_1 of agc_one: switched off"),
    (_leave_undecided, "reviews", "1 invoice is held for review", "inv_anna_p2 of sub_anna, agc_one: implausible"),
    (_stop_parking, "parking_stopped", "1 cause has parked", "refused: 1 times since not parked"),
    (_park, "parked", "1 invoice is parked", "inv_anna_p1 of sub_anna, agc_one: nonsense to [hidden], [hidden]"),
    (
        _restrict,
        "accounts",
        "1 connected account cannot",
        "acct_one of agc_one: restricted, 1 running: external_account",
    ),
    (_leave_undelivered, "undelivered", "1 event of Stripe's", "evt_1 (payment_method.attached) of acct_one, tried 0"),
    (_leave_unread, "unread", "1 event was brought", "evt_1 (payment_method.attached) for sub_anna, agc_one"),
    (_fail_to_start, "outbox", "1 row of the outbox", "start:sub_anna of agc_one, tried 1 times: no such namespace"),
    (_forget_a_start, "outbox", "1 row of the outbox", "start:sub_anna of agc_one, tried 0 times"),
    (_lose_an_outcome, "attempts", "1 payment attempt has", "attempt 1 on inv_anna_p1 of sub_anna, agc_one"),
    (_fall_behind, "overdue", "1 subscription is behind", "sub_anna of agc_one"),
    (
        _keep_failing,
        "failing",
        "1 step keeps failing",
        "news of sub_anna, agc_one: failed 5 times: 503 for [hidden]: down",
    ),
)
Made = Callable[[House], Awaitable[datetime]]


@pytest.mark.parametrize(("make", "name", "told", "which"), TROUBLES, ids=lambda value: getattr(value, "__name__", ""))
async def test_what_is_stuck_is_told_with_what_to_do(
    house: House, make: Made, name: str, told: str, which: str
) -> None:
    now = await make(house)
    found = await _stuck(house, now)
    assert list(found) == [name]
    one = found[name]
    assert one.told.startswith(told)
    assert (one.count, len(one.which)) == (1, 1)
    assert one.which[0].startswith(which)
    assert "@" not in str(one.as_json())
    assert one.do
    assert one.page.startswith("docs/operations.md#")


@pytest.mark.parametrize(
    ("make", "since"),
    [(_park, START), (_leave_unread, START), (_fall_behind, None), (_keep_failing, START)],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_since_when_is_told(house: House, make: Made, since: datetime | None) -> None:
    now = await make(house)
    (found,) = (await _stuck(house, now)).values()
    assert found.since == (since or now - LATE - MINUTE)


async def test_nothing_is_stuck_before_it_is_late(house: House) -> None:
    for make in (_leave_undelivered, _forget_a_start, _leave_unread):
        late = await make(house)
        assert await _stuck(house, late - 2 * MINUTE) == {}
        await house.pool.execute("TRUNCATE inbox, inbox_readers, outbox")


async def test_what_waits_as_it_should_is_not_stuck(house: House) -> None:
    """A ladder at its end, one between its dates, a step that failed twice, a client without a card."""
    debtor = await house.issue(await house.subscribed("bert"), START)
    await house.record(debtor, NewsArrived(START), StepFailed(START, ReadNews().key, "down"))
    await _subscribed(house)
    await house.subscribed("carl", starts_at=None)
    await house.pool.execute(
        "INSERT INTO notifications (id, agency_id, client_id, audience, kind, title, detail, dedupe_key, at, in_app) "
        "VALUES ('ntf_1', $1, 'cli_bert', 'agency', 'past_due', 'Past due', '', 'past_due', $2, true)",
        AGENCY,
        START - 90 * DAY,
    )
    assert await _stuck(house, START + MINUTE) == {}


async def test_an_unhealthy_account_that_serves_nobody_keeps_nobody_waiting(house: House) -> None:
    await house.pool.execute("UPDATE connected_accounts SET state = 'onboarding' WHERE account_id = $1", ACCOUNT)
    assert await _stuck(house) == {}


async def test_of_many_the_oldest_five_are_shown_and_all_counted(house: House) -> None:
    for number in range(SHOWN + 2):
        await receive_event(house, f"evt_{number}", None, received_at=START - number * MINUTE)
    found = (await _stuck(house, START + DAY))["undelivered"]
    assert found.told.startswith("7 events")
    assert found.count == 7
    assert [which.split()[0] for which in found.which] == ["evt_6", "evt_5", "evt_4", "evt_3", "evt_2"]
    assert found.since == START - 6 * MINUTE
