"""What people order of a running subscription: each command an update, refused before it is in history, or answered.

A command is a fact that a person brings about. What it may do and what it changes is decided by the rules (billing);
here it is taken, written to the books beside whatever step is in flight, and answered. As in the interpreter, guard
every change of the order of commands with `workflow.patched` (docs/changing-workflows.md).
"""

import contextlib
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Final, Literal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from billing import changes, debt
from billing.caps import SpendCapSet
from billing.collection import CollectionSet
from billing.facts import (
    Fact,
    Requested,
    RequestRefused,
)
from billing.orders import (
    CancelRequested,
    CancelUndone,
    LadderExtended,
    Order,
    PauseRequested,
    PauseUndone,
    PlanChangeRequested,
    PlanChangeUndone,
    ReviewDecided,
)
from billing.review import held
from billing.state import Answer, Asked, State
from workflows.messages import (
    Cancel,
    ChangePlan,
    Command,
    Credit,
    Extend,
    Mark,
    OrderReissue,
    Pause,
    PayNow,
    Reply,
    Resume,
    Retry,
    Review,
    Send,
    SetCollection,
    SetSpendCap,
    UndoCancel,
    UndoPause,
    UndoPlanChange,
    Void,
)
from workflows.refusals import refusal_of

_PATIENCE: Final = timedelta(seconds=15)
"""How long what must not cross a payment waits for an attempt in flight (billing-rules 6)."""


class Commands(ABC):
    """The updates of a subscription's workflow, and how they are answered."""

    state: State

    @abstractmethod
    def now(self) -> datetime:
        """The workflow's business time."""

    @abstractmethod
    async def note(self, fact: Fact, by: str) -> None:
        """Learn `fact`, and return when it is in the books."""

    @workflow.update
    async def cancel(self, command: Cancel) -> Reply:
        return await self._command(
            CancelRequested(self.now(), command.at == "now", command.forgive, command.by, _request()), command.by
        )

    @cancel.validator
    def _may_cancel(self, command: Cancel) -> None:
        self._check(command)

    @workflow.update
    async def undo_cancel(self, command: UndoCancel) -> Reply:
        return await self._command(CancelUndone(self.now(), command.by, _request()), command.by)

    @undo_cancel.validator
    def _may_undo_cancel(self, command: UndoCancel) -> None:
        self._check(command)

    @workflow.update
    async def pause(self, command: Pause) -> Reply:
        return await self._command(PauseRequested(self.now(), command.by, _request()), command.by)

    @pause.validator
    def _may_pause(self, command: Pause) -> None:
        self._check(command)

    @workflow.update
    async def undo_pause(self, command: UndoPause) -> Reply:
        return await self._command(PauseUndone(self.now(), command.by, _request()), command.by)

    @undo_pause.validator
    def _may_undo_pause(self, command: UndoPause) -> None:
        self._check(command)

    @workflow.update
    async def resume(self, command: Resume) -> Reply:
        return await self._ask(Asked(_request(), "resume", self.now(), by=command.by))

    @resume.validator
    def _may_resume(self, command: Resume) -> None:
        self._check(command)

    @workflow.update
    async def extend(self, command: Extend) -> Reply:
        return await self._command(LadderExtended(self.now(), command.days, command.by, _request()), command.by)

    @extend.validator
    def _may_extend(self, command: Extend) -> None:
        self._check(command)

    @workflow.update
    async def pay_now(self, command: PayNow) -> Reply:
        return await self._ask(Asked(_request(), "pay_now", self.now(), command.invoice, command.by))

    @pay_now.validator
    def _may_pay_now(self, command: PayNow) -> None:
        attempt = self.state.attempt
        if attempt is None or attempt.invoice != command.invoice:
            self._check(command)

    @workflow.update
    async def retry(self, command: Retry) -> Reply:
        return await self._ask(Asked(_request(), "retry", self.now(), by=command.by))

    @retry.validator
    def _may_retry(self, command: Retry) -> None:
        self._check(command)

    @workflow.update
    async def void(self, command: Void) -> Reply:
        asked = Asked(_request(), "void", self.now(), command.invoice, command.by, command.reason)
        return await self._ask(asked, patience=_PATIENCE if self.state.attempt else None)

    @void.validator
    def _may_void(self, command: Void) -> None:
        self._check(command)

    @workflow.update
    async def mark(self, command: Mark) -> Reply:
        what: Literal["write_off", "mark_paid"] = "write_off" if command.mark == "uncollectible" else "mark_paid"
        asked = Asked(_request(), what, self.now(), command.invoice, command.by, command.reason)
        return await self._ask(asked, patience=_PATIENCE if self.state.attempt else None)

    @mark.validator
    def _may_mark(self, command: Mark) -> None:
        self._check(command)

    @workflow.update
    async def credit(self, command: Credit) -> Reply:
        order = command.order
        asked = Asked(_request(), "credit", self.now(), command.invoice, command.by, order.memo, credit=order)
        return await self._ask(asked, patience=_PATIENCE if self.state.attempt else None)

    @credit.validator
    def _may_credit(self, command: Credit) -> None:
        self._check(command)

    @workflow.update
    async def reissue(self, command: OrderReissue) -> Reply:
        asked = Asked(
            _request(), "reissue", self.now(), command.invoice, command.by, command.reason, reissue=command.reissue
        )
        return await self._ask(asked, patience=_PATIENCE if self.state.attempt else None)

    @reissue.validator
    def _may_reissue(self, command: OrderReissue) -> None:
        self._check(command)

    @workflow.update
    async def send(self, command: Send) -> Reply:
        return await self._ask(Asked(_request(), "send", self.now(), command.invoice, command.by))

    @send.validator
    def _may_send(self, command: Send) -> None:
        self._check(command)

    @workflow.update
    async def change_plan(self, command: ChangePlan) -> Reply:
        """A debt that is just being collected is waited for: a change `now` is refused by one that stays open."""
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: not self._collects_before(command), timeout=_PATIENCE)
        now = self._holds_now(command)
        code = "payment_in_progress" if self._collects_before(command) else self._refusal(command)
        if code and self._answer(_request()) is None:
            return Reply(Answer(_request(), "refused", code), self.state)
        change = PlanChangeRequested(self.now(), command.change, command.terms, now, command.by, _request())
        return await self._command(change, command.by)

    @change_plan.validator
    def _may_change_plan(self, command: ChangePlan) -> None:
        code = self._refusal(command)
        self._refuse(None if code == "payment_overdue" and debt.is_being_collected(self.state) else code)

    def _collects_before(self, command: ChangePlan) -> bool:
        return self._holds_now(command) and debt.is_being_collected(self.state)

    def _holds_now(self, command: ChangePlan) -> bool:
        return changes.takes_effect_now(self.state, command.terms, command.effective, self.now())

    @workflow.update
    async def undo_plan_change(self, command: UndoPlanChange) -> Reply:
        return await self._command(PlanChangeUndone(self.now(), command.by, _request()), command.by)

    @undo_plan_change.validator
    def _may_undo_plan_change(self, command: UndoPlanChange) -> None:
        self._check(command)

    @workflow.update
    async def set_spend_cap(self, command: SetSpendCap) -> Reply:
        return await self._command(SpendCapSet(self.now(), command.cap, command.by, _request()), command.by)

    @set_spend_cap.validator
    def _may_set_spend_cap(self, command: SetSpendCap) -> None:
        self._check(command)

    @workflow.update
    async def set_collection(self, command: SetCollection) -> Reply:
        fact = CollectionSet(
            self.now(), command.manual, command.by, command.account, command.customer, command.card, _request()
        )
        return await self._command(fact, command.by)

    @set_collection.validator
    def _may_set_collection(self, command: SetCollection) -> None:
        self._check(command)

    @workflow.update
    async def review(self, command: Review) -> Reply:
        parked = held(self.state)
        if parked is None:  # another's word came first, or this very one is asked again
            known = self._answer(_request()) or Answer(_request(), "refused", "nothing_to_review")
            return Reply(known, self.state)
        decision = ReviewDecided(self.now(), parked.invoice, command.decision, command.by, command.reason, _request())
        return await self._command(decision, command.by)

    @review.validator
    def _may_review(self, command: Review) -> None:
        self._check(command)

    # How a command is answered

    async def _command(self, fact: Order, by: str) -> Reply:
        """A command that takes effect at once: answered when it is in the books, whatever step is in flight."""
        answer = self._answer(fact.request)
        if answer is None:
            await self.note(fact, by)
        return Reply(answer or Answer(fact.request, "done"), self.state)

    async def _ask(self, asked: Asked, patience: timedelta | None = None) -> Reply:
        """A request that needs a step: answered when the step is done, or joined to one in flight."""
        if self._answer(asked.id) is None:
            await self.note(Requested(self.now(), asked), asked.by)
        try:
            await workflow.wait_condition(lambda: self._answer(asked.id) is not None, timeout=patience)
        except TimeoutError:
            await self.note(RequestRefused(self.now(), asked.id, "payment_in_progress"), asked.by)
        answer = self._answer(asked.id)
        return Reply(answer or Answer(asked.id, "processing"), self.state)

    def _answer(self, request: str) -> Answer | None:
        return next((a for a in self.state.answers if a.id == request), None)

    def _refusal(self, command: Command) -> str | None:
        return refusal_of(self.state, self.now(), command)

    def _check(self, command: Command) -> None:
        self._refuse(self._refusal(command))

    def _refuse(self, code: str | None) -> None:
        """Refuse an update before it is in history, unless it is one that was answered before."""
        if code is None or self._answer(_request()):
            return
        possible = debt.possible_again(self.state, self.now()) if code == "card_limit" else None
        raise ApplicationError(possible.isoformat() if possible else code, type=code, non_retryable=True)


def _request() -> str:
    info = workflow.current_update_info()
    return info.id if info else ""
