"""Disputes: what one stops and for how long, how one ends, and what the agency is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.scenarios import a_world
from support.world import DAY, HOUR, T0, World, card

from billing import debt
from billing.disputed import CardDisputed
from billing.disputes import DisputeRow, DisputeStatus, is_over, may_become, told
from billing.notices import NoticeKind
from billing.state import Obstacle, Status

OPEN = DisputeRow(
    id="dsp_1",
    agency_id="agc_1",
    invoice_id="inv_1",
    account_id="acct_1",
    provider_id="du_1",
    charge_id="ch_1",
    amount=4900,
    currency="usd",
    status=DisputeStatus.OPEN,
    reason="fraudulent",
    card_identity=card().identity,
    evidence_due_at=datetime(2026, 3, 10, tzinfo=UTC),
    created_at=T0,
    closed_at=None,
)


def disputed(world: World, name: str = "visa", dispute: str = "dsp_1") -> World:
    return world.learn(CardDisputed(world.now, dispute, card(name).identity))


def test_the_card_of_a_disputed_payment_is_not_tried_for_the_next_invoice() -> None:
    world = disputed(a_world().run(days=1)).run(days=31)

    assert [name for _, name in world.charges()] == ["p1#1"]
    assert world.steps("Remind") == [(31 * DAY + HOUR, "remind:inv_demo_p2:issue:0")]
    assert world.messages()[-1] == "attempt_skipped"
    assert world.state.status is Status.ACTIVE, "what is paid stays paid, and opens no debt"


def test_a_dispute_in_mid_ladder_turns_its_dates_into_reminders() -> None:
    world = disputed(a_world("soft").run(days=1)).run(days=20)

    assert len(world.charges()) == 1
    assert len(world.steps("Remind")) == 3
    assert world.state.status is Status.PAST_DUE


def test_the_agencys_retry_lets_the_card_be_tried_again_from_then_on() -> None:
    world = disputed(a_world().run(days=1)).run(days=31)
    request = world.ask("retry")
    world.run(days=31)

    answer = world.answer(request)
    assert answer
    assert answer.result == "paid"
    assert [name for _, name in world.charges()] == ["p1#1", "p2#1", "p3#1"]
    again = disputed(world)
    assert debt.obstacle(again.state, again.now) is None, "the same dispute, told again, stops nothing anew"
    assert debt.obstacle(disputed(again, dispute="dsp_2").state, again.now) is Obstacle.DISPUTED


def test_what_the_agency_has_lifted_elsewhere_is_lifted_here_and_stays_so() -> None:
    world = disputed(a_world().run(days=1)).run(days=31)
    fact = CardDisputed(T0, "dsp_1", card().identity, lifted=True)
    lifted = world.learn(fact)
    assert debt.obstacle(lifted.state, lifted.now) is None
    assert debt.obstacle(disputed(lifted).state, lifted.now) is None, "also when the older word comes after it"
    assert debt.obstacle(a_world().learn(fact).state, T0) is not Obstacle.DISPUTED


def test_the_client_itself_may_pay_with_the_card() -> None:
    world = disputed(a_world().run(days=1)).run(days=31)
    request = world.ask("pay_now", "p2")
    world.run(days=0.01)

    answer = world.answer(request)
    assert answer
    assert answer.result == "paid"
    assert debt.obstacle(world.state, world.now) is Obstacle.DISPUTED, "it is no word of the agency's"


def test_another_card_is_not_stopped() -> None:
    world = disputed(a_world().run(days=1)).run(days=31)
    world.save_card("mastercard").run(days=1)

    assert [name for _, name in world.charges()] == ["p1#1", "p2#1"]
    assert world.state.debt == ()


def test_a_retry_with_another_card_leaves_the_disputed_one_stopped() -> None:
    world = disputed(a_world("soft").run(days=1), "visa")
    world.save_card("mastercard", "soft").run(days=0.1)
    world.ask("retry")
    world.run(days=0.1)
    world.save_card("visa")

    assert debt.obstacle(world.state, world.now) is Obstacle.DISPUTED


def test_an_attempt_in_flight_when_the_dispute_comes_is_settled() -> None:
    world = a_world("soft", "pays").run(days=2)
    world.while_in_flight(lambda world: disputed(world)).run(days=2)

    assert world.state.debt == ()


def test_what_is_decided_is_not_undone_by_what_was_read_before() -> None:
    moves = {(old, new) for old in DisputeStatus for new in DisputeStatus if may_become(old, new)}
    assert not [new for old, new in moves if is_over(old) and not is_over(new)]
    assert (DisputeStatus.WARNING, DisputeStatus.OPEN) in moves
    assert (DisputeStatus.OPEN, DisputeStatus.WARNING) not in moves
    assert (DisputeStatus.LOST, DisputeStatus.WON) in moves, "an appeal can be won"


@pytest.mark.parametrize("status", DisputeStatus)
def test_the_agency_is_told_where_a_dispute_stands_and_until_when_to_answer(status: DisputeStatus) -> None:
    notice = told(replace(OPEN, status=status), T0)
    assert (notice.kind, notice.audience, notice.invoice) == (NoticeKind.DISPUTED, "agency", "inv_1")
    assert notice.detail.startswith("49.00 USD ")
    assert ("until 2026-03-10 00:00 UTC" in notice.detail) is not is_over(status)
    assert ("until you ask for a retry" in notice.detail) is not is_over(status)
    assert notice.key != told(replace(OPEN, status=status), T0 + timedelta(days=1)).key
