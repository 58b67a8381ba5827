"""The emulator as a process of its own, which a test may stop, kill and start again on the same file."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import stripe

from sandbox.ports import free_port

API_KEY = "sk_test_emulator0123456789"
START_SECONDS = 20.0
STOP_SECONDS = 10.0


class EmulatorProcess:
    """One database, one clock file, one port, and at most one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._db = folder / "stripe.sqlite"
        self._clock = folder / "clock"
        self._log = folder / "log"
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ["--port", str(self.port), "--db", str(self._db), "--clock-file", str(self._clock)]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sandbox.stripe", *arguments, "--api-key", API_KEY, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not await self._answers():
            assert self._process.returncode is None, self._log.read_text()
            assert time.monotonic() < deadline, "the emulator did not start"
            await asyncio.sleep(0.02)

    async def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(with_signal)
        return await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    def set_clock(self, seconds_ahead: float) -> None:
        """Move sandbox time, as other programs do it: by replacing the file."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{seconds_ahead}")
        fresh.replace(self._clock)

    def log(self) -> str:
        return self._log.read_text()

    def database_text(self) -> bytes:
        """Everything that is in the database's files, to look for what must not be there."""
        return b"".join(path.read_bytes() for path in self._db.parent.glob("stripe.sqlite*"))

    async def _answers(self) -> bool:
        async with httpx.AsyncClient() as http:
            try:
                return (await http.get(f"{self.url}/_emulator/health")).status_code == 200
            except httpx.HTTPError:
                return False


@asynccontextmanager
async def sdk(url: str, api_key: str = API_KEY) -> AsyncIterator[Any]:
    """Stripe's own client, unmodified, pointed at the emulator."""
    transport = stripe.HTTPXClient(timeout=20)
    client = stripe.StripeClient(api_key, base_addresses={"api": url}, http_client=transport, max_network_retries=0)
    yield client.v1
    await transport.close_async()
