"""Each execution of an activity as it is seen from outside: by figures, one log line, and one span; and every line that
is written inside it says which subscription, which step and which request it belongs to."""

import asyncio
import logging
import time
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from activities.messages import Record, Work
from adapters.telemetry import metrics, tracing
from adapters.telemetry.context import bound
from adapters.telemetry.temporal import ids_in
from billing.steps import ChargeInvoice
from worker.carrying import CarryRequests

log = logging.getLogger(__name__)


class ObserveWork(Interceptor):
    """Of both queues."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Observing(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return CarryRequests


class _Observing(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, given = activity.info(), ids_in(input.headers)
        ids = {
            "request_id": given.get("request_id"),
            "workflow": info.workflow_id,
            "activity": info.activity_type,
            "try": str(info.attempt),
            **_subject(input.args[0] if input.args else None),
        }
        span = tracing.span(f"activity {info.activity_type}", *_span(ids), parent=given)
        with bound(**ids), span, tracing.in_log_lines():
            return await self._timed(info.activity_type, input)

    async def _timed(self, name: str, input: ExecuteActivityInput) -> Any:
        result, began = "failed", time.perf_counter()
        try:
            outcome = await super().execute_activity(input)
            result = "completed"
        except asyncio.CancelledError:
            result = "cancelled"
            raise
        else:
            return outcome
        finally:
            seconds = time.perf_counter() - began
            metrics.ACTIVITIES.labels(name, result).inc()
            metrics.ACTIVITY_SECONDS.labels(name).observe(seconds)
            log.info("activity", extra={"result": result, "milliseconds": round(seconds * 1000, 1)})


def _span(ids: dict[str, str | None]) -> tuple[tracing.SpanKind, dict[str, str]]:
    return tracing.SpanKind.CONSUMER, {f"retainer.{name}": value for name, value in ids.items() if value}


def _subject(message: object) -> dict[str, str]:
    """Whom the activity is about: ids alone."""
    if not isinstance(message, Work | Record):
        return {}
    state = message.state
    about = {"agency": state.agency, "client": state.client, "subscription": state.id}
    if isinstance(message, Work) and isinstance(message.step, ChargeInvoice):
        attempt = message.step.attempt
        about |= {"invoice": attempt.invoice, "attempt": str(attempt.number)}
    return about
