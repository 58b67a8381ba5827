"""The time machine: moves the sandbox's one clock and every running workflow from one due time to the next.

A discrete-event loop (architecture, "Time"): wait until all is at rest, find the next due time, write the offset, hop
every workflow there, and again. Nothing in the product knows that it is there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError

from sandbox.home import Home
from sandbox.runs import DUE, Run, Runs

ONE_STEP = timedelta(seconds=60)
"""Due times as close as this are one step: a workflow that is a little late loses nothing."""
HOPPABLE = timedelta(seconds=1)
"""Less than this passes by itself."""
RAN_AWAY = timedelta(seconds=2)
REST_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.25
PATIENCE_SECONDS = 3.0
"""An event that is held comes again and again; what it waits for may need more time than we let pass here."""
OVERDUE_SECONDS = 10.0
"""How long a run may be due before it is moved once more: a timer whose time was skipped was seen never to end, once,
after Temporal had been killed."""
NUDGE = timedelta(milliseconds=50)
PROLONGED = 0.1
"""By what share of itself a wait may last longer than it must: looking costs what is waited for its time, too."""


def pause_after(waited_seconds: float) -> float:
    """How long to wait before looking again, in seconds, when so long was waited already."""
    return min(max(POLL_SECONDS, PROLONGED * waited_seconds), LONGEST_POLL_SECONDS)


class NotAtRest(Exception):
    """Something is still under way after the patience is over: `waited_for` says what."""

    def __init__(self, waited_for: list[str]) -> None:
        super().__init__("; ".join(waited_for))
        self.waited_for = waited_for


class RanAway(Exception):
    """A workflow is ahead of the sandbox's clock: what it did since then cannot be trusted."""


@dataclass(frozen=True)
class Queues:
    """What is under way outside the workflows, and when the next of it falls due by the sandbox's clock."""

    under_way: list[str]
    next_at: datetime | None


@dataclass(frozen=True)
class Journey:
    """What one advance did: `moved` workflow hops in `steps` steps."""

    started_at: datetime
    now: datetime
    steps: int
    moved: int


class TimeMachine:
    """One advance at a time. `queues` looks at inbox, outbox and emulator."""

    def __init__(self, home: Home, runs: Runs, queues: Callable[[datetime], Awaitable[Queues]]) -> None:
        self._home = home
        self._runs = runs
        self._queues = queues
        self._one_at_a_time = asyncio.Lock()

    def now(self) -> datetime:
        """The sandbox's time."""
        return self._home.now()

    async def advance(self, target: datetime, rest_timeout_seconds: float = REST_TIMEOUT_SECONDS) -> Journey:
        """Move everything to `target`; a target in the past only waits for rest. Raises NotAtRest, RanAway."""
        async with self._one_at_a_time:
            started_at, steps, moved = self.now(), 0, 0
            while True:
                runs, queues = await self._rest(rest_timeout_seconds)
                now = self.now()
                stop = self._next_stop(runs, queues, now, target)
                late = [run for run in runs if stop - run.clock >= HOPPABLE]
                if stop - now >= HOPPABLE:
                    self._home.write_offset((stop - datetime.now(UTC)).total_seconds())
                elif not late and target <= now:
                    return Journey(started_at, now, steps, moved)
                elif not late:
                    await self._pass_by(stop)
                    continue
                await asyncio.gather(*(self._runs.hop(run, stop) for run in late))
                steps, moved = steps + 1, moved + len(late)

    async def rest(self, timeout_seconds: float = REST_TIMEOUT_SECONDS) -> None:
        """Return when all is at rest, and what was to come within a moment has come. Raises NotAtRest."""
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            began_at = loop.time()
            while True:
                _, queues = await self._rest(timeout_seconds)
                soon = queues.next_at
                if soon is None or soon - self.now() > HOPPABLE or loop.time() - began_at > PATIENCE_SECONDS:
                    return
                await self._pass_by(soon)

    async def _pass_by(self, instant: datetime) -> None:
        """Let the moment until then pass by itself."""
        await asyncio.sleep(max((instant - self.now()).total_seconds(), POLL_SECONDS))

    def _next_stop(self, runs: list[Run], queues: Queues, now: datetime, target: datetime) -> datetime:
        dues = [due for due in (queues.next_at, *(run.next_at for run in runs)) if due]
        earliest = min((*dues, target))
        together = max(due for due in (*dues, earliest) if due <= earliest + ONE_STEP)
        return max(now, min(together, target))

    async def _rest(self, timeout_seconds: float) -> tuple[list[Run], Queues]:
        """Two looks in a row that find everything idle and nothing changed: between them, all was at rest."""
        loop = asyncio.get_running_loop()
        began_at = nudged_at = loop.time()
        before: object = None
        while True:
            runs, queues, waited_for = await self._look()
            seen = [(run.id, run.run_id, run.events) for run in runs]
            if not waited_for and seen == before:
                return runs, queues
            waited_seconds = loop.time() - began_at
            if waited_seconds > timeout_seconds:
                raise NotAtRest(waited_for or ["it never stays at rest"])
            before = None if waited_for else seen
            overdue = [run for run in runs if run.busy == DUE]
            if overdue and loop.time() - nudged_at > OVERDUE_SECONDS:
                await asyncio.gather(*(self._runs.hop(run, run.clock + NUDGE) for run in overdue))
                nudged_at = loop.time()
            if waited_for:
                await asyncio.sleep(pause_after(waited_seconds))

    async def _look(self) -> tuple[list[Run], Queues, list[str]]:
        """All that is, and what of it is under way. While the queues are, the runs are not asked."""
        queues = await self._queues(self.now())
        if queues.under_way:
            return [], queues, queues.under_way
        try:
            runs = await self._runs.look()
        except RPCError as error:
            return [], queues, [f"temporal does not answer: {error.message}"]
        self._check(runs)
        return runs, queues, [f"{run.id} {run.busy}" for run in runs if run.busy]

    def _check(self, runs: list[Run]) -> None:
        now = self.now()
        for run in runs:
            if run.clock > now + RAN_AWAY:
                raise RanAway(f"{run.id} is at {run.clock:%Y-%m-%d %H:%M:%S}, the sandbox at {now:%Y-%m-%d %H:%M:%S}")
