"""One child process of ours: started in a session of its own, its output in a file, waited for, stopped."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.02

Ready = Callable[[], Awaitable[bool]]


class NotStarted(Exception):
    """The process ended, or was not ready in time; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Program:
    """How a process is run. `ready` answers whether it can be used; it may raise whatever a closed door raises."""

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Ready
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


class Child:
    """A started `Program`. The supervisor restarts it by starting another."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process) -> None:
        self.program = program
        self.process = process

    @classmethod
    async def start(cls, program: Program) -> "Child":
        """Start without waiting. A session of its own: Ctrl-C reaches us alone, and we stop them in order."""
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.cwd,
                env={**os.environ, **program.env},
                start_new_session=True,
                user=program.user,
                group=program.user,
                extra_groups=None if program.user is None else [],
            )
        return cls(program, process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def ready(self, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Return when the program says it can be used; NotStarted when it ends first or takes too long."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self.running and asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(Exception):
                if await self.program.ready():
                    return
            await asyncio.sleep(POLL_SECONDS)
        status = "is not ready" if self.running else f"ended with status {self.process.returncode}"
        raise NotStarted(f"{self.program.name} {status}\n{_tail(self.program.log)}")

    async def stop(self, with_signal: signal.Signals | None = None) -> None:
        """Ask it to stop, as its program says or with another signal, and kill it when it does not in time."""
        if not self.running:
            return
        self._send(with_signal or self.program.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            self._send(signal.SIGKILL)
            await self.process.wait()

    def kill(self) -> None:
        """kill -9, as trouble would."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@contextlib.asynccontextmanager
async def running(program: Program) -> AsyncIterator[Child]:
    """The program started and ready inside the block, stopped after it."""
    child = await Child.start(program)
    try:
        await child.ready()
        yield child
    finally:
        await child.stop()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
