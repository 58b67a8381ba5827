"""`python -m support.dying_worker`: the sandbox's worker, which kills itself (-9) exactly where a test tells it to.

It can die before each commit and each call to Stripe that an activity of `MORTAL` makes, and after each commit. What is
done between two of these is lost with the process, and nothing else is: no other point makes a difference.

In the sandbox's folder stand `passed`, a line for every point that was passed, and `doomed`, the points at which to
die: each once, so that the worker that is started again goes on.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from activities.messages import CHARGE_INVOICE, CLOSE_PERIOD, ISSUE_INVOICE
from activities.ports import Ledger, Store
from adapters.settings import Settings, load_settings
from adapters.stripe.connection import Call, Connection, connect
from adapters.stripe.payments import StripePayments
from sandbox.processes import HOME_VARIABLE
from sandbox.run import stamp
from worker.compose import Parts
from worker.process import main

MORTAL: Final = (CLOSE_PERIOD, ISSUE_INVOICE, CHARGE_INVOICE)

T = TypeVar("T")


@dataclass(frozen=True)
class Fates:
    """The two files, as worker and tests use them. A point is words: "issue_invoice before 2 create"."""

    folder: Path

    def doom(self, workflow: str, *points: str) -> None:
        """Add to what the worker dies of. While it works, nobody else writes the file."""
        self._replace([*self.doomed(), *((workflow, point) for point in points)])

    def doomed(self) -> list[tuple[str, str]]:
        """What it has still to die of."""
        return _lines(self.folder / "doomed")

    def passed(self, workflow: str) -> list[str]:
        """The points that the work for a workflow has passed, in their order."""
        return [point for who, point in _lines(self.folder / "passed") if who == workflow]

    def meet(self, workflow: str, point: str) -> None:
        """Pass the point, or die there."""
        with (self.folder / "passed").open("a") as file:
            file.write(f"{workflow}\t{point}\n")
        doomed = self.doomed()
        if (workflow, point) in doomed:
            self._replace([other for other in doomed if other != (workflow, point)])
            os.kill(os.getpid(), signal.SIGKILL)

    def _replace(self, doomed: Sequence[tuple[str, str]]) -> None:
        beside = self.folder / "doomed.new"
        beside.write_text("".join(f"{workflow}\t{point}\n" for workflow, point in doomed))
        beside.replace(self.folder / "doomed")


def _lines(file: Path) -> list[tuple[str, str]]:
    lines = file.read_text().splitlines() if file.exists() else ()
    return [(workflow, point) for workflow, _, point in (line.partition("\t") for line in lines)]


class Mortality:
    """Counts what leaves the process in each execution of a mortal activity, and meets what is fated around it."""

    def __init__(self, fates: Fates) -> None:
        self._fates = fates
        self._count: ContextVar[int] = ContextVar("count", default=0)

    def before(self, what: str) -> None:
        """`commit`, `read`, or the word of an idempotency key that says what is written."""
        self._count.set(self._count.get() + 1)
        self._meet("before", what)

    def after(self, what: str) -> None:
        self._meet("after", what)

    def _meet(self, side: str, what: str) -> None:
        if activity.in_activity() and (info := activity.info()).activity_type in MORTAL:
            self._fates.meet(info.workflow_id or "", f"{info.activity_type} {side} {self._count.get()} {what}")


class MortalStore:
    """The store: before its commit all of the transaction is done, and still lost with the process."""

    def __init__(self, store: Store, mortality: Mortality) -> None:
        self._store = store
        self._mortality = mortality

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Ledger]:
        transaction = self._store.transaction()
        books = await transaction.__aenter__()
        try:
            yield books
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        self._mortality.before("commit")
        await transaction.__aexit__(None, None, None)
        self._mortality.after("commit")


class MortalConnection(Connection):
    """The connection to Stripe: what the call before did is done, and its answer known to this process alone."""

    def __init__(self, real: Connection, mortality: Mortality) -> None:
        self.v1 = real.v1
        self._real = real
        self._mortality = mortality

    async def read(self, call: Call[T], account: str | None) -> T:
        self._mortality.before("read")
        return await self._real.read(call, account)

    async def write(self, key: str, call: Call[T], account: str | None) -> T:
        self._mortality.before(next(word for word in reversed(key.split(":")) if word.isalpha()))
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
    """The parts of a worker that can die at every point."""
    mortality = Mortality(fates)
    connection = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)

    def change(parts: Parts) -> Parts:
        payments = StripePayments(MortalConnection(connection, mortality))
        return replace(parts, store=MortalStore(parts.store, mortality), payments=payments)

    return change


if __name__ == "__main__":
    of_the_sandbox = Fates(Path(os.environ[HOME_VARIABLE]))
    main(
        client_interceptors=[stamp(), OneAtATime(of_the_sandbox)],
        change=mortal(load_settings(), of_the_sandbox),
    )
