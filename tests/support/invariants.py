"""What must be true of every state and every step, as far as a state can show it (billing-rules 10)."""

from billing import debt
from billing.agenda import Item, agenda
from billing.state import State, Status
from billing.steps import ChargeInvoice, Step
from support.books import Books


def check_state(s: State, books: Books) -> None:
    """I6 and I9: what is open is known and has an owner; and nothing in the state contradicts the rest."""
    known = {i.id for i in s.debt}
    assert known == books.open(), f"open at Stripe {books.open()}, known {known}"
    for invoice in s.debt:
        due = books.bills[invoice.id].amount
        assert invoice.amount == due, f"{invoice.amount} of {invoice.id} is known, {due} is due at Stripe"
        assert has_owner(s, invoice.id), f"nobody collects {invoice.id}: {s}"
    assert s.status is not Status.TRIALING or not (s.debt or s.attempt), "something is owed in a trial"
    assert s.ladder is None or s.debt, "a ladder without a debt"
    assert s.attempt is None or s.sweep, "an attempt that belongs to no step"
    assert len({i.invoice for i in s.to_issue}) == len(s.to_issue), "an invoice is to be issued twice"
    assert not known & {i.invoice for i in s.to_issue}, "an issued invoice is to be issued again"
    assert len({a.id for a in s.asked} & {a.id for a in s.answers}) == 0, "asked and answered"
    assert s.attempt or not s.asked or _can_be_served(s), f"nobody serves {s.asked}"
    _check_schedule(s, list(agenda(s)))


def has_owner(s: State, invoice: str) -> bool:
    if s.status in (Status.PAST_DUE, Status.PAUSED, Status.CANCELLED):
        return True
    if any(p.invoice == invoice for p in s.parked):
        return True
    waits = s.ladder is not None or s.attempt is not None or s.sweep is not None
    return waits or any(i.due for i in s.debt)


def check_step(s: State, step: Step) -> None:
    """No attempt is begun that the state already knows to be wrong."""
    if not isinstance(step, ChargeInvoice):
        return
    if s.attempt is not None:
        assert step.attempt == s.attempt, "another attempt while one is in flight"
        return
    owed = debt.owed(s, step.attempt.invoice)
    assert owed is not None, f"{step.attempt.invoice} is not open"
    assert step.attempt.number == owed.attempts + 1, "an attempt's number is used again"
    assert all(p.invoice != owed.id for p in s.parked), f"{owed.id} is parked"
    assert debt.obstacle(s, step.attempt.attempted_at, on_session=step.attempt.on_session) is None


def _can_be_served(s: State) -> bool:
    return any(item.step is not None for item in agenda(s))


def _check_schedule(s: State, items: list[Item]) -> None:
    assert all(item.action and item.rule and item.detail for item in items), "an item that explains nothing"
    keys = [item.step.key for item in items if item.step]
    assert len(keys) == len(set(keys)), f"one piece of work twice: {keys}"
    ladder = [item.at for item in items if item.action in ("retry", "final_action")]
    assert ladder == sorted(ladder), f"the ladder's dates are out of order: {ladder}"
