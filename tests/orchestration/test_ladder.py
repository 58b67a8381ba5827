"""The ladder of a failed payment on the real server, to the second (billing-rules 6)."""

from datetime import datetime

import pytest
from support.sights import gaps, on_time
from support.stage import DAY, FAILS, GRACE, MINUTE, PAYS, Stage, refusal

from billing.state import Status


async def test_retries_come_after_3_5_and_7_days_then_it_is_past_due_and_a_new_card_recovers_it(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    issued_at = (await stage.bills(client))["p1"].issued_at

    await stage.advance(days=15, hours=1)

    tried = await stage.attempts(client)
    assert [(t.invoice, t.number, t.origin, t.result) for t in tried] == [
        ("p1", 1, "issue", "declined"),
        ("p1", 2, "ladder", "declined"),
        ("p1", 3, "ladder", "declined"),
        ("p1", 4, "ladder", "declined"),
    ]
    assert issued_at
    assert on_time(tried[0].at, issued_at)
    assert gaps([t.at for t in tried]) == [3 * DAY, 5 * DAY, 7 * DAY]
    assert await stage.status(client) is Status.PAST_DUE
    assert await stage.told(client) == {"payment_failed": 4, "past_due": 1}

    # Periods go on; what is issued while past due is not tried by itself.
    await stage.to((await stage.periods(client))[0].end + GRACE)
    assert len(await stage.charges(client)) == 4
    assert await stage.invoice_words(client) == {"p1": "failed", "p2": "failed"}

    await stage.type_card(client, PAYS)
    assert [(t.invoice, t.origin, t.result) for t in (await stage.attempts(client))[4:]] == [
        ("p1", "new_card", "paid"),
        ("p2", "new_card", "paid"),
    ]
    state = await stage.state(client)
    assert (state.status, state.ladder, state.debt) == (Status.ACTIVE, None, ())
    assert (await stage.told(client))["recovered"] == 1
    assert await stage.banner(client) is None


async def test_its_dates_are_exact_from_each_attempt_to_the_next(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    for days in (3, 5, 7):
        before = (await stage.attempts(client))[-1].at
        ladder = (await stage.state(client)).ladder
        assert ladder
        assert ladder.next_at == before + days * DAY
        await stage.to(ladder.next_at + MINUTE)
        assert on_time((await stage.attempts(client))[-1].at, ladder.next_at)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
async def test_the_final_action_is_the_agencys_setting(stage: Stage, action: str, status: Status) -> None:
    await stage.settings(dunning={"gaps_days": [1, 2], "final_action": action})
    client = await stage.subscribe(card=FAILS)
    await stage.call(client, minutes=612)

    await stage.advance(days=3, hours=2)

    # The last invoice is the overage to date, left open without an attempt.
    tried = await stage.attempts(client)
    assert gaps([t.at for t in tried]) == [1 * DAY, 2 * DAY]
    assert await stage.status(client) is status
    bills = await stage.bills(client)
    assert {short: (bill.status, bill.total) for short, bill in bills.items()} == {
        "p1": ("open", 4900),
        "f1": ("open", 1400),
    }
    assert await stage.told(client) == {"usage_alert": 2, "payment_failed": 3, status.value: 1}

    # Paying all of it resumes a paused subscription with a new anchor, and leaves a cancelled one cancelled.
    await stage.type_card(client, PAYS)
    paid = await stage.paid(client)
    if action == "cancel":
        assert (paid, await stage.finished(client)) == ([4900, 1400], True)
    else:
        state = await stage.state(client)
        assert (paid, state.status) == ([4900, 1400, 4900], Status.ACTIVE)
        assert state.period
        assert state.period.number == 2
        assert state.anchor == state.period.start
        assert on_time(stage.now(), state.period.start)


async def test_a_ladder_keeps_the_setting_it_started_with_and_the_next_one_takes_the_new(stage: Stage) -> None:
    await stage.settings(dunning={"gaps_days": [1] * 8})
    client = await stage.subscribe(card=FAILS)
    await stage.settings(dunning={"gaps_days": [2]})

    await stage.advance(days=8, hours=1)

    first = await stage.attempts(client)
    assert gaps([t.at for t in first]) == [1 * DAY] * 8
    assert await stage.status(client) is Status.PAST_DUE

    await stage.type_card(client, PAYS)
    await stage.behave(client, "do_not_honor")
    await stage.to((await stage.periods(client))[0].end + GRACE + 2 * DAY)
    second = [t for t in await stage.attempts(client) if t.invoice == "p2"]
    assert [t.result for t in second] == ["declined", "declined"]
    assert gaps([t.at for t in second]) == [2 * DAY]
    assert await stage.status(client) is Status.PAST_DUE


async def test_a_promise_and_an_applied_policy_move_the_dates_of_a_running_ladder(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    first = (await stage.attempts(client))[0].at
    await stage.extend(client, days=4)
    assert await refusal(stage.extend(client, days=4)) == "already_extended"
    await stage.settings(dunning={"gaps_days": [5, 2], "final_action": "pause"})
    said = await stage.agency.post("/v1/agency/settings/dunning/preview", {})
    assert [(one["client_id"], one["attempts_left"], one["final_action"]) for one in said["data"]] == [
        (client.id, 2, "pause")
    ]
    foretold = datetime.fromisoformat(said["data"][0]["new_next_attempt_at"])
    assert foretold == first + 9 * DAY, "the new gap of five days, and the promise"
    assert (await stage.agency.post("/v1/agency/settings/dunning/apply", {}))["moved"] == 1
    await stage.rest()
    banner = await stage.banner(client)
    assert banner
    assert datetime.fromisoformat(banner["next_attempt_at"]) == foretold

    await stage.advance(days=11, hours=2)
    assert gaps([t.at for t in await stage.attempts(client)]) == [9 * DAY, 2 * DAY]
    assert await stage.status(client) is Status.PAUSED
