"""A worker that comes back after a date has passed, and is first asked how things stand."""

import asyncio
from datetime import timedelta
from pathlib import Path

from support.recording import a_life_without_workers, a_worker
from support.servers import Eventually
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Replayer

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE
from adapters.temporal import DATA_CONVERTER
from worker.queues import workflow_runner
from workflows.messages import StatusView
from workflows.subscription import SubscriptionWorkflow

TIMER_STARTED = EventType.EVENT_TYPE_TIMER_STARTED
TIMER_FIRED = EventType.EVENT_TYPE_TIMER_FIRED
STEP_SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED


async def test_who_asks_while_no_worker_is_there_does_not_put_off_what_falls_due(
    temporal_address: str, tmp_path: Path, eventually: Eventually
) -> None:
    """A worker that answers the question first meets the end of the timer with the time of the task before it: it must
    not wait for the same date once more, a whole period, nor leave a history that cannot be replayed."""
    async with a_life_without_workers(temporal_address, tmp_path) as life:

        async def happened(kind: "EventType.ValueType") -> bool:
            return any(event.event_type == kind for event in (await life.handle.fetch_history()).events)

        async with a_worker(life, BILLING_QUEUE):
            await life.start(starts_in=timedelta(seconds=3))
            await eventually(lambda: happened(TIMER_STARTED))
        asking = life.handle.query("status", result_type=StatusView, rpc_timeout=timedelta(seconds=30))
        answer = asyncio.create_task(asking)
        await eventually(lambda: happened(TIMER_FIRED))
        async with a_worker(life, BILLING_QUEUE), a_worker(life, STRIPE_QUEUE):
            await answer
            await eventually(lambda: happened(STEP_SCHEDULED))
        history = await life.handle.fetch_history()
    kinds = [event.event_type for event in history.events]
    assert kinds[: kinds.index(STEP_SCHEDULED)].count(TIMER_STARTED) == 1
    replayer = Replayer(
        workflows=[SubscriptionWorkflow],
        workflow_runner=workflow_runner(),
        data_converter=DATA_CONVERTER,
    )
    await replayer.replay_workflow(history)
