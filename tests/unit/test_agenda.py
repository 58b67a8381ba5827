"""The schedule: everything to come, in order, as it then happens (billing-rules 3 to 7)."""

from datetime import datetime, timedelta

import pytest
from support.world import DAY, HOUR, OVER, T0, World, a_world

from billing import facts
from billing.agenda import Item, agenda, begin, next_step, planned
from billing.plans import Dunning, FinalAction
from billing.state import Forgive
from billing.steps import ChargeInvoice, Finish, ReadNews, Wait
from billing.subscription import apply


def schedule(world: World) -> list[tuple[timedelta, str]]:
    return [(item.at - T0, item.action) for item in planned(world.state)]


def test_a_quiet_subscription_closes_and_bills_at_its_boundary() -> None:
    world = a_world().run(days=1)

    assert schedule(world) == [(31 * DAY + HOUR, "close_period"), (31 * DAY + HOUR, "issue_invoice")]


def test_the_whole_ladder_is_announced() -> None:
    world = a_world("soft").run(days=4)

    assert schedule(world) == [
        (8 * DAY, "retry"),
        (15 * DAY, "retry"),
        (15 * DAY, "final_action"),
        (31 * DAY + HOUR, "close_period"),
        (31 * DAY + HOUR, "issue_invoice"),
    ]
    details = [item.detail for item in agenda(world.state)]
    assert details[:3] == ["retry 2 of 3", "retry 3 of 3", "all retries failed: past due"]


_STEPS = {"retry": "ChargeInvoice", "remind": "Remind", "final_action": "TakeFinalAction"}


@pytest.mark.parametrize("card", ["soft", "hard", "must_act"])
def test_what_the_schedule_says_of_the_ladder_is_what_happens(card: str) -> None:
    world = a_world(card, dunning=Dunning((2, 4, 6), FinalAction.CANCEL)).run()  # type: ignore[arg-type]
    said = [(at, _STEPS[action]) for at, action in schedule(world) if action in _STEPS]
    world.run(days=20)

    did = [(e.offset, e.step) for e in world.log if e.step in _STEPS.values()][1:]
    assert said == did
    assert [at for at, _ in did] == [2 * DAY, 6 * DAY, 12 * DAY, 12 * DAY]


def test_a_date_that_only_reminds_says_why() -> None:
    world = a_world(with_card=False).run(days=4)
    details = [item.detail for item in agenda(world.state)]
    assert details[0] == "instead of retry 2 of 3: there is no card on file"


def test_amounts_are_announced() -> None:
    world = a_world("soft").run(days=1)
    amounts = {item.action: item.amount for item in agenda(world.state)}

    assert amounts == {
        "retry": 4900,
        "final_action": None,
        "close_period": None,
        "issue_invoice": 4900,
    }


def test_an_invoice_that_is_due_is_announced_with_what_it_comes_to() -> None:
    assert [item.amount for item in agenda(a_world().state) if item.action == "issue_invoice"] == [4900, 4900]

    world = a_world()
    world.seconds = {1: OVER}
    world.run(days=31).away_until = T0 + 40 * DAY
    world.run(days=1)
    assert next(item.amount for item in agenda(world.state) if item.action == "issue_invoice") == 4900 + 1344


def test_a_cancellation_is_announced() -> None:
    world = a_world().run(days=1)
    world.cancel()
    assert schedule(world) == [
        (31 * DAY, "cancel"),
        (31 * DAY + HOUR, "close_period"),
        (31 * DAY + HOUR, "issue_invoice"),
    ]

    world.undo_cancel().cancel(forgive=Forgive.ALL)
    assert schedule(world)[2:] == []


def test_the_pause_of_three_unpaid_periods_is_announced() -> None:
    world = a_world("soft").run(days=70)

    assert schedule(world) == [
        (92 * DAY, "pause"),
        (92 * DAY + HOUR, "close_period"),
        (92 * DAY + HOUR, "issue_invoice"),
    ]


def test_what_blocks_the_ladder_does_not_hide_its_dates() -> None:
    world = a_world("soft").run(days=1)
    world.away_until = world.now + HOUR
    world.save_card("mastercard").run()

    assert [action for _, action in schedule(world)][:4] == ["charge", "retry", "retry", "retry"]


def test_an_outage_shows_in_the_schedule_by_the_next_try() -> None:
    world = a_world().run(days=1)
    world.away_until = T0 + 31 * DAY + 7 * HOUR
    world.run(until=T0 + 31 * DAY + 3 * HOUR)
    waits = next_step(world.state, world.now)
    first, *_ = planned(world.state)

    assert isinstance(waits, Wait)
    # Tried at the close and 1, 3, 7, 15, 31, 61 and 91 minutes after it; the next time 30 minutes later.
    assert (first.action, first.detail) == ("issue_invoice", "invoice period 2, tried in vain 8 times")
    assert first.at == waits.until == T0 + 31 * DAY + HOUR + timedelta(minutes=121)


def test_a_payment_in_process_was_not_tried_in_vain() -> None:
    first, *_ = planned(a_world("processing").run().state)
    assert (first.action, first.detail.partition(", ")[2]) == ("charge", "the bank is asked again")


def test_the_reason_of_a_wait_is_readable() -> None:
    def why(world: World) -> str:
        wait = next_step(world.state, world.now)
        assert isinstance(wait, Wait)
        return wait.why

    assert why(a_world().run(days=1)) == "period 1 closes"
    assert why(a_world("soft").run(days=1)) == "retry 1 of 3"
    assert why(a_world(starts_at=T0 + DAY)) == "invoice period 1"
    assert why(a_world(starts_at=None, with_card=False)) == "a card"
    assert why(a_world("soft").run(days=100)) == "the debt to be paid"


def test_news_goes_before_everything_else() -> None:
    world = a_world().learn(facts.NewsArrived(T0))

    assert next_step(world.state, T0) == ReadNews()


def test_news_that_can_not_be_read_is_read_later_and_delays_nothing() -> None:
    world = a_world().learn(facts.NewsArrived(T0))
    world.learn(facts.StepFailed(T0, "news", "away")).run()

    assert [e.step for e in world.log] == ["IssueInvoice", "ChargeInvoice"]
    world.run(days=1)
    assert world.log[-1].step == "ReadNews"
    assert world.log[-1].offset == timedelta(minutes=1)


def test_the_inboxs_backoff_grows_although_facts_arrive_while_it_is_read() -> None:
    world = a_world().run(days=1)
    world.away_until = world.now + HOUR
    world.learn(facts.NewsArrived(world.now))
    for _ in range(3):
        world.while_in_flight(lambda world: world.save_card("mastercard"), "ReadNews").run(days=0.01)

    minutes = [(at - DAY) // timedelta(minutes=1) for at, _ in world.steps("ReadNews")]
    assert minutes == [0, 1, 3, 7, 15, 31]


def test_reading_the_inbox_hurries_nothing_that_waits_for_its_next_try() -> None:
    world = a_world().learn(facts.StepFailed(T0, "issue:inv_demo_p1", "busy"), facts.NewsArrived(T0)).run(days=1)

    assert [(e.offset, e.step) for e in world.log[:2]] == [
        (timedelta(), "ReadNews"),
        (timedelta(minutes=1), "IssueInvoice"),
    ]


def test_rows_are_acknowledged_by_the_next_reading() -> None:
    world = a_world().learn(facts.NewsArrived(T0))
    world.inbox = [facts.NewsRead(T0, (1, 2))]
    state = apply(begin(world.state, ReadNews(), T0), facts.NewsRead(T0, (1, 2)))

    assert state.acked == (1, 2)
    assert not state.news


def test_an_attempt_is_decided_at_the_time_it_is_asked_for() -> None:
    world = a_world("soft").run(days=1)
    late = T0 + 4 * DAY
    step = next_step(world.state, late)

    assert isinstance(step, ChargeInvoice)
    assert step.attempt.attempted_at == late
    begun = begin(world.state, step, late)
    again = next_step(begun, late + HOUR)
    assert again == step, "once begun it is the same attempt, whenever it is asked for"


def test_a_cancelled_subscription_without_a_debt_is_finished() -> None:
    world = a_world().run(days=1)
    world.cancel(now=True).run(days=1)

    assert next_step(world.state, world.now) == Finish()
    assert list(agenda(world.state)) == []


def test_the_next_step_is_always_the_first_thing_due() -> None:
    """A wait ends exactly when the earliest item with a step is due."""
    for days in range(0, 120, 7):
        world = a_world("soft", "soft", "pays", "soft").run(days=days)
        wait = next_step(world.state, world.now)
        assert isinstance(wait, Wait)
        assert wait.until == first_date(list(agenda(world.state)))


def first_date(items: list[Item]) -> datetime:
    return min(item.at for item in items if item.step)
