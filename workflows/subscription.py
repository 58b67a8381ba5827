"""One durable workflow per subscription: it executes what the rules decide, one step at a time.

The rules (billing.agenda, billing.subscription) say what is next; nothing about money is decided here. This file is the
interpreter: guard every change of its command order with `workflow.patched` (docs/changing-workflows.md).
"""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import (
    BILLING_QUEUE,
    CHARGE_INVOICE,
    CLOSE_PERIOD,
    CREDIT_INVOICE,
    ISSUE_INVOICE,
    MARK_INVOICE,
    MARK_TRIAL,
    READ_NEWS,
    RECORD,
    REMIND,
    REMIND_DUE,
    REPEAT_PARKING,
    SEND_INVOICE,
    STRIPE_QUEUE,
    TAKE_FINAL_ACTION,
    TELL_EXPIRY,
    VOID_INVOICE,
    Outcome,
    Record,
    Work,
)
from billing.agenda import begin, next_step, planned
from billing.facts import Fact, NewsArrived, StepFailed
from billing.state import RULES, Origin, State
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    CreditInvoice,
    Finish,
    IssueInvoice,
    MarkInvoice,
    MarkTrial,
    ReadNews,
    Remind,
    RemindDue,
    RepeatParking,
    SendInvoice,
    Step,
    TakeFinalAction,
    TellExpiry,
    VoidInvoice,
    Wait,
)
from billing.subscription import apply
from workflows.commands import Commands
from workflows.messages import (
    AGENCY_ATTRIBUTE,
    FACTS_ARRIVED,
    PERIOD_END_ATTRIBUTE,
    STATUS_ATTRIBUTE,
    SUBSCRIPTION,
    Ended,
    Schedule,
    ScheduleItem,
    Start,
    StatusView,
    opened_by,
)

AGENCY: Final = SearchAttributeKey.for_keyword(AGENCY_ATTRIBUTE)
STATUS: Final = SearchAttributeKey.for_keyword(STATUS_ATTRIBUTE)
PERIOD_END: Final = SearchAttributeKey.for_datetime(PERIOD_END_ATTRIBUTE)

_ACTIVITIES: Final[dict[type[Step], tuple[str, str]]] = {
    ReadNews: (READ_NEWS, STRIPE_QUEUE),
    ClosePeriod: (CLOSE_PERIOD, BILLING_QUEUE),
    IssueInvoice: (ISSUE_INVOICE, STRIPE_QUEUE),
    ChargeInvoice: (CHARGE_INVOICE, STRIPE_QUEUE),
    VoidInvoice: (VOID_INVOICE, STRIPE_QUEUE),
    MarkInvoice: (MARK_INVOICE, STRIPE_QUEUE),
    CreditInvoice: (CREDIT_INVOICE, STRIPE_QUEUE),
    Remind: (REMIND, BILLING_QUEUE),
    RemindDue: (REMIND_DUE, BILLING_QUEUE),
    TellExpiry: (TELL_EXPIRY, BILLING_QUEUE),
    MarkTrial: (MARK_TRIAL, BILLING_QUEUE),
    SendInvoice: (SEND_INVOICE, STRIPE_QUEUE),
    TakeFinalAction: (TAKE_FINAL_ACTION, BILLING_QUEUE),
    RepeatParking: (REPEAT_PARKING, BILLING_QUEUE),
}
# A step is at most two quick tries: when they fail, that is a fact, and the rules say when to try again.
_START_TO_CLOSE: Final = timedelta(seconds=30)
_SCHEDULE_TO_CLOSE: Final = timedelta(seconds=45)
_HEARTBEAT: Final = timedelta(seconds=5)
_QUICK_TRIES: Final = RetryPolicy(maximum_attempts=2)
_UNTIL_WRITTEN: Final = RetryPolicy(maximum_interval=timedelta(seconds=30))
_LONG_HISTORY: Final = 2_000


@workflow.defn(name=SUBSCRIPTION)
class SubscriptionWorkflow(Commands):
    """The life of one subscription, from its start to the day on which nothing of it is owed or due."""

    @workflow.init
    def __init__(self, start: Start) -> None:
        # Restored here and not in run(): a message can be handled before run() begins.
        if start.rules > RULES:
            raise RuntimeError(f"rules {start.rules} are newer than this worker's {RULES}: left to a newer worker")
        self.requested_at = start.requested_at
        self.state = start.carried or opened_by(start)
        self.first_period = self.state.periods
        self.shown = self.state.status
        self.written = self.state.version
        """The newest version that the books are known to hold."""
        self.woken_at = start.requested_at
        """When the last timer ended, by this workflow's own clock."""
        self.apart = False
        """Whether the books may hold the same facts in another order than we: in the end they are given our state."""

    @workflow.run
    async def run(self, start: Start) -> Ended:
        while True:
            await self._show()
            found = self.state
            match step := next_step(found, self.now()):
                case Finish():
                    if await self._quiet():
                        return Ended(self.state.id)
                case Wait() if self._page_is_full() and await self._quiet():
                    self._turn_the_page(start)
                case Wait():
                    await self._wait(step, found)
                case _:
                    await self._do(step)

    # What arrives

    @workflow.signal(name=FACTS_ARRIVED)
    def facts_arrived(self) -> None:
        """The inbox has rows about this subscription. What they say is read, never carried by the signal."""
        self._learn(NewsArrived(self.now()))

    @workflow.query
    def status(self) -> StatusView:
        step = next_step(self.state, self.now())
        wait = step if isinstance(step, Wait) else None
        return StatusView(self.state, self.now(), wait.until if wait else self.now(), wait.why if wait else str(step))

    @workflow.query
    def schedule(self) -> Schedule:
        items = planned(self.state)
        return Schedule(tuple(ScheduleItem(i.at, i.action, i.rule, i.detail, i.amount) for i in items))

    # How a step is done

    def now(self) -> datetime:
        """Never before what is known already: the API's clock and the facts may be ahead of this workflow's."""
        return max(workflow.now(), self.requested_at, self.woken_at, self.state.clock)

    async def _do(self, step: Step) -> None:
        """One activity; its facts, or that it failed, are applied to the state as it is by then."""
        self.state = found = begin(self.state, step, self.now())
        try:
            outcome = await self._execute(step, found)
        except ActivityError as error:
            self.apart = True  # it may have been written all the same
            self._learn(_failure(step, error, self.now()))
            return
        self.apart |= self.state is not found  # a command came beside it
        for fact in outcome.facts:
            self._learn(fact)
        self._booked(outcome)

    async def _execute(self, step: Step, found: State) -> Outcome:
        name, queue = _ACTIVITIES[type(step)]
        asked_for = isinstance(step, VoidInvoice | MarkInvoice | CreditInvoice) or (
            isinstance(step, ChargeInvoice) and step.origin is Origin.PAY_NOW
        )
        outcome: Outcome = await workflow.execute_activity(
            name,
            Work(found, step),
            result_type=Outcome,
            task_queue=queue,
            start_to_close_timeout=_START_TO_CLOSE,
            schedule_to_close_timeout=_SCHEDULE_TO_CLOSE,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_QUICK_TRIES,
            # One agency's month end must not starve another's, and nobody waits behind it.
            priority=Priority(priority_key=1 if asked_for else 3, fairness_key=found.account),
            summary=step.key,
        )
        return outcome

    async def _wait(self, wait: Wait, found: State) -> None:
        """A durable timer that only a fact which changes the plan interrupts."""

        def changed() -> bool:
            # Compared with the state that the wait was decided on: handlers may have learned more since then.
            return self.state is not found and next_step(self.state, self.now()) != wait

        began, timeout = workflow.now(), wait.until - self.now() if wait.until else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(changed, timeout=timeout, timeout_summary=wait.why)
            return
        if timeout is not None:
            # A query that waited for a worker is answered first, with all events but the time of the task before them:
            # by workflow.now() alone a date that fell due meanwhile would be waited for once more, from its beginning.
            self.woken_at = began + timeout

    def _learn(self, fact: Fact) -> None:
        self.state = apply(self.state, fact)

    # How the books learn of it

    async def note(self, fact: Fact, by: str) -> None:
        found = self.state
        self._learn(fact)
        await self._record(Record(found, (fact,), by))

    async def _record(self, record: Record) -> None:
        outcome = await workflow.execute_activity(
            RECORD,
            record,
            result_type=Outcome,
            task_queue=BILLING_QUEUE,
            start_to_close_timeout=_START_TO_CLOSE,
            heartbeat_timeout=_HEARTBEAT,
            # Nothing can go on while the books are away: everything else needs them too.
            retry_policy=_UNTIL_WRITTEN,
            priority=Priority(priority_key=1, fairness_key=record.state.account),
            summary="record",
        )
        self._booked(outcome)

    def _booked(self, outcome: Outcome) -> None:
        self.written = max(self.written, outcome.version)
        self.apart |= outcome.version > self.state.version

    # How a run ends

    async def _show(self) -> None:
        """The status is searchable; the books are given our state when they are behind, or may be apart."""
        if self.state.status is not self.shown:
            period = self.state.period
            ends = PERIOD_END.value_set(period.end) if period else PERIOD_END.value_unset()
            workflow.upsert_search_attributes([STATUS.value_set(self.state.status.value), ends])
            self.shown = self.state.status
        while self._behind():
            self.apart = False
            if self.written > self.state.version:
                self.state = replace(self.state, version=self.written)
            await self._record(Record(self.state, (), "system"))

    def _behind(self) -> bool:
        behind = self.apart or self.written < self.state.version
        return behind and isinstance(next_step(self.state, self.now()), Wait | Finish)

    def _page_is_full(self) -> bool:
        """A run's page is a period. Several missed ones are caught up inside one run, because none of them waits."""
        return self.state.periods > self.first_period or workflow.info().get_current_history_length() > _LONG_HISTORY

    async def _quiet(self) -> bool:
        """Handlers that have their answers may return; False when something new came."""
        if self.state.asked or self.state.news:
            return False
        state = self.state
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or self.state is not state)
        return self.state is state

    def _turn_the_page(self, start: Start) -> None:
        """A new period takes the newest rules; a page that was only long keeps its own."""
        rules = RULES if self.state.periods > self.first_period else self.state.rules
        carried = replace(self.state, rules=rules)
        workflow.continue_as_new(
            replace(start, rules=rules, carried=carried),
            search_attributes=search_attributes(carried),
        )


def search_attributes(s: State) -> TypedSearchAttributes:
    """What a run can be found by: who starts or continues it sets them, which costs no action."""
    found_by: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(AGENCY, s.agency),
        SearchAttributePair(STATUS, s.status.value),
    ]
    if s.period:
        found_by.append(SearchAttributePair(PERIOD_END, s.period.end))
    return TypedSearchAttributes(found_by)


def _failure(step: Step, error: ActivityError, now: datetime) -> StepFailed:
    """That a step failed, with what Stripe asked us to wait: the rules say when to try again."""
    cause = error.cause
    asked = next(iter(cause.details), None) if isinstance(cause, ApplicationError) else None
    retry_after = timedelta(seconds=asked) if isinstance(asked, int | float) else None
    return StepFailed(now, step.key, str(cause or error), retry_after)
