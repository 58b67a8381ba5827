"""A trial in the books: which calls it holds, and that what is told of it is told once (billing-rules 7)."""

from datetime import timedelta

from support.house import DAY, HOUR, START, House, call

from adapters.postgres.figures import client_usage
from billing.orders import CancelRequested
from billing.state import Forgive, State, Status
from billing.trialing import TrialEnded, TrialEnding

DAYS = 14
END = START + DAYS * DAY
SECOND = timedelta(seconds=1)


async def placed(house: House) -> dict[str, str | int]:
    """Each call's period, or why it has none."""
    rows = await house.fetch("SELECT call_id, coalesce(unbilled, period::text) AS place FROM calls ORDER BY call_id")
    return {row["call_id"]: row["place"] for row in rows}


def cancelled(at_end: bool, state: State) -> CancelRequested:
    return CancelRequested(state.clock + DAY, not at_end, Forgive.NONE, "agency", "cancel")


async def test_a_trial_holds_its_calls_from_its_first_instant_to_its_last(house: House) -> None:
    await house.client("anna")
    edges = {"a": START - SECOND, "b": START, "c": END - SECOND, "d": END}
    await house.report(*(call(id, "anna", at, 3) for id, at in edges.items() if at < END), at=END)
    assert set((await placed(house)).values()) == {"no_subscription"}

    # What was reported before is taken in with the trial, and what comes later finds its place.
    await house.subscribe("anna", trial_days=DAYS)
    await house.report(call("d", "anna", edges["d"], 3), at=END)
    assert await placed(house) == {"a": "no_subscription", "b": "trial", "c": "trial", "d": "1"}
    usage = await client_usage(house.pool, "agc_one", "cli_anna", END - HOUR)
    assert usage is not None
    assert (usage.seconds_used, usage.overage_so_far, usage.period.end) == (360, 0, END)


async def test_cancelled_with_its_trial_what_comes_after_is_the_ends(house: House) -> None:
    state = await house.subscribed("anna", trial_days=DAYS)
    state = await house.record(state, cancelled(True, state))
    await house.report(call("a", "anna", END - SECOND), call("b", "anna", END), at=END)
    ended = await house.record(state, TrialEnded(END))
    assert (ended.status, ended.ended_at) == (Status.CANCELLED, END)
    assert await placed(house) == {"a": "trial", "b": "ended"}
    rows = await house.fetch("SELECT status, finished, trial_end, next_at FROM subscriptions")
    assert [tuple(row.values()) for row in rows] == [("cancelled", True, END, None)]
    assert await house.fetch("SELECT FROM periods") == []


async def test_cancelled_at_once_it_lets_go_of_the_calls_after_that(house: House) -> None:
    state = await house.subscribed("anna", trial_days=DAYS)
    await house.report(call("a", "anna", START + HOUR), call("b", "anna", START + 2 * DAY), at=START + 2 * DAY)
    assert await placed(house) == {"a": "trial", "b": "trial"}
    await house.record(state, cancelled(False, state))
    assert await placed(house) == {"a": "trial", "b": "ended"}


async def test_of_steps_that_are_taken_again_at_another_instant_one_is_written_and_told(house: House) -> None:
    """A worker that dies between commit and answer: the next takes the step once more, with the state before it."""
    state = await house.subscribed("anna", trial_days=DAYS)
    soon = END - 3 * DAY
    for at in (soon, soon + HOUR):
        told = await house.record(state, TrialEnding(at))
    for at in (END, END + HOUR):
        over = await house.record(told, TrialEnded(at))
    assert over.status is Status.ACTIVE
    written = await house.fetch("SELECT what, at FROM audit WHERE what LIKE 'Trial%' ORDER BY id")
    assert [tuple(row.values()) for row in written] == [("TrialEnding", soon), ("TrialEnded", END)]
    rows = await house.fetch("SELECT audience, at FROM notifications WHERE kind = 'trial_ending' ORDER BY audience")
    assert [tuple(row.values()) for row in rows] == [("agency", soon), ("client", soon)]
