"""Writing off, paid elsewhere and reissue: each waits for an attempt in flight, and ends one live invoice."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.world import DAY, World, a_world

from billing.invoices import Line, LineKind
from billing.reissues import revised
from billing.state import Corrected, Reissue, Status
from billing.steps import MarkInvoice, VoidInvoice

T0 = datetime(2026, 3, 1, tzinfo=UTC)
PRICE = Line(LineKind.PRICE, "Voice Pro", 4900, T0, T0 + 30 * DAY, source="1")
OVERAGE = Line(LineKind.OVERAGE, "112 min", 1344, T0, T0 + 30 * DAY, 6720, "12", "1")
CREDIT = Line(LineKind.CREDIT, "Credit applied", -244)
CHEAPER = Reissue("1", 3900, (Corrected(1, 3900),))
KINDS = ("write_off", "mark_paid", "reissue")


def answered(world: World, request: str) -> tuple[str, str | None]:
    answer = world.answer(request)
    assert answer, f"{request} is not answered"
    return answer.result, answer.code


def ask(world: World, what: str, short: str = "p1") -> str:
    return world.ask(what, short, reissue=CHEAPER if what == "reissue" else None)


@pytest.mark.parametrize("what", ["write_off", "mark_paid"])
def test_what_is_given_up_leaves_the_debt_and_its_ladder_ends(what: str) -> None:
    world = a_world("soft").run(days=1)
    request = ask(world, what)
    world.run(days=20)
    assert answered(world, request) == ("done", None)
    assert (world.open(), world.state.ladder, world.state.status) == ([], None, Status.ACTIVE)
    assert len(world.charges()) == 1, "it triggers no charge"


@pytest.mark.parametrize("what", KINDS)
def test_it_waits_for_an_attempt_in_flight_and_finds_what_that_paid(what: str) -> None:
    asked: list[str] = []
    world = a_world("pays").while_in_flight(lambda w: asked.append(ask(w, what)))
    world.run()
    assert answered(world, asked[0]) == ("refused", "invoice_paid")
    assert not world.steps("MarkInvoice", "VoidInvoice")


@pytest.mark.parametrize("what", KINDS)
def test_a_decline_in_flight_lets_it_go_on(what: str) -> None:
    asked: list[str] = []
    world = a_world("soft", "pays").while_in_flight(lambda w: asked.append(ask(w, what)))
    world.run()
    assert answered(world, asked[0]) == ("done", None)


@pytest.mark.parametrize("what", KINDS)
def test_what_is_not_open_is_refused(what: str) -> None:
    world = a_world().run()
    assert answered(world, ask(world, what)) == ("refused", "invoice_not_open")


def test_of_two_who_ask_at_once_one_is_done_and_the_other_told() -> None:
    world = a_world("soft").run(days=1)
    paid, written_off = ask(world, "mark_paid"), ask(world, "write_off")
    world.run()
    assert answered(world, paid) == ("done", None)
    assert answered(world, written_off) == ("refused", "invoice_paid")


def test_a_reissue_voids_and_issues_the_revision_which_is_tried_as_any() -> None:
    world = a_world("soft", "pays").run(days=1)
    request = ask(world, "reissue")
    world.run()
    assert answered(world, request) == ("done", None)
    assert world.amounts() == {"p1": 4900, "p1_r2": 3900}
    assert [name for _, name in world.charges()] == ["p1#1", "p1_r2#1"]
    assert world.open() == []


def test_a_revision_can_be_revised_and_the_debt_keeps_its_other_invoices() -> None:
    world = a_world("soft").run(days=40)
    assert world.open() == ["p1", "p2"]
    ask(world, "reissue")
    world.run()
    assert world.open() == ["p2", "p1_r2"]
    assert world.state.ladder, "the ladder belongs to the debt"
    world.ask("reissue", "p1_r2", reissue=Reissue("1", 2900, (Corrected(1, 2900),)))
    world.run()
    assert world.open() == ["p2", "p1_r3"]


def test_an_invoice_voided_by_others_is_not_reissued_twice() -> None:
    world = a_world("soft").run(days=1)
    ask(world, "reissue")
    world.void_elsewhere("p1")
    world.run()
    world.learn(*[fact for fact in world.history if type(fact).__name__ == "InvoiceVoided"])
    world.run()
    assert list(world.amounts()) == ["p1", "p1_r2"]


def test_an_unpaid_pause_is_not_lifted_by_voiding_for_a_reissue() -> None:
    world = a_world("soft").run(days=100)
    assert world.state.status is Status.PAUSED
    open_ones = world.open()
    for short in open_ones[:-1]:
        ask(world, "write_off", short)
    world.run()
    last = world.open()[0]
    ask(world, "reissue", last)
    world.run()
    assert (world.state.status, world.open()) == (Status.PAUSED, [f"{last}_r2"])


def test_lines_are_corrected_by_their_place_and_the_credit_is_applied_anew() -> None:
    lines = (PRICE, OVERAGE, CREDIT)
    assert revised(lines, [Corrected(1, 3900)]) == (replace(PRICE, amount=3900, source=None), OVERAGE)
    assert revised(lines, [Corrected(2, 0), Corrected(1, None, "As agreed")]) == (
        replace(PRICE, description="As agreed"),
    )
    (_, changed) = revised(lines, [Corrected(2, 100)])
    assert (changed.amount, changed.quantity_seconds, changed.rate, changed.source) == (100, None, None, None)
    assert changed.period_start == OVERAGE.period_start


def test_the_steps_have_keys_of_their_own() -> None:
    keys = {MarkInvoice("i", "paid", "r").key, MarkInvoice("i", "uncollectible", "r").key, VoidInvoice("i", "r").key}
    assert len(keys) == 3
