"""What a process's entry point calls once, before it works."""

from adapters.process import version
from adapters.settings import Settings
from adapters.telemetry import metrics, tracing


def begin_telemetry(settings: Settings, service: str) -> None:
    """Say what runs, and record traces if the settings name a collector. Raises SettingsRefused."""
    metrics.BUILD.labels(version(), settings.worker_build_id or "").set(1)
    tracing.switch_on(settings, service)
