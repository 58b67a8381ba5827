"""Closing a period: its usage is frozen and priced (billing-rules 4 and 5)."""

from temporalio import activity

from activities.messages import CLOSE_PERIOD, Outcome, Work
from activities.ports import Clock, Store
from activities.troubles import expect
from billing.facts import PeriodClosed
from billing.steps import ClosePeriod
from billing.usage import overage


class Closing:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @activity.defn(name=CLOSE_PERIOD)
    async def close_period(self, work: Work) -> Outcome:
        """Freeze the usage and what it came to, in one transaction. Repeatable: frozen usage stays as it is."""
        state, step = work.state, expect(work.step, ClosePeriod)
        terms, now = state.terms, self._clock.now()
        async with self._store.transaction() as books:
            seconds = await books.freeze_usage(state.id, step.number, step.start, step.end, now)
            amount = overage(seconds, terms.included_seconds, terms.rate, terms.currency)
            await books.close_period(state, step.number, seconds, amount, now)
            facts = (PeriodClosed(now, step.number, step.end, seconds, amount),)
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)
