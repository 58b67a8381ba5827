"""The supervisor: runs every process as its own child, starts again what dies, stops all in order."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import TextIO

import psutil  # type: ignore[import-untyped]

from sandbox.child import STOP_TIMEOUT_SECONDS, Child, NotStarted, Program
from sandbox.home import Home

HOME_VARIABLE = "SANDBOX_HOME"
"""Marks every process with the folder that it belongs to: a number in pids.json may be anyone's by now."""
SOON_SECONDS = 5.0
"""A process that lived shorter than this ended at once: its next start waits, 0.2 s and then twice as long each time.
One that was killed did not end by itself, and is started again without a pause."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Supervisor:
    """Keeps programs running. `start` in the order of their needs; `stop` goes the other way round."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: dict[str, Child] = {}
        self._programs: dict[str, Callable[[], Program]] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._ordered: set[int] = set()
        """The pids of those that were to die: nobody needs to be told."""

    async def start(self, program: Callable[[], Program]) -> None:
        """Start and return when it is ready; from then on it is kept running. NotStarted when it never is.

        The program is asked for anew at each start.
        """
        child = await self._start(program)
        self._programs[child.program.name] = program
        self._keepers[child.program.name] = asyncio.create_task(self._keep(program, child))
        await self.ready(child.program.name)

    async def ready(self, name: str) -> None:
        """Return when the process, or the one that follows it, can be used."""
        while True:
            child = self._children[name]
            try:
                return await child.ready()
            except NotStarted:
                if self._children[name] is child:
                    raise

    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    def kill(self, name: str) -> int:
        """kill -9; answers the pid that it was. KeyError when there is no such process."""
        child = self._children[name]
        self._ordered.add(child.pid)
        child.kill()
        return child.pid

    @contextlib.asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """kill -9, and nobody starts it again inside the block; after it the process can be used again."""
        await self._let_go(name)
        child = self._children[name]
        child.kill()
        await child.process.wait()
        try:
            yield
        finally:
            await self.start(self._programs[name])

    async def stop(self) -> None:
        """Stop everything, the last started first."""
        for name in reversed(self._keepers):
            await self._let_go(name)
            await self._children[name].stop()
        self._home.pids_file.unlink(missing_ok=True)

    async def _let_go(self, name: str) -> None:
        """From here on nobody starts it again."""
        self._keepers[name].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keepers[name]

    async def _start(self, program: Callable[[], Program]) -> Child:
        made = program()
        marked = replace(made, env={**made.env, HOME_VARIABLE: str(self._home.folder)})
        child = await Child.start(marked)
        self._children[made.name] = child
        self._home.write_pids(self.pids())
        return child

    async def _keep(self, program: Callable[[], Program], child: Child) -> None:
        pause = 0.0
        while True:
            started = time.monotonic()
            status = await child.process.wait()
            ended_at_once = status != -signal.SIGKILL and time.monotonic() - started < SOON_SECONDS
            pause = min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS) if ended_at_once else 0.0
            level = logging.INFO if child.pid in self._ordered else logging.WARNING
            logger.log(level, "%s ended with status %s: starting it again", child.program.name, status)
            await asyncio.sleep(pause)
            child = await self._start(program)


@contextlib.contextmanager
def sole_owner(home: Home) -> Iterator[list[str]]:
    """The right to run in a folder, inside the block: one supervisor at a time, and the newest wins.

    Stops what an earlier run left running there, its supervisor first; yields what that was.
    """
    with (home.folder / "lock").open("a+") as lock:
        stopped = _stop_supervisor(lock)
        found = [(name, process) for name, pid in home.read_pids().items() if (process := _ours(home, pid))]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for name, process in found:
                # PostgreSQL takes SIGTERM for "when every client has left".
                gentle = signal.SIGINT if name == "postgres" and number == signal.SIGTERM else number
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(gentle)
            psutil.wait_procs([process for _, process in found], timeout=STOP_TIMEOUT_SECONDS)
        home.pids_file.unlink(missing_ok=True)
        yield stopped + [name for name, _ in found]


def _stop_supervisor(lock: TextIO) -> list[str]:
    """Who holds the lock is alive and is a supervisor of this folder; its pid stands in the file."""
    stopped = []
    deadline = time.monotonic() + 2 * STOP_TIMEOUT_SECONDS
    while not _locked(lock):
        lock.seek(0)
        with contextlib.suppress(ValueError, ProcessLookupError):
            os.kill(int(lock.read()), signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        stopped = ["supervisor"]
        time.sleep(LOCK_POLL_SECONDS)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return stopped


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ours(home: Home, pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.environ().get(HOME_VARIABLE) == str(home.folder) else None
    except psutil.Error:
        return None
