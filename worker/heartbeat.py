"""Every activity heartbeats from its third second: a killed worker's work goes on elsewhere within seconds."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

FIRST_SECONDS: Final = 3.0
EVERY_SECONDS: Final = 1.5
"""Well within the time-out of 5 s that the workflow sets, with the SDK's throttling on top."""
THROTTLE: Final = timedelta(seconds=2)


class HeartbeatInterceptor(Interceptor):
    """Heartbeats beside the activity. Most are done before the first, and cost nothing."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Heartbeating(next)


class _Heartbeating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        beating = asyncio.create_task(_beat())
        try:
            return await self.next.execute_activity(input)
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating


async def _beat() -> None:
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY_SECONDS)
