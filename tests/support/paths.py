"""The paths whose histories are recorded (tests/replay/histories): every kind of command the interpreter issues."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from billing import facts
from billing.plans import Dunning, FinalAction
from billing.state import Forgive
from support.recording import Interruption, Life
from support.world import MINUTE, OVER, a_world, card
from workflows.messages import Cancel, Extend, Pause, PayNow, Resume, Retry, UndoCancel, UndoPause, Void
from workflows.subscription import SubscriptionWorkflow as Workflow

Path = Callable[[Life], Awaitable[None]]

LONGER_THAN_A_VOIDS_PATIENCE: Final = 16.5
"""Seconds of the real clock: a workflow with an activity in flight is not moved."""


async def renewal(life: Life) -> None:
    """Issue, charge, wait; close, issue, charge, and the page turns."""
    await life.begin()
    await life.days(33)


async def overage(life: Life) -> None:
    """The second invoice holds price and overage."""
    life.world.seconds = {1: OVER}
    await life.begin()
    await life.days(33)


async def three_missed_boundaries(life: Life) -> None:
    """Started 95 days back: three periods are closed and billed inside one run."""
    await life.begin(starts_in=timedelta(days=-95))


async def start_ahead(life: Life) -> None:
    """The first thing is a timer."""
    await life.begin(starts_in=timedelta(days=10))
    await life.days(11)


async def trial_cancelled_undone_and_charged(life: Life) -> None:
    """A cancellation for the trial's end that is taken back, the announcement, and the first charge at its end."""
    await life.begin(trial_days=14)
    await life.ask(Workflow.cancel, Cancel("period_end", Forgive.NONE, "agency"))
    await life.days(2)
    await life.ask(Workflow.undo_cancel, UndoCancel("agency"))
    await life.days(13)


async def first_card(life: Life) -> None:
    """A wait without an end, until the first card is read."""
    await life.begin(starts_in=None, with_card=False)
    await life.days(4)
    await life.tell(facts.CardSaved(life.home.now(), card()))
    await life.days(1)


async def ladder_to_past_due_and_recovery_by_new_card(life: Life) -> None:
    """Three retries, the final action, the status shown; a new card pays, and it is shown again."""
    await life.begin(world=a_world("soft"))
    await life.days(20)
    await life.tell(facts.CardSaved(life.home.now(), card("mastercard")))
    await life.days(1)


async def no_card_and_reminders(life: Life) -> None:
    """Reminders instead of attempts, up to the final action."""
    await life.begin(with_card=False, world=a_world(dunning=Dunning((1, 2))))
    await life.days(5)


async def final_action_pause_and_resume(life: Life) -> None:
    """The last decline pauses, the overage to date is issued without an attempt; a new card pays, and it resumes."""
    await _final_action(life, FinalAction.PAUSE)
    await life.tell(facts.CardSaved(life.home.now(), card("mastercard")))
    await life.days(1)


async def final_action_cancel(life: Life) -> None:
    """The last decline cancels: what is still owed is waited for, and when it is paid the workflow ends."""
    await _final_action(life, FinalAction.CANCEL)
    await life.tell(facts.CardSaved(life.home.now(), card("mastercard")))
    await life.days(1)


async def _final_action(life: Life, action: FinalAction) -> None:
    world = a_world("soft", dunning=Dunning(final_action=action))
    world.seconds = {1: OVER}
    await life.begin(world=world)
    await life.days(20)


async def unpaid_pause_and_resume(life: Life) -> None:
    """Three open invoices at a boundary pause; paid one after the other by pay now, service begins anew."""
    await life.begin(world=a_world("soft"))
    await life.days(100)
    life.world.paused_after.add(3)
    life.world.cards["visa"] = ["pays"]
    await life.ask(Workflow.pay_now, PayNow(life.invoice("p3"), "client"))
    await life.days(32)


async def hard_decline(life: Life) -> None:
    """Reminders instead of retries, the final action, a new card; a pay now between is refused and leaves no trace."""
    await life.begin(world=a_world("hard"))
    await life.days(1)
    await life.ask_in_vain(Workflow.pay_now, PayNow(life.invoice("p1"), "client"))
    await life.days(20)
    await life.tell(facts.CardSaved(life.home.now(), card("mastercard")))
    await life.days(1)


async def customer_must_act(life: Life) -> None:
    """A reminder on the third day; paid on Stripe's page on the fifth."""
    await life.begin(world=a_world("must_act"))
    await life.days(5)
    await life.tell(facts.PaidElsewhere(life.home.now(), life.invoice("p1")))
    await life.days(1)


async def card_removed_mid_ladder(life: Life) -> None:
    """Retries become reminders; the same card saved again is tried at once."""
    await life.begin(world=a_world("soft", "pays"))
    await life.days(1)
    await life.tell(facts.CardRemoved(life.home.now()))
    await life.days(4)
    await life.tell(facts.CardSaved(life.home.now(), card()))
    await life.days(1)


async def parked_and_retried(life: Life) -> None:
    """Left alone, also over a boundary, until the agency asks for a retry."""
    await life.begin(world=a_world("parks", "pays"))
    await life.days(32)
    await life.ask(Workflow.retry, Retry("agency"))
    await life.days(1)


async def pay_now(life: Life) -> None:
    """Declined at issue, paid by the client a day later."""
    await life.begin(world=a_world("soft", "pays"))
    await life.days(1)
    await life.ask(Workflow.pay_now, PayNow(life.invoice("p1"), "client"))
    await life.days(1)


async def pay_now_joins_an_attempt(life: Life) -> None:
    """The client presses pay now while a retry is in flight."""
    await life.begin(world=a_world("soft", "pays"))
    life.while_in_flight(
        "charge_invoice", lambda: life.ask_beside(Workflow.pay_now, PayNow(life.invoice("p1"), "client"))
    )
    await life.days(4)


async def agency_retry(life: Life) -> None:
    """The agency's retry, declined."""
    await life.begin(world=a_world("soft"))
    await life.days(1)
    await life.ask(Workflow.retry, Retry("agency"))
    await life.days(1)


async def void(life: Life) -> None:
    """A void mid-ladder."""
    await life.begin(world=a_world("soft"))
    await life.days(1)
    await life.ask(Workflow.void, Void(life.invoice("p1"), "agency", "a mistake"))
    await life.days(1)


async def void_loses_patience(life: Life) -> None:
    """A void during an attempt that takes longer than 15 s: a timer in the handler, and payment_in_progress."""
    await life.begin(world=a_world("soft"))

    async def void_and_wait() -> None:
        await life.ask_beside(Workflow.void, Void(life.invoice("p1"), "agency"))
        await asyncio.sleep(LONGER_THAN_A_VOIDS_PATIENCE)

    life.while_in_flight("charge_invoice", void_and_wait)
    await life.days(4)


async def cancel_now(life: Life) -> None:
    """Cancelled, the usage grace, the final invoice, the end."""
    life.world.seconds = {1: OVER}
    await life.begin()
    await life.days(1)
    await life.ask(Workflow.cancel, Cancel("now", Forgive.NONE, "agency"))
    await life.days(1)


async def cancel_now_forgiving_all(life: Life) -> None:
    """Cancelled mid-ladder: the open invoice is voided, and nothing more is billed."""
    await life.begin(world=a_world("soft"))
    await life.days(1)
    await life.ask(Workflow.cancel, Cancel("now", Forgive.ALL, "agency"))
    await life.days(1)


async def cancel_at_period_end_undone(life: Life) -> None:
    """Agreed, undone, and the period renews."""
    await life.begin()
    await life.days(1)
    await life.ask(Workflow.cancel, Cancel("period_end", Forgive.NONE, "agency"))
    await life.days(1)
    await life.ask(Workflow.undo_cancel, UndoCancel("agency"))
    await life.days(31)


async def pause_and_resume(life: Life) -> None:
    """Paused, taken back, paused; resumed with a new anchor. Paused again, and resumed before the period is closed."""
    await life.begin()
    await life.days(1)
    await life.ask(Workflow.pause, Pause("agency"))
    await life.ask(Workflow.undo_pause, UndoPause("agency"))
    await life.ask(Workflow.pause, Pause("agency"))
    await life.days(40)
    life.world.paused_after |= {1, 2}
    await life.ask(Workflow.resume, Resume("agency"))
    await life.machine.rest()
    said = await life.ask(Workflow.pause, Pause("agency"))
    await life.machine.advance(said.state.ending.at + 10 * MINUTE)
    await life.ask(Workflow.resume, Resume("agency"))
    await life.days(1)


async def a_promise_to_pay(life: Life) -> None:
    """The next date moves: another timer, and the retry that it was for."""
    await life.begin(world=a_world("soft"))
    await life.days(1)
    await life.ask(Workflow.extend, Extend(4, "agency"))
    await life.ask_in_vain(Workflow.extend, Extend(4, "agency"))
    await life.days(7)


async def stripe_outage(life: Life) -> None:
    """Steps that fail, the backoff's timers, and a cancellation that is not delayed by them."""
    life.world.away_until = life.home.now() + 2 * MINUTE
    await life.begin()
    await life.ask(Workflow.cancel, Cancel("period_end", Forgive.NONE, "agency"))
    await life.days(1)


async def command_beside_a_failing_step(life: Life) -> None:
    """The books are behind after a step that failed beside a command: they are written once more."""
    life.world.away_until = life.home.now() + MINUTE
    life.while_in_flight(
        "issue_invoice", lambda: life.ask_beside(Workflow.cancel, Cancel("period_end", Forgive.NONE, "agency"))
    )
    await life.begin()
    await life.days(1)


async def news_paid_elsewhere(life: Life) -> None:
    """A webhook mid-ladder: the reading brings that it was paid, and a second one acknowledges the first."""
    await life.begin(world=a_world("soft"))
    await life.days(1)
    await life.tell(facts.PaidElsewhere(life.home.now(), life.invoice("p1")))
    await life.days(1)
    await life.tell()
    await life.days(1)


async def processing_payment(life: Life) -> None:
    """An attempt in flight at Stripe is read again, and paid."""
    await life.begin(world=a_world("processing", "pays"))
    await life.days(1)


async def continue_as_new_with_update(life: Life) -> None:
    """A cancellation is accepted in the last step of a page, which turns when it is answered; undone on the next."""
    await _cancel_in_the_last_step(life, lambda: life.until_only("record"))
    await life.ask(Workflow.undo_cancel, UndoCancel("agency"))
    await life.days(1)


async def continue_as_new_with_update_and_signal(life: Life) -> None:
    """News arrives while the page waits for a handler to return: it is read before the page turns."""

    async def news() -> None:
        await life.until_only("record")
        await life.tell(facts.CardSaved(life.home.now(), card("mastercard")))

    await _cancel_in_the_last_step(life, news)


async def _cancel_in_the_last_step(life: Life, before_it_is_recorded: Interruption) -> None:
    await life.begin()
    await life.days(30)
    life.while_in_flight(
        "charge_invoice", lambda: life.ask_beside(Workflow.cancel, Cancel("period_end", Forgive.NONE, "agency"))
    )
    life.while_in_flight("record", before_it_is_recorded)
    await life.days(3)


PATHS: Final[dict[str, Path]] = {
    path.__name__: path
    for path in (
        renewal,
        overage,
        three_missed_boundaries,
        start_ahead,
        trial_cancelled_undone_and_charged,
        first_card,
        ladder_to_past_due_and_recovery_by_new_card,
        no_card_and_reminders,
        final_action_pause_and_resume,
        final_action_cancel,
        unpaid_pause_and_resume,
        hard_decline,
        customer_must_act,
        card_removed_mid_ladder,
        parked_and_retried,
        pay_now,
        pay_now_joins_an_attempt,
        agency_retry,
        void,
        void_loses_patience,
        cancel_now,
        cancel_now_forgiving_all,
        cancel_at_period_end_undone,
        pause_and_resume,
        a_promise_to_pay,
        stripe_outage,
        command_beside_a_failing_step,
        news_paid_elsewhere,
        processing_payment,
        continue_as_new_with_update,
        continue_as_new_with_update_and_signal,
    )
}
