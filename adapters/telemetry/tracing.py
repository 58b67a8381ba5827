"""Traces, in OpenTelemetry's terms: off unless OTEL_EXPORTER_OTLP_ENDPOINT names who collects them.

Off, a span is nothing: no library but OpenTelemetry's API is loaded, and no header travels. On, spans leave in a thread
of their own, in batches; a collector that is away costs spans and nothing else. A span holds ids and results. Of what
went wrong it holds the kind, never the message: that may quote what somebody typed.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.settings import Settings, SettingsRefused
from adapters.telemetry import context

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["SpanKind", "carrier", "in_log_lines", "span", "switch_off", "switch_on"]

_FLUSH_SECONDS: Final = 2.0
_W3C: Final = TraceContextTextMapPropagator()
_MISSING: Final = (
    "These settings (environment variables) are not fit to run with:\n  OTEL_EXPORTER_OTLP_ENDPOINT is set, and what "
    "sends traces is not installed: install retainer[telemetry], or leave the variable out"
)

log = logging.getLogger(__name__)


class _Recorder:
    """The one tracer of the process, while there is one."""

    provider: "TracerProvider | None" = None
    tracer: Tracer | None = None


def switch_on(settings: Settings, service: str) -> None:
    """Record spans from here on, as OTEL_SERVICE_NAME or `service`, if the settings name a collector.

    Batches, time-outs, headers and sampling follow OpenTelemetry's own variables. Raises SettingsRefused when the extra
    `telemetry` is not installed.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsRefused(_MISSING) from error
    resource = Resource.create({"service.name": settings.otel_service_name or service})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    _Recorder.provider, _Recorder.tracer = provider, provider.get_tracer("retainer")


def switch_off() -> None:
    """Send what is recorded, for 2 s at most: a process that ends waits for nobody longer."""
    provider, _Recorder.provider, _Recorder.tracer = _Recorder.provider, None, None
    if provider:
        sending = threading.Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(_FLUSH_SECONDS)


@contextlib.contextmanager
def span(
    name: str, kind: SpanKind, attributes: Mapping[str, str], parent: Mapping[str, str] | None = None
) -> Iterator[Span]:
    """A span around the block: below the current one or, where `parent` is given, below what those headers name."""
    if _Recorder.tracer is None:
        yield INVALID_SPAN
        return
    with _Recorder.tracer.start_as_current_span(
        name,
        context=None if parent is None else _W3C.extract(parent, Context()),
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as recording:
        try:
            yield recording
        except BaseException as error:
            recording.set_attribute("error.type", type(error).__name__)
            recording.set_status(Status(StatusCode.ERROR))
            raise


def carrier() -> dict[str, str]:
    """The current span as headers, for who goes on elsewhere; nothing when there is none."""
    headers: dict[str, str] = {}
    if _Recorder.tracer is not None:
        _W3C.inject(headers)
    return headers


def in_log_lines() -> contextlib.AbstractContextManager[None]:
    """Inside the block, log lines name the current trace, if there is one."""
    known = trace.get_current_span().get_span_context() if _Recorder.tracer else None
    return context.bound(trace_id=trace.format_trace_id(known.trace_id) if known and known.is_valid else None)
