"""Closing a period: its usage is frozen and priced (billing-rules 4 and 5)."""

from temporalio import activity

from activities.messages import CLOSE_PERIOD, Outcome, Work
from activities.ports import Clock, Store
from activities.troubles import expect
from billing.facts import PeriodClosed
from billing.prorating import terms_in
from billing.state import Period
from billing.steps import ClosePeriod


class Closing:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @activity.defn(name=CLOSE_PERIOD)
    async def close_period(self, work: Work) -> Outcome:
        """Freeze the usage and what it came to, in one transaction. Repeatable: frozen usage stays as it is."""
        state, step = work.state, expect(work.step, ClosePeriod)
        own, now = terms_in(state, Period(step.number, 0, step.start, step.end)), self._clock.now()
        async with self._store.transaction() as books:
            seconds = await books.freeze_usage(state, step.number, step.start, step.end, now)
            amount = own.overage(seconds)
            await books.close_period(state, step.number, seconds, amount, now)
            facts = (PeriodClosed(now, step.number, step.end, seconds, amount),)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)
