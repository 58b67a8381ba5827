"""What Temporal starts by itself: reconciliation, at the interval of the settings, and the retention of calls."""

import logging
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import BILLING_QUEUE
from adapters.temporal import TemporalAway, within
from workflows.messages import RECONCILIATION, RECONCILIATION_SCHEDULE, RETENTION, RETENTION_SCHEDULE, Reconcile

_ANSWER_SECONDS: Final = 10.0
_CATCH_UP: Final = timedelta(minutes=10)
"""A run that was missed for longer, because Temporal was down, is skipped: the next one does the same work."""

log = logging.getLogger(__name__)


async def schedule_reconciliation(client: Client, every: timedelta | None) -> None:
    """Create or update the schedule by the settings. Every worker does so at its start, with the same result.

    A schedule that somebody paused stays paused. No billing depends on it: an error is only logged.
    """
    await _keep(client, RECONCILIATION_SCHEDULE, every, _action(RECONCILIATION_SCHEDULE, RECONCILIATION, Reconcile()))


async def schedule_retention(client: Client, every: timedelta | None) -> None:
    """The same for the retention of calls."""
    await _keep(client, RETENTION_SCHEDULE, every, _action(RETENTION_SCHEDULE, RETENTION))


def _action(id: str, workflow: str, *order: object) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(workflow, args=order, id=id, task_queue=BILLING_QUEUE)


async def _keep(client: Client, id: str, every: timedelta | None, action: ScheduleActionStartWorkflow) -> None:
    try:
        await within(_ANSWER_SECONDS, _arrange(client, id, every, action))
    except (RPCError, TemporalAway) as error:
        log.warning("%s could not be scheduled", id, extra={"why": str(error)})


async def _arrange(client: Client, id: str, every: timedelta | None, action: ScheduleActionStartWorkflow) -> None:
    handle = client.get_schedule_handle(id)
    if every is None:
        try:
            await handle.delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return
    wanted = _schedule(action, every)
    try:
        await client.create_schedule(id, wanted)
    except ScheduleAlreadyRunningError:

        def renewed(there: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = there.description.schedule.state
            return ScheduleUpdate(schedule=wanted)

        await handle.update(renewed)


def _schedule(action: ScheduleActionStartWorkflow, every: timedelta) -> Schedule:
    """One run at a time: while one lasts, the next is skipped."""
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )
