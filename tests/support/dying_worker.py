"""`python -m support.dying_worker`: the sandbox's worker, to which a fate comes exactly where a test tells it to.

It can be killed (-9), or see every connection to PostgreSQL cut, before each commit and each call to Stripe that an
activity of `MORTAL` makes, and after each commit. What is done between two of these is lost with the process, and
nothing else is: no other point makes a difference.

What dies is a fork of a process that has only loaded the code, and the next fork takes its place at once: a death costs
no two seconds of loading. Nobody survives the process itself, which the supervisor knows, kills and starts again.

In the sandbox's folder stand `passed`, a line for every point that was passed, and `doomed`, the points at which a
fate waits: each once, so that the worker goes on afterwards, or the one that is started again.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar, cast

import asyncpg
from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from activities.messages import (
    CHARGE_INVOICE,
    CLOSE_PERIOD,
    ISSUE_INVOICE,
    REMIND,
    TAKE_FINAL_ACTION,
    VOID_INVOICE,
)
from activities.ports import Ledger, Store
from adapters.settings import Settings, load_settings
from adapters.stripe.connection import Call, Connection, connect
from adapters.stripe.payments import StripePayments
from sandbox.processes import HOME_VARIABLE
from sandbox.run import stamp
from sandbox.stack import DATABASE
from worker.compose import Parts
from worker.process import main

MORTAL: Final = (CLOSE_PERIOD, ISSUE_INVOICE, CHARGE_INVOICE, VOID_INVOICE, REMIND, TAKE_FINAL_ACTION)

CUT: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"

Fate = Literal["killed", "cut_off"]
T = TypeVar("T")


@dataclass(frozen=True)
class Doom:
    """What comes to the worker when its work for a workflow comes by a point."""

    workflow: str
    point: str
    fate: Fate


@dataclass(frozen=True)
class Fates:
    """The two files, as worker and tests use them. A point is words: "issue_invoice before 2 create"."""

    folder: Path

    def doom(self, workflow: str, *points: str, fate: Fate = "killed") -> None:
        """Add to what comes to the worker. While it works, nobody else writes the file."""
        self._replace([*self.doomed(), *(Doom(workflow, point, fate) for point in points)])

    def doomed(self) -> list[Doom]:
        """What has still to come."""
        return [Doom(workflow, point, cast("Fate", fate)) for workflow, point, fate in _rows(self.folder / "doomed")]

    def passed(self, workflow: str) -> list[str]:
        """The points that the work for a workflow has passed, in their order."""
        return [point for who, point in _rows(self.folder / "passed") if who == workflow]

    def meet(self, workflow: str, point: str) -> Fate | None:
        """Pass the point, and take what waits there."""
        with (self.folder / "passed").open("a") as file:
            file.write(f"{workflow}\t{point}\n")
        doomed = self.doomed()
        here = next((doom for doom in doomed if (doom.workflow, doom.point) == (workflow, point)), None)
        if here is None:
            return None
        self._replace([doom for doom in doomed if doom != here])
        return here.fate

    def _replace(self, doomed: Sequence[Doom]) -> None:
        beside = self.folder / "doomed.new"
        beside.write_text("".join(f"{doom.workflow}\t{doom.point}\t{doom.fate}\n" for doom in doomed))
        beside.replace(self.folder / "doomed")


def _rows(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []


class Mortality:
    """Counts what leaves the process in each execution of a mortal activity, and meets what is fated around it."""

    def __init__(self, fates: Fates, database_url: str) -> None:
        self._fates = fates
        self._database_url = database_url
        self._count: ContextVar[int] = ContextVar("count", default=0)

    async def before(self, what: str) -> None:
        """`commit`, `read`, or the word of an idempotency key that says what is written."""
        self._count.set(self._count.get() + 1)
        await self._meet("before", what)

    async def after(self, what: str) -> None:
        await self._meet("after", what)

    async def _meet(self, side: str, what: str) -> None:
        if not (activity.in_activity() and (info := activity.info()).activity_type in MORTAL):
            return
        fate = self._fates.meet(info.workflow_id or "", f"{info.activity_type} {side} {self._count.get()} {what}")
        if fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "cut_off":
            await _cut_all_off(self._database_url)


async def _cut_all_off(database_url: str) -> None:
    own = await asyncpg.connect(database_url)
    try:
        await own.execute(CUT, DATABASE)
    finally:
        await own.close()


class MortalStore:
    """The store: before its commit all of the transaction is done, and still lost with the process."""

    def __init__(self, store: Store, mortality: Mortality) -> None:
        self._store = store
        self._mortality = mortality

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Ledger]:
        transaction = self._store.transaction()
        books = await transaction.__aenter__()
        try:
            yield books
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        await self._mortality.before("commit")
        await transaction.__aexit__(None, None, None)
        await self._mortality.after("commit")


class MortalConnection(Connection):
    """The connection to Stripe: what the call before did is done, and its answer known to this process alone."""

    def __init__(self, real: Connection, mortality: Mortality) -> None:
        self.v1 = real.v1
        self._real = real
        self._mortality = mortality

    async def read(self, call: Call[T], account: str | None) -> T:
        await self._mortality.before("read")
        return await self._real.read(call, account)

    async def write(self, key: str, call: Call[T], account: str | None) -> T:
        await self._mortality.before(next(word for word in reversed(key.split(":")) if word.isalpha()))
        return await self._real.write(key, call, account)


class OneAtATime(ClientInterceptor, WorkerInterceptor):
    """Who is to die takes nobody else's work with it: work that is done again may pass other points than it was to.

    While nobody is doomed the work goes side by side, as in any worker.
    """

    def __init__(self, fates: Fates) -> None:
        self._fates = fates
        self._turn = asyncio.Lock()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Waiting(next, self._fates, self._turn)


class _Waiting(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fates: Fates, turn: asyncio.Lock) -> None:
        super().__init__(next)
        self._fates = fates
        self._turn = turn

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if activity.info().activity_type in MORTAL and self._fates.doomed():
            async with self._turn:
                return await self.next.execute_activity(input)
        return await self.next.execute_activity(input)


def mortal(settings: Settings, fates: Fates) -> Callable[[Parts], Parts]:
    """The parts of a worker to which a fate can come at every point."""
    mortality = Mortality(fates, settings.database_url.get_secret_value())
    connection = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)

    def change(parts: Parts) -> Parts:
        payments = StripePayments(MortalConnection(connection, mortality))
        return replace(parts, store=MortalStore(parts.store, mortality), payments=payments)

    return change


def born_again(work: Callable[[], NoReturn]) -> NoReturn:
    """Work in a fork, and in another whenever that one was killed. A stop is passed on, and its exit status is ours."""
    ours, theirs = os.pipe()
    stopped = threading.Event()
    while True:
        if not (child := os.fork()):
            os.close(theirs)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _die_with(ours)
            work()

        def stop(*_: object, child: int = child) -> None:
            stopped.set()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

        signal.signal(signal.SIGTERM, stop)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL or stopped.is_set():
            os._exit(abs(status))


def _die_with(parent: int) -> None:
    """Be killed as soon as nobody holds the other end of the pipe: the parent was."""

    def watch() -> None:
        os.read(parent, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def work() -> NoReturn:
    of_the_sandbox = Fates(Path(os.environ[HOME_VARIABLE]))
    main(
        client_interceptors=[stamp(), OneAtATime(of_the_sandbox)],
        change=mortal(load_settings(), of_the_sandbox),
    )


if __name__ == "__main__":
    born_again(work)
