"""Letting go of calls that are older than they are kept (docs/operations.md, "How long calls are kept")."""

from datetime import timedelta

from temporalio import activity

from activities.messages import RETIRE_CALLS, Retired
from activities.ports import CallRetention, Clock


class Retiring:
    def __init__(self, calls: CallRetention, clock: Clock, kept: timedelta) -> None:
        self._calls = calls
        self._clock = clock
        self._kept = kept

    @activity.defn(name=RETIRE_CALLS)
    async def retire_calls(self) -> Retired:
        """Retire every month that is over for longer than calls are kept. Repeatable: what is gone is gone, and each
        piece is committed for itself."""
        now = self._clock.now()
        calls, months, waiting = 0, 0, 0
        for month in await self._calls.months_before((now - self._kept).date()):
            while gone := await self._calls.retire_some(month, now):
                calls += gone
                activity.heartbeat(calls)
            if gone is None:
                waiting += 1
                activity.logger.info("calls are kept for longer", extra={"month": month.isoformat()})
            else:
                months += 1
        return Retired(calls, months, waiting)
