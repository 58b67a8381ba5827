"""Deleting calls at the end of their retention (docs/operations.md, "How long calls are kept")."""

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
        """Retire every month that ended longer ago than calls are kept. Safe to repeat: each piece is committed by
        itself."""
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
