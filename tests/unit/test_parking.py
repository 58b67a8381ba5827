"""The way out of a parking for what was never issued: it is voided (billing-rules 9, "Parking")."""

from support.world import DAY, World, a_world

from billing.facts import InvoiceParked
from billing.requests import settle_refusal, void_refusal
from billing.review import review_refusal
from billing.state import Decision, Trouble

FIFTH = "inv_demo_p5"


def stuck(*, held: bool = False, rules: int = 2) -> World:
    """Four periods and the fifth's invoice parked: over the ceiling, or held for review."""
    world = a_world(rules=rules)
    world.seconds = {4: 10_000_000 if held else 1_000_000_000} if rules >= 2 else {}
    world.run(until=world.start + 123 * DAY)
    if rules < 2:
        world.state = a_world(rules=1).state
        world.learn(InvoiceParked(world.now, world.state.to_issue[0].invoice, "no", trouble=Trouble.REFUSED))
    return world


def test_parked_for_review_it_is_voided_and_the_next_period_goes_on() -> None:
    world = stuck(held=True)
    asked = world.ask("void", "p5")
    world.run(days=31)
    answer = world.answer(asked)
    assert answer
    assert answer.result == "done"
    assert world.state.parked == world.state.to_issue == ()
    assert FIFTH not in world.books.bills, "it was never issued"
    assert world.books.bills["inv_demo_p6"].status == "paid"


def test_more_than_can_be_charged_at_once_is_voided_too() -> None:
    world = stuck().review(Decision.APPROVE).run()
    assert [p.invoice for p in world.state.parked] == [FIFTH]
    assert review_refusal(world.state, Decision.APPROVE) == "invoice_too_large"
    asked = world.ask("void", "p5")
    world.run(days=1)
    answer = world.answer(asked)
    assert answer
    assert answer.result == "done"
    assert not world.state.parked
    assert void_refusal(world.state, world.now, FIFTH) == "invoice_not_open"


def test_a_last_invoice_that_is_voided_ends_the_subscription() -> None:
    world = stuck(held=True)
    world.cancel(now=True).run(days=2)
    assert not world.finished
    world.ask("void", "p5")
    world.run(days=1)
    assert world.finished


def test_what_is_parked_unissued_is_voided_and_nothing_else() -> None:
    world = stuck()
    assert void_refusal(world.state, world.now, FIFTH) is None
    assert settle_refusal(world.state, world.now, FIFTH) == "invoice_not_open"
    assert void_refusal(world.state, world.now, "inv_demo_p9") == "invoice_not_open"
    world.freeze()
    assert void_refusal(world.state, world.now, FIFTH) == "agency_frozen"


def test_what_only_waits_to_be_issued_is_not_voided() -> None:
    world = a_world()
    assert world.state.to_issue
    assert void_refusal(world.state, world.now, world.state.to_issue[0].invoice) == "invoice_not_open"


def test_while_it_is_being_voided_neither_retry_nor_review_lets_go_of_it() -> None:
    world = stuck(held=True)
    world.ask("void", "p5")
    assert review_refusal(world.state, Decision.REJECT) == "nothing_to_review"
    fault = stuck().review(Decision.APPROVE).run()
    fault.ask("void", "p5")
    fault.ask("retry")
    assert [p.invoice for p in fault.state.parked] == [FIFTH]
    fault.run(days=1)
    assert FIFTH not in fault.books.bills
    assert not fault.state.to_issue


def test_under_the_first_rules_it_is_refused() -> None:
    world = stuck(rules=1)
    assert world.state.parked
    assert void_refusal(world.state, world.now, world.state.parked[0].invoice) == "invoice_not_open"
