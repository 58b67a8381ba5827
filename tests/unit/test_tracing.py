"""Traces cost nothing while they are off, are refused where they cannot be, and disturb nobody while they are on."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.collector import traced
from support.http import site_settings
from support.servers import StripeServer

from adapters.settings import Settings, SettingsRefused
from adapters.telemetry import tracing

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def settings() -> Settings:
    nowhere = StripeServer(NOBODY, "sk_test_" + "nowhere" * 4, Path("clock"))
    return site_settings("postgresql://nobody@127.0.0.1:1/none", nowhere, 1)


def test_nothing_is_loaded_but_the_api_of_it() -> None:
    code = (
        "import sys, adapters.telemetry.start, adapters.stripe.calls\n"
        "print(*sorted(n for n in sys.modules if n.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""


def test_off_is_off(settings: Settings) -> None:
    tracing.switch_on(settings, "retainer-tests")
    with tracing.span("nothing", tracing.SpanKind.CLIENT, {}) as span:
        assert not span.is_recording()
        assert tracing.carrier() == {}
    tracing.switch_off()


def test_a_collector_without_the_extra_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsRefused, match=r"OTEL_EXPORTER_OTLP_ENDPOINT.*retainer.telemetry"):
        tracing.switch_on(settings.model_copy(update={"otel_exporter_otlp_endpoint": NOBODY}), "retainer-tests")


def test_a_collector_that_is_away_disturbs_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_FLUSH_SECONDS", 0.2)
    began = time.monotonic()
    with traced(settings, NOBODY), tracing.span("work", tracing.SpanKind.CLIENT, {"of": "somebody"}) as span:
        assert span.is_recording()
        assert tracing.carrier().keys() == {"traceparent"}
    assert time.monotonic() - began < 5, "by itself it tries for seven seconds"
    assert tracing.carrier() == {}


def test_what_went_wrong_is_told_by_its_kind_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_FLUSH_SECONDS", 0.0)
    with traced(settings, NOBODY):
        with pytest.raises(ValueError, match="anna"), tracing.span("work", tracing.SpanKind.CLIENT, {}) as span:
            raise ValueError("no such anna@cedar.example")
        recorded = span.to_json()  # type: ignore[attr-defined]
    assert '"ValueError"' in recorded
    assert "anna" not in recorded
