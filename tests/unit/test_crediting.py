"""Credit notes: the debt, its ladder and its attempts follow what is still owed."""

from support.world import a_world

from billing.credit_notes import InvoiceCredited
from billing.state import Status
from billing.subscription import apply


def test_what_is_left_is_tried_on_the_ladders_own_dates() -> None:
    world = a_world("soft", "pays").run(days=1)
    assert world.state.ladder
    due = world.state.ladder.next_at
    world.credit_elsewhere("p1", 1900)
    assert (world.state.debt[0].amount, world.state.ladder.next_at) == (3000, due)
    world.run(days=5)
    assert (world.open(), world.books.bills[world.invoice("p1")].paid) == ([], 3000)
    assert [name for _, name in world.charges()] == ["p1#1", "p1#2"]


def test_an_invoice_credited_in_full_is_not_dunned_any_more_and_nobody_is_told_of_a_payment() -> None:
    world = a_world("soft").run(days=20)
    assert world.state.status is Status.PAST_DUE
    tried, told = world.charges(), len(world.told)
    world.credit_elsewhere("p1", 4900)
    assert (world.open(), world.state.ladder, world.state.status) == ([], None, Status.ACTIVE)
    world.run(days=8)
    assert (world.charges(), len(world.told)) == (tried, told)


def test_the_ladder_of_a_debt_goes_on_with_what_is_not_credited() -> None:
    world = a_world("soft").run(days=40)
    assert world.open() == ["p1", "p2"]
    status = world.state.status
    world.credit_elsewhere("p1", 4900)
    assert (world.open(), world.state.status) == (["p2"], status)
    assert world.state.ladder


def test_a_voided_credit_note_is_owed_again() -> None:
    world = a_world("soft").run(days=1).credit_elsewhere("p1", 1900).credit_elsewhere("p1", -1900)
    assert world.state.debt[0].amount == 4900


def test_an_older_reading_changes_nothing() -> None:
    world = a_world("soft").run(days=1).credit_elsewhere("p1", 1900).credit_elsewhere("p1", 1000)
    older = next(fact for fact in world.history if isinstance(fact, InvoiceCredited))
    assert apply(world.state, older) == world.state
    assert world.state.debt[0].amount == 2000


def test_who_waits_for_a_payment_of_what_is_credited_in_full_is_told_that_it_is_not_open() -> None:
    asked: list[str] = []
    world = a_world("soft").run(days=1)
    world.while_in_flight(lambda w: (asked.append(w.ask("void", "p1")), w.credit_elsewhere("p1", 4900)))
    world.ask("retry")
    world.run()
    answer = world.answer(asked[0])
    assert answer
    assert (answer.result, answer.code) == ("refused", "invoice_not_open")
