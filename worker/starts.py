"""Starts: a plan was assigned or a refund asked for, and its workflow is to run (architecture, "Stripe's events")."""

import asyncio
import contextlib
import logging
from typing import Final

from pydantic import TypeAdapter
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.messages import BILLING_QUEUE, RefundStart
from activities.ports import Clock
from adapters.postgres import outbox, projection
from adapters.postgres.outbox import REFUND, START, Letter
from adapters.postgres.pool import CONNECTION_LOST, Pool
from adapters.telemetry import metrics
from adapters.telemetry.context import bind
from adapters.temporal import TemporalAway, within
from worker.delivery import patience
from workflows import messages
from workflows.messages import CUSTOM_INVOICE, SUBSCRIPTION, Start, refund_workflow_id, subscription_workflow_id
from workflows.subscription import search_attributes

_BATCH: Final = 20
_ANSWER_SECONDS: Final = 8.0
"""Within the lease of a claimed row."""
_START: Final[TypeAdapter[Start]] = TypeAdapter(Start)
_REFUND: Final[TypeAdapter[RefundStart]] = TypeAdapter(RefundStart)

log = logging.getLogger(__name__)


class Starts:
    """Carries the outbox's rows that start a workflow. The workflow's id makes a repeat change nothing."""

    def __init__(self, pool: Pool, client: Client, clock: Clock) -> None:
        self._pool = pool
        self._client = client
        self._clock = clock

    async def carry(self) -> bool:
        """One batch; whether there may be more. Raises TemporalAway and what a lost database raises."""
        letters = await outbox.claim(self._pool, self._clock.now(), _BATCH)
        results = await asyncio.gather(*map(self._carry, letters), return_exceptions=True)
        for failure in results:
            if failure is not None:
                raise failure
        return len(letters) == _BATCH

    async def _carry(self, letter: Letter) -> None:
        try:
            await self._start(letter)
        except (TemporalAway, *CONNECTION_LOST) as away:
            # Given back at once: the loop keeps the pace, on the system's clock.
            metrics.DELIVERIES.labels("outbox", "away").inc()
            await outbox.defer(self._pool, letter.id, self._clock.now(), str(away))
            raise
        except Exception as error:
            metrics.DELIVERIES.labels("outbox", "failed").inc()
            log.exception("a workflow could not be started", extra={"outbox": letter.id})
            await outbox.defer(self._pool, letter.id, self._clock.now() + patience(letter.attempts), str(error))
        else:
            await outbox.done(self._pool, letter.id, self._clock.now())
            metrics.DELIVERIES.labels("outbox", "carried").inc()

    async def _start(self, letter: Letter) -> None:
        match letter.kind:
            case kind if kind == START:
                await self._start_subscription(letter)
            case kind if kind == REFUND:
                await self._start_refund(_REFUND.validate_python(letter.payload))
            case kind:
                raise ValueError(f"an outbox row of the unknown kind {kind!r}")

    async def _start_refund(self, start: RefundStart) -> None:
        bind(agency=start.agency)
        starting = self._client.start_workflow(
            messages.REFUND,
            start,
            id=refund_workflow_id(start.refund),
            task_queue=BILLING_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await within(_ANSWER_SECONDS, starting)

    async def _start_subscription(self, letter: Letter) -> None:
        start = _START.validate_python(letter.payload)
        bind(agency=start.agency, client=start.client, subscription=start.subscription)
        async with self._pool.acquire() as connection:
            state = await projection.load(connection, start.subscription)
        starting = self._client.start_workflow(
            CUSTOM_INVOICE if start.custom else SUBSCRIPTION,
            start,
            id=subscription_workflow_id(start.subscription),
            task_queue=BILLING_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=search_attributes(state),
        )
        try:
            await within(_ANSWER_SECONDS, starting)
        except WorkflowAlreadyStartedError:
            log.info("the workflow ran and ended already", extra={"subscription": start.subscription})
