"""The running workflows as the time machine sees them: what time it is for each, what it waits for, and the hop."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import FastForwardConfig, TimeSkippingConfig, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.service import RPCError

RUNNING = 'ExecutionStatus = "Running"'
STATUS_QUERY = "status"
DUE = "is due"
QUERY_TIMEOUT = timedelta(seconds=3)
AT_ONCE = 16
START_SKIPS = 3
"""A start's first timer was set at wall time: it ends early, is set again, and only then is the clock right."""


@dataclass(frozen=True)
class Due:
    """All that the time machine wants to know of a workflow's answer to `status`."""

    next_at: datetime | None


@dataclass(frozen=True)
class Run:
    """A running workflow: its own clock, and when it will next do something (none: when a fact comes).

    `busy` says what it is doing; a busy run must not be hopped.
    """

    id: str
    run_id: str
    """A new one with each continue-as-new."""
    clock: datetime
    next_at: datetime | None
    events: int
    busy: str | None = None


@dataclass
class Runs:
    """All running workflows of a namespace.

    They are looked at hundreds of times a minute: so by the protocol's own messages, of which nothing more is decoded
    than is asked for here.
    """

    client: Client
    _next: dict[tuple[str, str], tuple[int, datetime | None]] = field(default_factory=dict)
    """By run: at which history length it was asked, and what it answered while it was idle."""
    _busy: str | None = None
    """Who was busy when last looked at: while it still is, there is no need to look at all others."""

    async def look(self) -> list[Run]:
        """Every running workflow as it is now; or one alone that is busy: then nothing is at rest, whoever looks."""
        if self._busy and (run := await self._look_at(self._busy)) and run.busy:
            return [run]
        runs = await self._look_at_all()
        self._busy = next((run.id for run in runs if run.busy), None)
        return runs

    async def _look_at_all(self) -> list[Run]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(workflow_id: str) -> Run | None:
            async with gate:
                return await self._look_at(workflow_id)

        return [run for run in await asyncio.gather(*map(one, await self._all_ids())) if run]

    async def _all_ids(self) -> list[str]:
        ids: list[str] = []
        page = b""
        while True:
            found = await self.client.workflow_service.list_workflow_executions(
                ListWorkflowExecutionsRequest(namespace=self.client.namespace, query=RUNNING, next_page_token=page)
            )
            ids += [running.execution.workflow_id for running in found.executions]
            page = found.next_page_token
            if not page:
                return ids

    async def hop(self, run: Run, to: datetime) -> None:
        """Move an idle run's clock to `to`, or to its next timer when that comes first: one skip, so that a run whose
        work ends within milliseconds of the target cannot run on over whole periods."""
        options = WorkflowExecutionOptions(time_skipping_config=fast_forward(to - run.clock, skips=1))
        await self.client.workflow_service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=run.id),
                workflow_execution_options=options,
                update_mask=FieldMask(paths=["time_skipping_config"]),
            )
        )

    async def _look_at(self, workflow_id: str) -> Run | None:
        described = await self.client.workflow_service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(
                namespace=self.client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
            )
        )
        info = described.workflow_execution_info
        if info.status != WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING:
            return None
        run = Run(workflow_id, info.execution.run_id, _clock(described), None, info.history_length, _busy(described))
        if run.busy:
            return run
        key = (run.id, run.run_id)
        asked_at, next_at = self._next.get(key, (-1, None))
        if asked_at != run.events:
            try:
                next_at = await self._ask(self.client.get_workflow_handle(workflow_id))
            except RPCError as error:
                # Just after continue-as-new there may be no workflow task yet to answer from.
                return replace(run, busy=f"does not answer: {error.message}")
            self._next[key] = (run.events, next_at)
        is_due = next_at is not None and next_at <= run.clock
        return replace(run, next_at=next_at, busy=DUE if is_due else None)

    async def _ask(self, handle: WorkflowHandle[Any, Any]) -> datetime | None:
        due: Due = await handle.query(STATUS_QUERY, result_type=Due, rpc_timeout=QUERY_TIMEOUT)
        return due.next_at


class StampStarts(Interceptor):
    """Starts workflows at the sandbox's time: Temporal itself would start them at the wall's."""

    def __init__(self, offset_seconds: Callable[[], float]) -> None:
        self._offset_seconds = offset_seconds

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Stamping(next, self._offset_seconds)


class _Stamping(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, offset_seconds: Callable[[], float]) -> None:
        super().__init__(next)
        self._offset_seconds = offset_seconds

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        ahead = self._offset_seconds()
        if ahead > 0:
            input.time_skipping_config = fast_forward(timedelta(seconds=ahead), skips=START_SKIPS)
        return await super().start_workflow(input)


def fast_forward(by: timedelta, *, skips: int) -> TimeSkippingConfig:
    """From the protocol's messages: the SDK's own helper for this is private."""
    forward = FastForwardConfig(id=uuid.uuid4().hex)
    forward.duration.FromTimedelta(by)
    return TimeSkippingConfig(enabled=True, max_session_skip_count=skips, fast_forward_config=forward)


def _clock(described: DescribeWorkflowExecutionResponse) -> datetime:
    extended = described.workflow_extended_info
    if not extended.HasField("time_skipping_info"):
        return datetime.now(UTC)
    return extended.time_skipping_info.current_time.ToDatetime(tzinfo=UTC)


def _busy(described: DescribeWorkflowExecutionResponse) -> str | None:
    if described.pending_activities:
        pending = described.pending_activities[0]
        return f"runs {pending.activity_type.name} (try {pending.attempt})"
    if described.HasField("pending_workflow_task"):
        return "has a workflow task"
    if described.workflow_extended_info.time_skipping_info.effective_config.enabled:
        return "is being moved"
    return None
