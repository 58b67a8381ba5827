"""Credit notes: the debt, its ladder and its attempts follow what is still owed."""

from support.world import DAY, World, a_world

from billing.credit_notes import CreditOrder, InvoiceCredited
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


def credit(world: World, amount: int, note: str = "cnt_1") -> str:
    return world.ask("credit", "p1", credit=CreditOrder(note, amount))


def answered(world: World, request: str) -> tuple[str, str | None]:
    answer = world.answer(request)
    assert answer, f"{request} is not answered"
    return answer.result, answer.code


def test_a_credit_note_that_is_asked_for_is_made_once_and_the_rest_collected() -> None:
    world = a_world("soft", "pays").run(days=1)
    first = credit(world, 1900)
    world.run()
    assert (answered(world, first), world.state.debt[0].amount) == (("done", None), 3000)
    world.run(days=5)
    assert world.books.bills[world.invoice("p1")].paid == 3000


def test_it_waits_for_an_attempt_in_flight_and_finds_what_that_paid() -> None:
    asked: list[str] = []
    world = a_world("pays").while_in_flight(lambda w: asked.append(credit(w, 100)))
    world.run()
    assert answered(world, asked[0]) == ("refused", "invoice_paid")
    assert not world.steps("CreditInvoice")


def test_no_more_is_credited_than_is_owed() -> None:
    world = a_world("soft").run(days=1)
    assert answered(world, credit(world, 4901)) == ("refused", "credit_too_large")
    first, second = credit(world, 3000, "cnt_1"), credit(world, 3000, "cnt_2")
    world.run()
    assert (answered(world, first), answered(world, second)) == (("done", None), ("refused", "credit_too_large"))
    assert world.state.debt[0].amount == 1900


def test_whoever_learns_of_it_first_answers_who_asked() -> None:
    world = a_world("soft").run(days=1)
    world.away_until = world.now + DAY
    request = credit(world, 4900)
    world.run(days=0.1)
    assert world.answer(request) is None
    # It was made all the same, and Stripe's event comes before the step is tried again.
    world.credited.append("cnt_1")
    world.credit_elsewhere("p1", 4900)
    assert answered(world, request) == ("done", None)
    assert world.open() == []
