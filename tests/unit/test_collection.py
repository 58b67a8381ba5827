"""Manual collection: what is kept in the books instead, and from when on (billing-rules 5)."""

from datetime import datetime

import pytest
from support.world import DAY, HOUR, T0, World, a_world, card

from billing.collection import CollectionSet
from billing.facts import AccountFrozen
from billing.freezing import stops
from billing.state import Card, State, Status
from billing.steps import IssueInvoice
from billing.subscription import opened
from billing.switching import collection_refusal, wanted_manual


def switch(world: World, manual: bool, request: str) -> World:
    return world.learn(CollectionSet(world.now, manual, "agency", request=request))


def a_manual_one(like: State, starts_at: datetime = T0, card: Card | None = None) -> World:
    state = opened(
        id=like.id,
        agency=like.agency,
        client=like.client,
        account="",
        customer="",
        zone=like.zone,
        terms=like.terms,
        rules=2,
        at=T0,
        starts_at=starts_at,
        card=card,
        manual=True,
    )
    return World(state)


def short(world: World) -> dict[str, int]:
    return {invoice.rpartition("_")[2]: amount for invoice, amount in world.statements.items()}


def test_periods_close_as_always_and_nothing_is_owed() -> None:
    world = a_manual_one(a_world("pays").state)
    world.seconds[1] = 612 * 60
    world.run(days=70)
    assert short(world) == {"p1": 4900, "p2": 4900 + 1344, "p3": 4900}
    assert (world.books.bills, world.state.debt, world.state.ladder) == ({}, (), None)
    assert world.state.status is Status.ACTIVE


def test_the_last_period_of_a_cancelled_one_is_a_statement_too() -> None:
    world = a_manual_one(a_world("pays").state)
    world.seconds[1] = 612 * 60
    world.run(days=1)
    world.cancel()
    world.run(days=40)
    assert (short(world), world.books.bills, world.finished) == ({"p1": 4900, "f1": 1344}, {}, True)


def test_a_switch_holds_from_the_next_boundary_on_both_ways() -> None:
    world = a_world("pays").run(days=1)
    switch(world, True, "r1").run(days=1)
    assert (world.state.manual, wanted_manual(world.state)) == (False, True)
    world.run(days=40)
    assert (world.state.manual, short(world), len(world.books.bills)) == (True, {"p2": 4900}, 1)
    switch(world, False, "r2").run(days=31)
    assert (short(world), len(world.books.bills), world.state.switches) == ({"p2": 4900}, 2, ())


def test_one_between_a_boundary_and_its_closing_belongs_to_the_boundary_after() -> None:
    world = a_world("pays").run(days=1)
    assert world.state.period
    end = world.state.period.end
    switch(world, True, "r1").run(until=end + HOUR / 2)
    switch(world, False, "r2").run(until=end + 2 * HOUR)
    assert (short(world), wanted_manual(world.state)) == ({"p2": 4900}, False)
    world.run(days=31)
    assert (short(world), len(world.books.bills)) == ({"p2": 4900}, 2)


def test_the_boundary_bills_the_overage_of_the_period_before_it_in_the_new_way() -> None:
    """Of one boundary there is one invoice: whole, under what was agreed for it."""
    world = a_world("pays").run(days=1)
    world.seconds[1] = world.seconds[2] = 612 * 60
    switch(world, True, "r1").run(days=35)
    assert short(world) == {"p2": 4900 + 1344}
    switch(world, False, "r2").run(days=31)
    assert [bill.amount for bill in world.books.bills.values()] == [4900, 4900 + 1344]


def test_taken_back_before_the_boundary_nothing_was_switched() -> None:
    world = a_world("pays").run(days=1)
    switch(switch(world, True, "r1"), False, "r2")
    assert world.state.switches == ()
    switch(world, True, "r1").run(days=40)
    assert (world.statements, len(world.books.bills)) == ({}, 2), "a request that is repeated changes nothing"


def test_what_was_owed_before_is_collected_on() -> None:
    world = a_world("soft").run(days=1)
    switch(world, True, "r1").run(days=35)
    assert [invoice.kind for invoice in world.state.debt] == ["period"]
    assert (short(world), world.state.status) == ({"p2": 4900}, Status.PAST_DUE)


def test_a_statement_needs_no_account_that_can_charge() -> None:
    world = a_manual_one(a_world("pays").state)
    frozen = world.learn(AccountFrozen(T0, 1, "restricted")).state
    assert not stops(frozen, IssueInvoice(frozen.to_issue[0]), T0)


@pytest.mark.parametrize("with_card", [False, True])
def test_one_without_an_account_is_charged_once_it_has_one(with_card: bool) -> None:
    world = a_manual_one(a_world("pays").state).run(days=1)
    assert collection_refusal(world.state, world.now, manual=False, account="") == "stripe_not_ready"
    switch(world, False, "r1")
    assert (wanted_manual(world.state), world.state.account) == (True, "")
    saved = card() if with_card else None
    world.learn(CollectionSet(world.now, False, "agency", "acct_1", "cus_1", saved, "r2"))
    assert (world.state.account, world.state.customer, world.state.card) == ("acct_1", "cus_1", saved)
    world.run(days=31)
    assert (short(world), len(world.state.debt)) == ({"p1": 4900}, 0 if with_card else 1)


def test_before_the_first_boundary_it_holds_from_that_on() -> None:
    world = switch(a_manual_one(a_world("pays").state, T0 + 5 * DAY), True, "r1")
    world.learn(CollectionSet(world.now, False, "agency", "acct_1", "cus_1", None, "r2"))
    assert (world.state.manual, world.state.switches) == (False, ())
