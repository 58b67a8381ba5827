"""Lives that come to an end, or pause: their golden traces are kept with the others (support.scenarios)."""

from billing.plans import Dunning
from billing.state import Forgive
from support.world import DAY, MINUTE, OVER, T0, World, a_world

BOUNDARY = T0 + 31 * DAY


def cancel_at_period_end(rules: int) -> World:
    """The overage of the last period is all that is billed at its end."""
    return _in_use("pays", rules).cancel().run(days=30)


def cancel_undone(rules: int) -> World:
    """Undone before the period's end: it goes on as if nothing had been."""
    return _in_use("pays", rules).cancel().run(days=2).undo_cancel().run(days=25)


def cancel_now(rules: int) -> World:
    """Overage to date, no refund of the price."""
    return _in_use("pays", rules).cancel(now=True).run(days=2)


def cancel_now_between_boundary_and_close(rules: int) -> World:
    """The boundary moves to the cancellation: no new price is billed."""
    world = _in_use("pays", rules).run(until=BOUNDARY + 30 * MINUTE)
    return world.cancel(now=True).run(days=2)


def cancel_now_between_close_and_issue(rules: int) -> World:
    """What is closed stays closed: the invoice is issued without the new price, and the new period ends at once."""
    world = _in_use("pays", rules)
    world.while_in_flight(lambda world: world.cancel(now=True), "ClosePeriod")
    return world.run(days=30)


def pause_and_resume(rules: int) -> World:
    """Paused at the period's end, resumed ten days later with a new anchor."""
    world = _in_use("pays", rules).pause().run(days=30)
    world.resume()
    return world.run(days=32)


def pause_undone(rules: int) -> World:
    """Taken back before the period's end: it goes on as if nothing had been."""
    return _in_use("pays", rules).pause().run(days=2).undo_pause().run(days=25)


def resume_before_the_close(rules: int) -> World:
    """Resumed between boundary and close: the paused period is closed at once."""
    world = _in_use("pays", rules).pause().run(until=BOUNDARY + 30 * MINUTE)
    world.resume()
    return world.run(days=2)


def pause_mid_ladder(rules: int) -> World:
    """The ladder goes on through the pause, which payment does not end."""
    world = a_world("soft", dunning=Dunning((30, 5, 7)), rules=rules).run(days=10).pause().run(days=26)
    return world.save_card("mastercard").run(days=20)


def cancel_mid_ladder(rules: int) -> World:
    """The debt remains and the ladder goes on, without a final action; a new card ends it."""
    world = _in_use("soft", rules).cancel(now=True).run(days=30)
    return world.save_card("mastercard").run(days=1)


def cancel_now_forgiving_the_open_invoices(rules: int) -> World:
    """The open invoice is voided; the usage to date is billed."""
    return _in_use("soft", rules).cancel(now=True, forgive=Forgive.OPEN).run(days=20)


def cancel_now_forgiving_all(rules: int) -> World:
    """The open invoice is voided and the usage to date never billed."""
    return _in_use("soft", rules).cancel(now=True, forgive=Forgive.ALL).run(days=2)


def cancel_while_awaiting_a_card(rules: int) -> World:
    """Nothing was ever billed, and a card that comes later starts nothing."""
    world = a_world(starts_at=None, with_card=False, rules=rules).run(days=1)
    return world.cancel().save_card().run(days=40)


def _in_use(card: str, rules: int) -> World:
    """Two days old, and used beyond its allowance in the first period."""
    world = a_world(card, rules=rules)  # type: ignore[arg-type]
    world.seconds = {1: OVER}
    return world.run(days=2)


ENDINGS = (
    cancel_at_period_end,
    cancel_undone,
    cancel_now,
    cancel_now_between_boundary_and_close,
    cancel_now_between_close_and_issue,
    pause_and_resume,
    pause_undone,
    resume_before_the_close,
    pause_mid_ladder,
    cancel_mid_ladder,
    cancel_now_forgiving_the_open_invoices,
    cancel_now_forgiving_all,
    cancel_while_awaiting_a_card,
)
