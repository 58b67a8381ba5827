"""The retention of calls as Temporal starts it, by the real worker."""

from datetime import timedelta

import pytest
from support.calls import call, send, served, used
from support.tenant import Tenant
from temporalio.client import Client, ScheduleIntervalSpec
from temporalio.service import RPCError

from activities.messages import BILLING_QUEUE, Retired
from worker.schedules import schedule_retention
from workflows.messages import RETENTION, RETENTION_SCHEDULE


async def test_a_run_lets_go_of_nothing_that_is_to_be_kept(tenant: Tenant) -> None:
    client = await served(tenant)
    await send(tenant, call(client))
    temporal: Client = tenant.site.app.state.services.temporal
    retired = await temporal.execute_workflow(
        RETENTION, result_type=Retired, id="retention-by-hand", task_queue=BILLING_QUEUE
    )
    assert retired == Retired(calls=0, months=0, waiting=0)
    assert await used(tenant, client) == 120


async def test_the_schedule_is_there_where_it_is_wanted(tenant: Tenant) -> None:
    temporal: Client = tenant.site.app.state.services.temporal
    handle = temporal.get_schedule_handle(RETENTION_SCHEDULE)
    await schedule_retention(temporal, timedelta(days=1))
    assert (await handle.describe()).schedule.spec.intervals == [ScheduleIntervalSpec(every=timedelta(days=1))]
    await schedule_retention(temporal, None)
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
