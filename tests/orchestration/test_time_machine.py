"""The time machine on the real server: every workflow is led from one due time to the next, and none runs ahead."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.sights import LATE
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.temporal import connect
from sandbox.clock import ONE_STEP, NotAtRest, Queues, TimeMachine
from sandbox.home import Home
from sandbox.runs import Due, Runs, StampStarts

QUEUE = "time-machine"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Course:
    """Due every `gap_days` from `begins_at` on, each time for work of `seconds`; a new run after every second one."""

    requested_at: datetime
    begins_at: datetime
    gap_days: float
    seconds: float = 0.0
    done: int = 0


@workflow.defn
class Rounds:
    @workflow.init
    def __init__(self, course: Course) -> None:
        self.course, self.done = course, course.done

    @workflow.run
    async def run(self, course: Course) -> None:
        for _ in range(2):
            while (left := self.due() - self.now()) > timedelta():
                await workflow.sleep(left)
            await workflow.execute_activity(
                "work",
                args=[workflow.info().workflow_id, self.due(), workflow.now(), course.seconds],
                start_to_close_timeout=timedelta(seconds=30),
            )
            self.done += 1
        workflow.continue_as_new(
            Course(course.requested_at, course.begins_at, course.gap_days, course.seconds, self.done)
        )

    @workflow.query
    def status(self) -> Due:
        return Due(self.due())

    def due(self) -> datetime:
        return self.course.begins_at + self.done * timedelta(days=self.course.gap_days)

    def now(self) -> datetime:
        return max(workflow.now(), self.course.requested_at)


@dataclass(frozen=True)
class Worked:
    """One piece of work: when it was due, and what time it was for the workflow and for the sandbox."""

    who: str
    due: datetime
    workflow_time: datetime
    sandbox_time: datetime


class World:
    """A sandbox of nothing but clock, Temporal and a worker."""

    def __init__(self, home: Home, client: Client) -> None:
        self.home, self.client = home, client
        self.worked: list[Worked] = []
        self.queues = Queues([], None)
        self.machine = TimeMachine(home, Runs(client), self._look)

    async def _look(self, now: datetime) -> Queues:
        return self.queues

    @activity.defn(name="work")
    async def work(self, who: str, due: datetime, workflow_time: datetime, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.worked.append(Worked(who, due, workflow_time, self.home.now()))

    async def start(self, who: str, course: Course) -> None:
        await self.client.start_workflow(Rounds.run, course, id=who, task_queue=QUEUE)

    def dues(self, who: str) -> list[datetime]:
        return [worked.due for worked in self.worked if worked.who == who]


@pytest.fixture
async def world(temporal_address: str, tmp_path: Path) -> AsyncIterator[World]:
    home = Home(tmp_path)
    home.open()
    stamp = StampStarts(home.offset)
    client = await connect(temporal_address, interceptors=[stamp])
    world = World(home, client)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=QUEUE, workflows=[Rounds], activities=[world.work], workflow_runner=runner):
        yield world
        async for running in client.list_workflows('ExecutionStatus = "Running"'):
            await client.get_workflow_handle(running.id).terminate()


async def test_every_due_time_is_kept_in_order_over_two_months(world: World) -> None:
    now = world.home.now()
    begin = now + timedelta(hours=1)
    await world.start("weekly", Course(now, begin, 7))
    await world.start("ladder", Course(now, begin + timedelta(seconds=20), 3, seconds=0.2))
    end = begin + 60 * DAY

    journey = await world.machine.advance(end)

    assert world.dues("weekly") == [begin + n * 7 * DAY for n in range(9)]
    assert world.dues("ladder") == [begin + timedelta(seconds=20) + n * 3 * DAY for n in range(20)]
    for worked in world.worked:
        assert timedelta() <= worked.workflow_time - worked.due < LATE
        assert timedelta() <= worked.sandbox_time - worked.due < ONE_STEP + LATE
    assert [w.due for w in world.worked] == sorted(w.due for w in world.worked)
    assert timedelta() <= journey.now - end < LATE
    assert journey.moved >= 29


async def test_a_workflow_that_starts_later_starts_at_the_sandboxs_time(world: World) -> None:
    await world.machine.advance(world.home.now() + 45 * DAY)
    begin = world.home.now()
    await world.start("late", Course(begin, begin, 31))

    await world.machine.advance(begin + 32 * DAY)

    assert world.dues("late") == [begin, begin + 31 * DAY]
    clocks = [run.clock - world.home.now() for run in await Runs(world.client).look()]
    assert all(abs(ahead) < LATE for ahead in clocks), clocks


async def test_what_is_due_elsewhere_is_a_stop_too(world: World) -> None:
    now = world.home.now()
    world.queues = Queues([], now + 5 * DAY)
    stops: list[datetime] = []

    async def look(at: datetime) -> Queues:
        stops.append(at)
        return Queues([], now + 5 * DAY if at < now + 5 * DAY else None)

    await TimeMachine(world.home, Runs(world.client), look).advance(now + 9 * DAY)

    assert any(timedelta() <= stop - now - 5 * DAY < LATE for stop in stops)


async def test_time_stands_still_while_something_is_under_way(world: World) -> None:
    now = world.home.now()
    begin = now + DAY
    await world.start("slow", Course(now, begin, 30, seconds=3))

    with pytest.raises(NotAtRest) as refused:
        await world.machine.advance(begin + 40 * DAY, rest_timeout_seconds=0.5)

    assert refused.value.waited_for == ["slow runs work (try 1)"]
    assert world.home.now() - begin < timedelta(seconds=30)
    journey = await world.machine.advance(begin + 40 * DAY)
    assert world.dues("slow") == [begin, begin + 30 * DAY]
    assert journey.now - begin - 40 * DAY < LATE


async def test_an_undelivered_event_holds_time(world: World) -> None:
    world.queues = Queues(["event invoice.paid"], None)
    before = world.home.offset()
    with pytest.raises(NotAtRest, match=r"event invoice\.paid"):
        await world.machine.advance(datetime.now(UTC) + 9 * DAY, rest_timeout_seconds=0.2)
    assert world.home.offset() == before


async def test_what_comes_within_a_moment_is_waited_for_before_all_is_at_rest(world: World) -> None:
    due = world.home.now() + timedelta(seconds=0.4)

    async def look(at: datetime) -> Queues:
        return Queues([], due if at < due else None)

    await TimeMachine(world.home, Runs(world.client), look).rest()
    assert due <= world.home.now() < due + LATE

    world.queues = Queues([], world.home.now() + DAY)
    await world.machine.rest()
    assert world.home.now() < due + DAY
