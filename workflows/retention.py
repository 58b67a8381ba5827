"""The retention of calls: once a day, calls that are too old are deleted."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

from activities.messages import BILLING_QUEUE, RETIRE_CALLS, Retired
from workflows.messages import LAST, RETENTION

_START_TO_CLOSE: Final = timedelta(hours=12)
_HEARTBEAT: Final = timedelta(minutes=1)
_TRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=10), maximum_attempts=10)
"""What is left after these tries is done on the next day."""


@workflow.defn(name=RETENTION)
class RetentionWorkflow:
    @workflow.run
    async def run(self) -> Retired:
        """What was retired, and how many months wait."""
        retired: Retired = await workflow.execute_activity(
            RETIRE_CALLS,
            result_type=Retired,
            task_queue=BILLING_QUEUE,
            start_to_close_timeout=_START_TO_CLOSE,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_TRIES,
            priority=Priority(priority_key=LAST),
        )
        return retired
