"""The API process: one way to run it, in production and in the sandbox."""

from collections.abc import Callable, Sequence
from typing import Final

import uvicorn
from fastapi import FastAPI
from temporalio.client import Interceptor

from adapters.logging import configure_logging
from adapters.process import collect_garbage_rarely
from adapters.settings import load_settings
from adapters.telemetry import tracing
from adapters.telemetry.start import begin_telemetry
from api.app import create_app

GRACE_SECONDS: Final = 30
"""Longer than a command's 23 s, so that none is cut by a deploy."""


def serve(
    interceptors: Sequence[Interceptor] = (),
    extend: Callable[[FastAPI], None] | None = None,
    *,
    grace_seconds: int = GRACE_SECONDS,
) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered has `grace_seconds`. Raises SettingsRefused.

    `interceptors` and `extend` are those of `create_app`.
    """
    settings = load_settings()
    configure_logging(settings.log_level)
    begin_telemetry(settings, "retainer-api")
    collect_garbage_rarely()
    try:
        uvicorn.run(
            create_app(settings, interceptors, extend),
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=grace_seconds,
        )
    finally:
        tracing.switch_off()
