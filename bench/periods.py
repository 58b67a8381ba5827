"""Many subscriptions whose periods close at one instant, from their idle timers until each has turned its page."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from temporalio.client import WorkflowHandle

from activities.messages import BILLING_QUEUE
from bench.bare import BARE, BareWorkflow, Page
from bench.estate import Agency, Holder, subscribe
from bench.house import House, cpu_seconds
from billing.state import RULES, State
from sandbox.child import Child
from workflows.messages import SUBSCRIPTION, Start, subscription_workflow_id
from workflows.subscription import search_attributes

AT_ONCE: Final = 16
POLL_SECONDS: Final = 0.1
POLL_EACH_SECONDS: Final = 0.0005
"""Looking whether all have closed costs the server as well: the more there are, the rarer."""
LONGEST_SECONDS: Final = 900.0
LEAD_SECONDS: Final = 4.0
MARGIN: Final = 1.5
"""Workflows are started so long before they fall due, and this much longer than those before them took to be idle."""
PATIENCE: Final = (1, 2, 4)
"""On a machine that has other things to do the lead was too short: once more with a longer one."""

T = TypeVar("T")
Open = Callable[[str, datetime], Awaitable[list[str]]]
"""Opens workflows that fall due at an instant under ids that begin with a word; answers the ids."""
Furnish = Callable[[Sequence[str]], Awaitable[Sequence[Holder]]]
"""A holder in each of these accounts, in their order."""


class TooSlow(Exception):
    """The machine did not get its subscriptions idle, or its periods closed, in the time that was given."""


@dataclass(frozen=True)
class Closed:
    """How a closing went, and what was used of the CPUs meanwhile: by worker, server, and the whole benchmark."""

    count: int
    seconds: float
    worker_cpu_seconds: float
    server_cpu_seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cpus(self) -> float:
        """How many CPUs were at work, on average: all that there are, and nothing can be faster without being less."""
        return self.cpu_seconds / self.seconds


def subscriptions(house: House, agencies: Sequence[Agency], count: int, furnish: Furnish | None = None) -> Open:
    """Opens so many subscriptions, each of the next agency in turn; their holders are made up, unless furnished."""

    async def open_all(word: str, due: datetime) -> list[str]:
        accounts = [agencies[number % len(agencies)].account for number in range(count)]
        holders = await furnish(accounts) if furnish else ()
        states: list[State] = []
        for number, agency in enumerate(agencies):
            mine = range(number, count, len(agencies))
            names = [f"{word}-{index}" for index in mine]
            states += await subscribe(house.pool, agency, names, due, [holders[i] for i in mine] if holders else ())
        return await each(states, lambda state: _start(house, state, due))

    return open_all


def bare_workflows(house: House, count: int) -> Open:
    """Opens so many bare workflows."""

    async def open_all(word: str, due: datetime) -> list[str]:
        async def start(number: int) -> str:
            handle = await house.temporal.start_workflow(
                BareWorkflow.run, Page(due), id=f"{BARE}-{word}-{number}", task_queue=BILLING_QUEUE
            )
            return handle.id

        return await each(range(count), start)

    return open_all


async def _start(house: House, state: State, at: datetime) -> str:
    start = Start(
        subscription=state.id,
        agency=state.agency,
        client=state.client,
        account=state.account,
        customer=state.customer,
        zone=state.zone,
        terms=state.terms,
        rules=RULES,
        requested_at=state.clock,
        starts_at=state.anchor,
        carried=state,
    )
    handle: WorkflowHandle[Any, Any] = await house.temporal.start_workflow(
        SUBSCRIPTION,
        start,
        id=subscription_workflow_id(state.id),
        task_queue=BILLING_QUEUE,
        search_attributes=search_attributes(state),
    )
    return handle.id


async def idle(house: House, word: str, count: int, opening: Callable[[int], Open]) -> tuple[datetime, list[str]]:
    """Have so many workflows wait for one instant; answers it and their ids. Raises TooSlow."""
    for patience in PATIENCE:
        begun = datetime.now(UTC)
        lead = LEAD_SECONDS + MARGIN * patience * count * house.pace.idle_after_seconds
        due = begun + timedelta(seconds=lead)
        ids = await opening(count)(f"{word}{patience}", due)
        await each(ids, lambda id: until_idle(house, id))
        now = datetime.now(UTC)
        house.pace.idle_after_seconds = (now - begun).total_seconds() / count
        if now < due:
            return due, ids
        await until_closed(house, ids)
    raise TooSlow(f"{count} workflows were not idle in time")


async def close(house: House, worker: Child, word: str, count: int, opening: Callable[[int], Open]) -> Closed:
    """Open so many workflows, let them fall due together, and time how long the worker needs for all."""
    return await close_idle(house, worker, *await idle(house, word, count, opening))


async def close_idle(house: House, worker: Child, due: datetime, ids: Sequence[str]) -> Closed:
    """The same for workflows that wait for that instant already."""
    await until(due)
    processes = worker.pid, house.server.pid, os.getpid()
    before = [cpu_seconds(pid) for pid in processes]
    begun = time.perf_counter()
    await until_closed(house, ids)
    seconds = time.perf_counter() - begun
    used = [cpu_seconds(pid) - of_before for pid, of_before in zip(processes, before, strict=True)]
    return Closed(len(ids), seconds, *used)


async def until(instant: datetime) -> None:
    await asyncio.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))


async def until_closed(house: House, ids: Sequence[str]) -> None:
    """Return when every one of the workflows has turned its page. Raises TooSlow."""
    prefix = ids[0].rpartition("-")[0]
    turned = f'ExecutionStatus = "ContinuedAsNew" AND WorkflowId STARTS_WITH "{prefix}-"'
    deadline = time.perf_counter() + LONGEST_SECONDS
    while (found := (await house.temporal.count_workflows(turned)).count) < len(ids):
        if time.perf_counter() > deadline:
            raise TooSlow(f"{found} of {len(ids)} periods are closed after {LONGEST_SECONDS:g} s")
        await asyncio.sleep(max(POLL_SECONDS, len(ids) * POLL_EACH_SECONDS))


async def check_books(house: House) -> None:
    """Each subscription that was due has one invoice, paid by one attempt: what was timed is a period close."""
    renewed, invoices, attempts = [
        await house.pool.fetchval(f"SELECT count(*) FROM {those}")
        for those in (
            "subscriptions WHERE (state->>'periods')::int = 2",
            "invoices WHERE status = 'paid'",
            "payment_attempts WHERE result = 'paid'",
        )
    ]
    if not renewed == invoices == attempts > 0:
        raise RuntimeError(f"{renewed} periods were closed, {invoices} invoices paid, by {attempts} attempts")


async def until_idle(house: House, id: str) -> None:
    """Return when the workflow has nothing to do."""
    handle = house.temporal.get_workflow_handle(id)
    while (await handle.describe()).raw_description.HasField("pending_workflow_task"):  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


async def each(items: Iterable[T], do: Callable[[T], Awaitable[Any]]) -> list[Any]:
    """All of it, a few at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> Any:
        async with gate:
            return await do(item)

    return await asyncio.gather(*map(one, items))
