"""The process: one uvicorn server on one socket, which can cut connections and stops within a second."""

import signal
import sys
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.stripe.app import Config, Emulator


class CuttableProtocol(HttpToolsProtocol):
    """Shows the application the connection's transport, so that a fault can cut it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        transport: Any = self.transport
        self.scope["extensions"] = {"emulator.transport": transport}


class EmulatorServer(uvicorn.Server):
    """A uvicorn server that ends held requests as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, emulator: Emulator) -> None:
        super().__init__(config)
        self._emulator = emulator

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._emulator.stop()


def serve(config: Config, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    emulator = Emulator(config)
    server = EmulatorServer(
        uvicorn.Config(
            emulator,
            host=host,
            port=port,
            http=CuttableProtocol,
            lifespan="on",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        ),
        emulator,
    )
    # uvicorn raises the signal again once it has stopped; a clean stop is not a failure.
    for stop_signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop_signal, lambda *_: sys.exit(0))
    server.run()
