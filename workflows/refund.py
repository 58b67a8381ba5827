"""One refund, from being asked for to Stripe's having it. Small, because its subscription may have ended long ago.

Guard every change of the order of commands with `workflow.patched` (docs/changing-workflows.md).
"""

from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.messages import MAKE_REFUND, STRIPE_QUEUE, RefundStart
from workflows.messages import REFUND, Waiting

_START_TO_CLOSE: Final = timedelta(seconds=30)
_SCHEDULE_TO_CLOSE: Final = timedelta(seconds=45)
_HEARTBEAT: Final = timedelta(seconds=5)
_QUICK_TRIES: Final = RetryPolicy(maximum_attempts=2)
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=30)


@workflow.defn(name=REFUND)
class RefundWorkflow:
    """Asks Stripe until it has answered: at most two quick tries, then 1, 2, 4 … 30 minutes apart."""

    @workflow.init
    def __init__(self, start: RefundStart) -> None:
        self.next_at: datetime | None = None

    @workflow.run
    async def run(self, start: RefundStart) -> None:
        pause = _FIRST_PAUSE
        while not await self._made(start):
            self.next_at = workflow.now() + pause
            await workflow.sleep(pause, summary="Stripe has not answered")
            self.next_at, pause = None, min(2 * pause, _LONGEST_PAUSE)

    @workflow.query
    def status(self) -> Waiting:
        return Waiting(self.next_at or workflow.now(), "to ask again" if self.next_at else "being made")

    async def _made(self, start: RefundStart) -> bool:
        try:
            await workflow.execute_activity(
                MAKE_REFUND,
                start,
                task_queue=STRIPE_QUEUE,
                start_to_close_timeout=_START_TO_CLOSE,
                schedule_to_close_timeout=_SCHEDULE_TO_CLOSE,
                heartbeat_timeout=_HEARTBEAT,
                retry_policy=_QUICK_TRIES,
                priority=Priority(priority_key=1, fairness_key=start.account),
                summary=start.refund,
            )
        except ActivityError:
            return False
        return True
