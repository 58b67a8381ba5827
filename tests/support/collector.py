"""Who collects traces, for tests: takes in what the real exporter sends, as OTLP over HTTP."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.settings import Settings
from adapters.telemetry import tracing
from sandbox.ports import free_port
from sandbox.stack import LOOPBACK
from sandbox.up import serving


@dataclass(frozen=True)
class Span:
    """One span, as it arrived."""

    service: str
    trace: str
    id: str
    parent: str
    name: str
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    endpoint: str
    spans: list[Span] = field(default_factory=list)

    def trace(self, of: str) -> dict[str, Span]:
        """The spans of one trace by their ids."""
        return {span.id: span for span in self.spans if span.trace == of}

    async def take(self, request: Request) -> Response:
        sent = ExportTraceServiceRequest.FromString(await request.body())
        self.spans += list(_spans(sent))
        return Response(media_type="application/x-protobuf")


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a port of its own."""
    port = free_port()
    collector = Collector(f"http://{LOOPBACK}:{port}")
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    async with serving(app, port):
        yield collector


@contextlib.contextmanager
def traced(settings: Settings, endpoint: str, service: str = "retainer-tests") -> Iterator[None]:
    """This process records its spans inside the block, and sends each as soon as it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        tracing.switch_on(settings.model_copy(update={"otel_exporter_otlp_endpoint": endpoint}), service)
    try:
        yield
    finally:
        tracing.switch_off()


def _spans(sent: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in sent.resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for one in scope.spans:
                ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
                yield Span(service, *ids, one.name, one.status.code == 2, _values(one.attributes))


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
