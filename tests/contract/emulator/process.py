"""The emulator as a process of its own, which a test may stop, kill and start again on the same file."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import stripe

from sandbox.child import Child
from sandbox.emulator import emulator_program
from sandbox.ports import free_port

API_KEY = "sk_test_emulator0123456789"


class EmulatorProcess:
    """One database, one clock file, one port, and at most one process at a time."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._clock = folder / "clock"
        self._log = folder / "log"
        self._program = emulator_program(folder, port, API_KEY, self._clock, self._log)
        self._child: Child | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._child = await Child.start(self._program)
        await self._child.ready()

    async def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int | None:
        """Send it a signal and wait for its end; its exit status."""
        assert self._child is not None
        await self._child.stop(with_signal=with_signal)
        return self._child.process.returncode

    def set_clock(self, seconds_ahead: float) -> None:
        """Move sandbox time, as other programs do it: by replacing the file."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{seconds_ahead}")
        fresh.replace(self._clock)

    def log(self) -> str:
        return self._log.read_text()

    def database_text(self) -> bytes:
        """Everything that is in the database's files, to look for what must not be there."""
        return b"".join(path.read_bytes() for path in self._folder.glob("stripe.sqlite*"))


@asynccontextmanager
async def sdk(url: str, api_key: str = API_KEY) -> AsyncIterator[Any]:
    """Stripe's own client, unmodified, pointed at the emulator."""
    transport = stripe.HTTPXClient(timeout=20, verify_ssl_certs=False)
    client = stripe.StripeClient(api_key, base_addresses={"api": url}, http_client=transport, max_network_retries=0)
    yield client.v1
    await transport.close_async()
