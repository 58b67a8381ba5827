"""Records a subscription's workflow on a real server: the real interpreter, with activities that answer from a world.

What the histories are about are the workflow's commands. So the activities are stand-ins: each step's outcome is what
the simulated world (support.world) makes of it, as facts, at the sandbox's time. The time machine leads the workflow
through the months.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowHistory, WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.messages import (
    BILLING_QUEUE,
    CHARGE_INVOICE,
    CLOSE_PERIOD,
    ISSUE_INVOICE,
    MARK_TRIAL,
    READ_NEWS,
    RECORD,
    REMIND,
    REPEAT_PARKING,
    STRIPE_QUEUE,
    TAKE_FINAL_ACTION,
    VOID_INVOICE,
    Outcome,
    Record,
    Work,
)
from adapters.temporal import connect
from billing.facts import Fact, StepFailed
from billing.state import RULES, Card, State
from billing.subscription import apply
from sandbox.clock import POLL_SECONDS, Queues, TimeMachine
from sandbox.home import Home
from sandbox.runs import Runs, StampStarts
from support.world import TERMS, World, a_world, card
from worker.heartbeat import HeartbeatInterceptor
from worker.queues import workflow_runner
from workflows.messages import FACTS_ARRIVED, Start, subscription_workflow_id
from workflows.subscription import SubscriptionWorkflow

SUBSCRIPTION: Final = "sub_demo"
_BILLING: Final = (CLOSE_PERIOD, REMIND, MARK_TRIAL, TAKE_FINAL_ACTION, REPEAT_PARKING)
_STRIPE: Final = (READ_NEWS, ISSUE_INVOICE, CHARGE_INVOICE, VOID_INVOICE)

Interruption = Callable[[], Awaitable[object]]


@dataclass
class Life:
    """One subscription on the server, and the world that its activities answer from."""

    client: Client
    home: Home
    machine: TimeMachine
    world: World = field(default_factory=a_world)
    interruptions: dict[str, Interruption] = field(default_factory=dict)
    updates: int = 0
    beside: list[asyncio.Task[Any]] = field(default_factory=list)

    # What a path says

    async def begin(
        self,
        *,
        starts_in: timedelta | None = timedelta(),
        with_card: bool = True,
        world: World | None = None,
        trial_days: int = 0,
    ) -> None:
        """The plan is assigned; the first steps are done. Without `starts_in` the first card starts it."""
        self.world = world or self.world
        await self.start(starts_in=starts_in, with_card=with_card, trial_days=trial_days)
        await self.machine.rest()

    async def start(self, *, starts_in: timedelta | None, with_card: bool = True, trial_days: int = 0) -> None:
        """The plan is assigned, whether or not a worker is there."""
        now = self.home.now()
        self.world.start = now
        await self.client.start_workflow(
            SubscriptionWorkflow.run,
            _start(now, None if starts_in is None else now + starts_in, card() if with_card else None, trial_days),
            id=subscription_workflow_id(SUBSCRIPTION),
            task_queue=BILLING_QUEUE,
        )

    async def days(self, days: float) -> None:
        """Everything that is due until then is done."""
        await self.machine.advance(self.home.now() + timedelta(days=days))

    async def ask(self, update: Callable[..., Any], command: object) -> Any:
        """A person's command, answered. Its id is readable; in production it is a hash."""
        self.updates += 1
        return await self.handle.execute_update(update, command, id=f"command-{self.updates}")

    async def ask_in_vain(self, update: Callable[..., Any], command: object) -> None:
        """A person's command that is refused."""
        try:
            reply = await self.ask(update, command)
        except WorkflowUpdateFailedError:
            return
        raise AssertionError(f"not refused: {reply}")

    async def ask_beside(self, update: Callable[..., Any], command: object) -> None:
        """A command while a step is in flight: this returns when it is accepted."""
        self.updates += 1
        asked = await self.handle.start_update(
            update, command, wait_for_stage=WorkflowUpdateStage.ACCEPTED, id=f"command-{self.updates}"
        )
        self.beside.append(asyncio.create_task(asked.result()))

    async def tell(self, *learned: Fact) -> None:
        """The inbox holds these facts, and the workflow is signalled."""
        self.world.inbox = list(learned)
        await self.handle.signal(FACTS_ARRIVED)

    def while_in_flight(self, activity: str, happens: Interruption) -> None:
        """Let something happen once, while the next such activity is in flight: it answers afterwards."""
        self.interruptions[activity] = happens

    async def until_only(self, name: str) -> None:
        """Return when nothing but this activity is under way."""
        while True:
            raw = (await self.handle.describe()).raw_description
            pending = [running.activity_type.name for running in raw.pending_activities]
            if pending == [name] and not raw.HasField("pending_workflow_task"):
                return
            await asyncio.sleep(POLL_SECONDS)

    def invoice(self, short: str) -> str:
        return self.world.invoice(short)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(subscription_workflow_id(SUBSCRIPTION))

    # What the activities answer

    async def outcome(self, work: Work) -> Outcome:
        self.world.state, self.world.now = work.state, self.home.now()
        return _written(work.state, tuple(self.world.outcome(work.step)))

    async def interrupted(self, name: str) -> None:
        happens = self.interruptions.pop(name, None)
        if happens:
            await happens()

    def activities(self, names: tuple[str, ...]) -> list[Callable[..., Any]]:
        return [self._stand_in(name) for name in names]

    def _stand_in(self, name: str) -> Callable[..., Any]:
        @activity.defn(name=name)
        async def stand_in(work: Work) -> Outcome:
            await self.interrupted(name)
            return await self.outcome(work)

        return stand_in

    def recording(self) -> Callable[..., Any]:
        @activity.defn(name=RECORD)
        async def record(record: Record) -> Outcome:
            await self.interrupted(RECORD)
            return _written(record.state, record.facts)

        return record

    # What is kept

    async def histories(self) -> list[WorkflowHistory]:
        """The history of each run, the first one first, once every command is answered."""
        await asyncio.gather(*self.beside)
        found: list[WorkflowHistory] = []
        run_id = await self._first_run()
        while run_id:
            handle = self.client.get_workflow_handle(subscription_workflow_id(SUBSCRIPTION), run_id=run_id)
            found.append(await handle.fetch_history())
            ended = found[-1].events[-1].workflow_execution_continued_as_new_event_attributes
            run_id = ended.new_execution_run_id
        return found

    async def _first_run(self) -> str:
        described = await self.handle.describe()
        return described.raw_description.workflow_execution_info.first_run_id


def _written(state: State, learned: tuple[Fact, ...]) -> Outcome:
    """As the store does it: the facts are applied to the state that was found, by the same rules."""
    for fact in learned:
        if isinstance(fact, StepFailed):
            raise ApplicationError(fact.why, type="OutcomeUnknown", non_retryable=True)
        state = apply(state, fact)
    return Outcome(learned, state.version)


def _start(now: datetime, starts_at: datetime | None, on_file: Card | None, trial_days: int) -> Start:
    return Start(
        subscription=SUBSCRIPTION,
        agency="agc_demo",
        client="cli_demo",
        account="acct_demo",
        customer="cus_demo",
        zone="America/New_York",
        terms=TERMS,
        rules=RULES,
        requested_at=now,
        starts_at=starts_at,
        card=on_file,
        trial_days=trial_days,
    )


@asynccontextmanager
async def a_life(temporal_address: str, folder: Path) -> AsyncIterator[Life]:
    """A workflow's whole surroundings: clock, time machine, both queues. Its run is terminated after the block."""
    async with (
        a_life_without_workers(temporal_address, folder) as life,
        a_worker(life, BILLING_QUEUE),
        a_worker(life, STRIPE_QUEUE),
    ):
        yield life


@asynccontextmanager
async def a_life_without_workers(temporal_address: str, folder: Path) -> AsyncIterator[Life]:
    """Clock and time machine; who works on the queues comes and goes. Its run is terminated after the block."""
    home = Home(folder)
    home.open()
    client = await connect(temporal_address, interceptors=[StampStarts(home.offset)])
    yield Life(client, home, TimeMachine(home, Runs(client), _nothing_else))
    await _terminate(client)


def a_worker(life: Life, queue: str) -> Worker:
    billing = queue == BILLING_QUEUE
    activities = [*life.activities(_BILLING), life.recording()] if billing else life.activities(_STRIPE)
    return Worker(
        life.client,
        task_queue=queue,
        workflows=[SubscriptionWorkflow] if billing else [],
        activities=activities,
        workflow_runner=workflow_runner(),
        interceptors=[HeartbeatInterceptor()],
    )


async def _nothing_else(now: datetime) -> Queues:
    return Queues([], None)


async def _terminate(client: Client) -> None:
    running = [run.id async for run in client.list_workflows('ExecutionStatus = "Running"')]
    await asyncio.gather(*(client.get_workflow_handle(id).terminate() for id in running))
