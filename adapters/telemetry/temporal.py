"""Our calls to Temporal's server: counted, timed and traced; and what goes with an update, so that the activities made
for it know the request that they are made for (worker/carrying.py)."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.converter import PayloadConverter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from adapters.telemetry import context, metrics, tracing

HEADER: Final = "retainer-request"
"""The header of an update, and of each activity that is made for it: the request's id, and its span."""


class ObserveCalls(Interceptor):
    """Of every client of ours (adapters.temporal.connect)."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Observing(next)


class _Observing(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        with _observed("start", input.workflow, input.id):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with _observed("signal", input.signal, input.id):
            await super().signal_workflow(input)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        with _observed("query", input.query, input.id):
            return await super().query_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        with _observed("update", input.update, input.id):
            input.headers = {**input.headers, **_headers()}
            return await super().start_workflow_update(input)


def ids_in(headers: Mapping[str, Payload]) -> dict[str, str]:
    """What the header says, as it was given with an update: `request_id`, `traceparent`; nothing without one."""
    if HEADER not in headers:
        return {}
    given = PayloadConverter.default.from_payload(headers[HEADER])
    return {name: value for name, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}


def _headers() -> dict[str, Payload]:
    request = context.current().get("request_id")
    ids = {**({"request_id": request} if request else {}), **tracing.carrier()}
    return {HEADER: PayloadConverter.default.to_payload(ids)} if ids else {}


@contextlib.contextmanager
def _observed(kind: str, name: str, workflow: str) -> Iterator[None]:
    """Around one call. Who waits no longer cancels it: then there was no answer."""
    call, result, began = f"{kind} {name}", "failed", time.perf_counter()
    attributes = {"temporal.call": call, "temporal.workflow_id": workflow}
    with tracing.span(f"temporal {call}", tracing.SpanKind.CLIENT, attributes) as span:
        try:
            yield
            result = "ok"
        except (asyncio.CancelledError, TimeoutError):
            result = "no_answer"
            raise
        except WorkflowAlreadyStartedError:
            result = "already_started"
            raise
        except RPCError as error:
            result = error.status.name.lower()
            raise
        finally:
            span.set_attribute("temporal.result", result)
            metrics.TEMPORAL_CALLS.labels(call, result).inc()
            metrics.TEMPORAL_SECONDS.labels(call).observe(time.perf_counter() - began)
