"""What the workflows say against what the books say: I9 of billing-rules 10, beside whatever else goes on.

A workflow and its books differ for the moment that a step takes. So what differs is looked at again, both sides anew,
and only what is the same at every look is wrong. A workflow that is not at rest then is counted and not judged: its
step fails, and is repeated by the rules. Asking is one query for each workflow: a few milliseconds of a worker, and in
Temporal Cloud a billable action.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres import running
from adapters.postgres.compared import Compared, counted
from adapters.postgres.pool import Pool
from adapters.postgres.running import Running
from adapters.temporal import TemporalAway, within
from billing.state import State
from workflows.messages import StatusView, subscription_workflow_id

PAGE: Final = 100
AT_ONCE: Final = 10
"""Queries at a time: each takes a workflow task's place in a worker that has other things to do."""
PAUSES_SECONDS: Final = (1.0, 3.0, 8.0)
"""Before each further look: a step takes at most 45 s, and mostly well under one."""
_ANSWER_SECONDS: Final = 3.0


@dataclass(frozen=True)
class NotRunning:
    """There is no running workflow; `why` completes "its workflow …"."""

    why: str


@dataclass(frozen=True)
class NoAnswer:
    """It could not be asked: nothing is known of it."""

    why: str


@dataclass(frozen=True)
class Agreement:
    """I9 for the workflows. Nothing is known of those `unasked`."""

    compared: Compared
    asked: int
    unasked: int


async def status_of(
    temporal: Client, subscription: str, seconds: float = _ANSWER_SECONDS
) -> StatusView | NotRunning | NoAnswer:
    """The workflow's own word on where it is, if it runs and answers within so many seconds."""
    handle: Any = temporal.get_workflow_handle(subscription_workflow_id(subscription))
    asking = handle.query(
        "status",
        result_type=StatusView,
        reject_condition=QueryRejectCondition.NOT_OPEN,
        rpc_timeout=timedelta(seconds=seconds),
    )
    try:
        view: StatusView = await within(seconds + 1, asking)
    except WorkflowQueryRejectedError as ended:
        return NotRunning(f"has ended ({ended.status.name.lower() if ended.status else 'unknown'})")
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return NotRunning("is not there")
        return NoAnswer(error.message)
    except (TemporalAway, WorkflowQueryFailedError) as error:
        return NoAnswer(str(error))
    return view


def differences(workflow: State, books: Running) -> list[str]:
    """What the workflow and its books say differently, one sentence each."""
    told, owed = [], {invoice.id: invoice.amount for invoice in workflow.debt}
    if workflow.status is not books.state.status:
        told.append(f"{workflow.status} in the workflow, {books.state.status} in the books")
    if workflow.period != books.state.period:
        told.append(f"period {workflow.period} in the workflow, {books.state.period} in the books")
    if owed.keys() != books.open.keys():
        told.append(f"owes {sorted(owed)} in the workflow, {sorted(books.open)} are open in the books")
    for invoice in sorted(owed.keys() & books.open.keys()):
        if owed[invoice] != books.open[invoice]:
            told.append(f"{owed[invoice]} is due of {invoice} in the workflow, {books.open[invoice]} in the books")
    # Only this way round: while its account cannot charge, an attempt is decided and never reaches the books.
    attempt = workflow.attempt
    for invoice, number in sorted(books.in_flight - ({(attempt.invoice, attempt.number)} if attempt else set())):
        told.append(f"attempt {number} on {invoice} is in flight in the books, and nobody waits for it")
    return told


def at_rest(view: StatusView) -> bool:
    """Whether it waits for a date or for news, with no step under way or to be repeated."""
    due = view.next_at is not None and view.next_at <= view.now
    return not due and not any(pause.failures for pause in view.state.backoff)


class _Kind(StrEnum):
    AGREES = "agrees"
    DIFFERS = "differs"
    MOVES = "moves"
    SILENT = "silent"
    STARTING = "starting"


@dataclass(frozen=True)
class _Look:
    """What was seen of one subscription. Only of one that differs something is `wrong`."""

    subscription: str
    kind: _Kind
    wrong: frozenset[str] = frozenset()

    def after(self, before: "_Look") -> "_Look":
        """This look in the light of the one before: what is wrong was wrong both times."""
        if self.kind is not _Kind.DIFFERS:
            return self
        still = self.wrong & before.wrong
        return replace(self, kind=_Kind.DIFFERS if still else _Kind.MOVES, wrong=still)


async def compare_running(pool: Pool, temporal: Client, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> Agreement:
    """Compare every subscription that runs. Raises what a lost database raises; Temporal may be away."""
    asked, not_reached = await _first_looks(pool, temporal)
    doubtful = {look.subscription: look for look in asked if look.kind is not _Kind.AGREES}
    judged = doubtful
    for seconds in pauses_seconds if doubtful else ():
        await asyncio.sleep(seconds)
        again = [look async for look in _looks_again(pool, temporal, sorted(doubtful))]
        judged = {look.subscription: look.after(doubtful[look.subscription]) for look in again}
        doubtful = {look.subscription: look for look in again if look.kind is not _Kind.AGREES}
        judged = {subscription: judged[subscription] for subscription in doubtful}
    return _summed_up(len(asked) - len(judged), judged, not_reached)


async def _first_looks(pool: Pool, temporal: Client) -> tuple[list[_Look], int]:
    """A look at each, and how many were not asked any more because nobody answered."""
    looks: list[_Look] = []
    while rows := await running.page(pool, looks[-1].subscription if looks else "", PAGE):
        seen = await _look_at(rows, temporal)
        looks += seen
        if all(look.kind is _Kind.SILENT for look in seen):
            return looks, await running.count(pool, after=seen[-1].subscription)
    return looks, 0


async def _looks_again(pool: Pool, temporal: Client, subscriptions: Sequence[str]) -> AsyncIterator[_Look]:
    """Of those that still run, both sides anew."""
    for first in range(0, len(subscriptions), PAGE):
        rows = await running.these(pool, subscriptions[first : first + PAGE])
        for look in await _look_at(rows, temporal):
            yield look


async def _look_at(rows: Sequence[Running], temporal: Client) -> Sequence[_Look]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(books: Running) -> _Look:
        async with gate:
            return _judge(books, await status_of(temporal, books.state.id))

    return await asyncio.gather(*map(one, rows))


def _judge(books: Running, said: StatusView | NotRunning | NoAnswer) -> _Look:
    subscription = books.state.id
    match said:
        case NoAnswer():
            return _Look(subscription, _Kind.SILENT)
        case NotRunning() if books.starting:
            return _Look(subscription, _Kind.STARTING)
        case NotRunning(why=why):
            return _Look(subscription, _Kind.DIFFERS, frozenset({f"its workflow {why}, and in the books it runs"}))
        case StatusView() if not at_rest(said):
            return _Look(subscription, _Kind.MOVES)
        case StatusView(state=state):
            wrong = frozenset(differences(state, books))
            return _Look(subscription, _Kind.DIFFERS if wrong else _Kind.AGREES, wrong)


def _summed_up(agreeing: int, doubtful: Mapping[str, _Look], not_reached: int) -> Agreement:
    kinds = Counter(look.kind for look in doubtful.values())
    unasked = kinds[_Kind.SILENT] + not_reached
    told = f"{counted(agreeing, 'running workflow')} {'agrees' if agreeing == 1 else 'agree'} with the books"
    if kinds[_Kind.MOVES]:
        told += f", {kinds[_Kind.MOVES]} with a step under way or to be repeated not compared"
    if kinds[_Kind.STARTING]:
        told += f", {kinds[_Kind.STARTING]} still to be started"
    if unasked:
        told += f", {unasked} that could not be asked"
    wrong = [f"{id}: {what}" for id, look in sorted(doubtful.items()) for what in sorted(look.wrong)]
    asked = agreeing + len(doubtful) - kinds[_Kind.SILENT]
    return Agreement(Compared("I9", told, tuple(wrong)), asked, unasked)
