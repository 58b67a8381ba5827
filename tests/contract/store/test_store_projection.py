"""The projection: facts come from two sides at once, twice, and late; nothing is lost and nothing is told twice."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from support.house import AGENCY, CARD, DAY, HOUR, START, House, card_saved, opened_for
from support.lived import EMPTY, OTHER_CARD, receive_event

from adapters.postgres import inbox
from adapters.postgres.pool import transaction
from adapters.postgres.projection import load, open_subscription
from billing.facts import (
    Fact,
    FinalActionTaken,
    GraceSet,
    InvoiceParked,
    InvoiceVoided,
    NewsArrived,
    NewsRead,
    PaidElsewhere,
    Requested,
    StepFailed,
    WrittenOff,
)
from billing.orders import (
    CancelRequested,
)
from billing.plans import FinalAction
from billing.state import Asked, Forgive, State, Status, Trouble

END = datetime(2026, 2, 28, tzinfo=UTC)
CANCEL = CancelRequested(START + DAY, False, Forgive.NONE, "agency", "req_1")
CANCEL_NOW = CancelRequested(START + DAY, True, Forgive.NONE, "agency", "req_1")
SAVED = card_saved(START + DAY)


async def _stored(house: House, state: State) -> State:
    async with house.pool.acquire() as connection:
        return await load(connection, state.id)


async def _audit(house: House) -> list[str]:
    return [row["what"] for row in await house.fetch("SELECT what FROM audit ORDER BY id")]


async def _told(house: House) -> list[tuple[str, str]]:
    rows = await house.fetch("SELECT audience, kind FROM notifications ORDER BY at, kind, audience")
    return [(row["audience"], row["kind"]) for row in rows]


async def _owing(house: House) -> State:
    """A first invoice whose attempt was declined: a debt with a ladder."""
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    return await house.charge(state, START, EMPTY)


# Opening


async def test_a_new_subscription_stands_there_with_its_first_period(house: House) -> None:
    state = await house.subscribed("anna")
    (row,) = await house.fetch("SELECT * FROM subscriptions")
    shown = (row["status"], row["period_start"], row["period_end"], row["next_at"], row["finished"])
    assert shown == ("active", START, END, START, False)
    assert await _stored(house, state) == state
    assert await house.fetch("SELECT number, starts_at, ends_at, status FROM periods") == [
        {"number": 1, "starts_at": START, "ends_at": END, "status": "open"}
    ]


async def test_a_client_gets_one_subscription_however_many_are_assigned_at_once(house: House) -> None:
    await house.client("anna")
    tries = [house.subscribe("anna", id=f"sub_{n}") for n in range(4)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, asyncpg.UniqueViolationError)]
    assert [refusal.constraint_name for refusal in refused] == ["subscriptions_one_live"] * 3
    assert await house.value("SELECT count(*) FROM subscriptions") == 1
    assert await house.value("SELECT count(*) FROM periods") == 1


async def test_a_cancelled_subscription_makes_room_while_its_debt_is_still_collected(house: House) -> None:
    state = await house.record(await _owing(house), CANCEL_NOW)
    assert (state.status, len(state.debt)) == (Status.CANCELLED, 1)
    assert await house.value("SELECT finished FROM subscriptions") is False
    again = await house.subscribe("anna", id="sub_again", at=START + 2 * DAY, starts_at=START + 2 * DAY)
    with pytest.raises(asyncpg.UniqueViolationError, match="subscriptions_one_live"):
        await house.subscribe("anna", id="sub_third", at=START + 3 * DAY)
    assert await _stored(house, again) == again


async def test_an_unknown_client_or_subscription_is_said_to_be_unknown(house: House) -> None:
    nobody = opened_for("nobody", id="sub_nobody")
    async with transaction(house.pool) as connection:
        with pytest.raises(LookupError, match="cli_nobody"):
            await open_subscription(connection, nobody, {}, START)
    await house.client("nobody")
    with pytest.raises(LookupError, match="sub_nobody"):
        await house.record(nobody, SAVED)


# Only newer


async def test_a_fact_moves_the_projection_and_all_that_is_shown_of_it(house: House) -> None:
    state = await house.subscribed("anna")
    moved = await house.record(state, CANCEL_NOW)
    assert moved == await _stored(house, state)
    (row,) = await house.fetch("SELECT * FROM subscriptions")
    assert (row["status"], row["version"], row["updated_at"]) == ("cancelled", moved.version, START + DAY)
    # Cut short where it was cancelled; to be issued is what was due before.
    assert (row["period_end"], row["next_at"], row["finished"]) == (START + DAY, START + DAY, False)
    assert await house.value("SELECT ends_at FROM periods") == START + DAY


async def test_a_fact_that_comes_with_an_older_state_moves_the_newer_one(house: House) -> None:
    old = await house.subscribed("anna")
    newer = await house.record(old, CANCEL)
    both = await house.record(old, SAVED)
    assert both.version == newer.version + 1
    assert both.ending is not None
    assert both.card == CARD


async def test_an_older_state_without_facts_changes_nothing_and_a_newer_one_replaces(house: House) -> None:
    old = await house.subscribed("anna")
    newer = await house.record(old, CANCEL)
    assert await house.record(old) == newer
    ahead = replace(newer, version=newer.version + 3, card=OTHER_CARD)
    assert await house.record(ahead) == ahead
    assert await _stored(house, old) == ahead


async def test_what_is_finished_has_nothing_to_come(house: House) -> None:
    state = await house.subscribed("anna", starts_at=START + 10 * DAY)
    await house.record(state, CANCEL_NOW)
    (row,) = await house.fetch("SELECT finished, next_at, period_start FROM subscriptions")
    assert row == {"finished": True, "next_at": None, "period_start": None}
    assert await house.fetch("SELECT * FROM periods") == []


# Once


async def test_a_fact_that_is_recorded_again_changes_tells_and_writes_nothing(house: House) -> None:
    owing = await _owing(house)
    paid = PaidElsewhere(START + DAY, owing.debt[0].id)
    once = await house.record(owing, paid)
    told, written = await _told(house), await _audit(house)
    assert told[-4:] == [(who, what) for what in ("invoice_paid", "recovered") for who in ("agency", "client")]
    assert await house.record(owing, paid) == once
    assert await house.record(once, paid, paid) == once
    assert (await _told(house), await _audit(house)) == (told, written)


async def test_what_a_newer_state_does_not_know_yet_is_not_told_again(house: House) -> None:
    """A webhook was read beside a step: the step's state is newer, and learns of the payment once more."""
    owing = await _owing(house)
    paid = PaidElsewhere(START + DAY, owing.debt[0].id)
    await house.record(owing, paid)
    told = await _told(house)
    ahead = await house.record(replace(owing, version=owing.version + 5), paid)
    assert ahead.debt == ()
    assert await _told(house) == told


async def test_facts_of_one_step_follow_one_another(house: House) -> None:
    owing = await _owing(house)
    facts = (card_saved(START + DAY, OTHER_CARD), CANCEL, PaidElsewhere(START + DAY, owing.debt[0].id))
    state = await house.record(owing, *facts)
    assert (state.card, state.debt, state.ending is not None) == (OTHER_CARD, (), True)
    assert (await _audit(house))[-3:] == ["CardSaved", "CancelRequested", "PaidElsewhere"]


async def test_a_step_that_is_repeated_by_a_second_worker_tells_nobody_twice(house: House) -> None:
    owing = await _owing(house)
    paid = PaidElsewhere(START + DAY, owing.debt[0].id)
    states = await asyncio.gather(*(house.record(owing, paid) for _ in range(5)))
    assert len({state.version for state in states}) == 1
    assert (await _told(house)).count(("client", "recovered")) == 1
    assert (await _audit(house)).count("PaidElsewhere") == 1


async def test_what_happens_once_is_in_the_trail_once_whenever_it_is_learned_again(house: House) -> None:
    """A step that is taken again after a crash, and Stripe's event about it, bring the fact at another instant."""
    owing = await _owing(house)
    invoice = owing.debt[0].id
    for hour in range(3):
        await house.record(owing, InvoiceVoided(START + hour * HOUR, invoice))
        await house.record(owing, WrittenOff(START + hour * HOUR, invoice))
    assert [what for what in await _audit(house) if what in ("InvoiceVoided", "WrittenOff")] == [
        "InvoiceVoided",
        "WrittenOff",
    ]
    for hour in range(2):
        await house.record(owing, GraceSet(START + hour * HOUR, HOUR))
    assert (await _audit(house)).count("GraceSet") == 2


async def test_a_parking_whose_answers_are_lost_is_told_once_and_one_after_a_retry_again(house: House) -> None:
    """Both tries of the step committed in vain: the workflow gave its own state back, and parks at another instant."""
    owing = await _owing(house)
    lost = InvoiceParked(START + HOUR, owing.debt[0].id, "impossible", trouble=Trouble.REFUSED)
    for hour in (1, 2):
        await house.record(owing, replace(lost, at=START + hour * HOUR))
        await house.record(replace(owing, version=owing.version + hour))
    parked = await house.record(owing, replace(lost, at=START + 3 * HOUR))
    assert (await _told(house)).count(("agency", "invoice_parked")) == 1
    assert (await _audit(house)).count("InvoiceParked") == 1

    retry = Requested(START + DAY, Asked("req_1", "retry", START + DAY, None, "agency"))
    let_go = await house.record(parked, retry)
    assert let_go.parked == ()
    await house.record(let_go, replace(lost, at=START + 2 * DAY))
    assert (await _told(house)).count(("agency", "invoice_parked")) == 2
    assert (await _audit(house)).count("InvoiceParked") == 2


async def test_a_final_action_whose_answers_are_lost_is_in_the_trail_once(house: House) -> None:
    owing = await _owing(house)
    assert owing.ladder
    exhausted = replace(owing, ladder=replace(owing.ladder, used=3, next_at=None), version=owing.version + 1)
    for hour in (1, 2):
        at = START + 15 * DAY + hour * HOUR
        taken = await house.record(exhausted, FinalActionTaken(at, FinalAction.PAST_DUE))
        assert taken.status is Status.PAST_DUE
        await house.record(replace(exhausted, version=exhausted.version + hour))
    assert (await _audit(house)).count("FinalActionTaken") == 1
    assert (await _told(house)).count(("client", "past_due")) == 1


async def test_records_that_race_lose_nothing(house: House) -> None:
    """Steps and commands begin with one state, and each brings a fact of its own."""
    owing = await _owing(house)
    invoice = owing.debt[0].id
    facts: list[Fact] = [
        card_saved(START + DAY, OTHER_CARD),
        CANCEL,
        GraceSet(START + DAY, timedelta(hours=5)),
        NewsArrived(START + DAY),
        Requested(START + DAY, Asked("req_2", "void", START + DAY, invoice, "agency", "a mistake")),
    ]
    await asyncio.gather(*(house.record(owing, fact) for fact in facts))
    state = await _stored(house, owing)
    assert state.version == owing.version + len(facts)
    assert (state.card, state.news, state.grace) == (OTHER_CARD, True, timedelta(hours=5))
    assert state.ending is not None
    assert [asked.id for asked in state.asked] == ["req_2"]
    assert sorted((await _audit(house))[-4:]) == ["CancelRequested", "CardSaved", "GraceSet", "Requested"]


async def test_a_rolled_back_record_leaves_no_trace(house: House) -> None:
    owing = await _owing(house)
    before = await _told(house), await _audit(house)

    async def broken_off() -> None:
        async with house.store.transaction() as books:
            await books.record(owing, [InvoiceVoided(START + DAY, owing.debt[0].id)])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await broken_off()
    assert await _stored(house, owing) == owing
    assert (await _told(house), await _audit(house)) == before


# The trail


async def test_the_trail_says_who_did_what_when_and_why(house: House) -> None:
    owing = await _owing(house)
    asked = Asked("req_2", "void", START + DAY, owing.debt[0].id, "agency:eve", "a wrong price")
    await house.record(owing, Requested(START + DAY, asked), by="agency:eve")
    (row,) = await house.fetch("SELECT * FROM audit ORDER BY id DESC LIMIT 1")
    assert (row["who"], row["what"], row["why"], row["at"]) == ("agency:eve", "Requested", "a wrong price", START + DAY)
    assert (row["agency_id"], row["client_id"], row["subscription_id"]) == (AGENCY, "cli_anna", "sub_anna")
    assert row["detail"]["asked"]["invoice"] == owing.debt[0].id


async def test_what_only_the_machinery_does_is_not_in_the_trail(house: House) -> None:
    state = await house.subscribed("anna")
    noise = (NewsArrived(START), NewsRead(START, (1,)), StepFailed(START, "issue:inv_anna_p1", "Stripe is away"))
    assert (await house.record(state, *noise)).version > state.version
    assert await _audit(house) == []


async def test_the_same_fact_of_two_subscriptions_at_one_instant_is_told_for_each(house: House) -> None:
    for name in ("anna", "bert"):
        state = await house.issue(await house.subscribed(name, card=CARD), START)
        state = await house.charge(state, START, EMPTY)
        await house.record(state, PaidElsewhere(START + DAY, state.debt[0].id))
    told = await _told(house)
    for kind in ("payment_failed", "recovered"):
        assert told.count(("client", kind)) == told.count(("agency", kind)) == 2
    assert (await _audit(house)).count("PaymentDeclined") == 2


async def test_rows_of_the_inbox_that_were_read_are_marked_as_read(house: House) -> None:
    state = await house.subscribed("anna")
    for event in ("evt_1", "evt_2"):
        await receive_event(house, event, "cus_anna")
    first, second = await inbox.claim(house.pool, START)
    for event in (first, second):
        await inbox.resolve(house.pool, event.id)
    await house.record(state, NewsRead(START + HOUR, (first.id,)))
    rows = await house.fetch("SELECT inbox_id, read_at FROM inbox_readers ORDER BY inbox_id")
    assert [(row["inbox_id"], row["read_at"]) for row in rows] == [(first.id, START + HOUR), (second.id, None)]
