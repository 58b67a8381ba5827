"""Continue-as-new: a page is a period, and short; what arrives while it turns is neither lost nor done twice."""

import asyncio
from functools import partial
from typing import Any

from support.servers import Eventually
from support.sights import Client
from support.stage import GRACE, MINUTE, Stage
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecution, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from billing.state import Forgive
from workflows.messages import FACTS_ARRIVED, Cancel, PayNow, Reply, UndoCancel
from workflows.subscription import SubscriptionWorkflow

ROUNDS = 4
PAIRS, RINGS = 6, 30
MOST_EVENTS = 30
TIME_SKIPS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
}


async def test_orders_and_news_around_the_turn_of_a_page_are_each_done_once(
    stage: Stage, eventually: Eventually
) -> None:
    """Two clients' agency cancels and takes it back, one client pays now, and Temporal is signalled all the time."""
    clients = [await stage.subscribe() for _ in range(4)]
    first, second, paying, signalled = clients
    answers: list[str] = []

    for turn in range(ROUNDS):
        boundary = max([(await stage.periods(client))[-1].end for client in clients])
        await stage.to(boundary + 30 * MINUTE)
        await stage.fault("invoices.pay", "delay", times=len(clients), seconds=0.4)
        turning = asyncio.create_task(stage.to(boundary + GRACE))
        await eventually(partial(_all_closed, stage, clients, turn + 1))
        _, _, answered, _, _ = await asyncio.gather(
            _cancel_and_undo(stage, first, f"{turn}"),
            _cancel_and_undo(stage, second, f"{turn}"),
            _pay_now(stage, paying, f"p{turn + 2}"),
            _ring(stage, signalled),
            stage.settings(usage_grace_minutes=61 + turn),
        )
        answers += answered
        await turning

    assert answers
    assert set(answers) == {"paid"}, "whoever was let in joined the one charge"
    for client in clients:
        assert await stage.paid(client) == [4900] * (ROUNDS + 1)
        state = await stage.state(client)
        assert (state.status, state.ending, state.asked, state.news) == ("active", None, (), False)
        assert (state.grace_next or state.grace) == (60 + ROUNDS) * MINUTE
        assert len(await _pages(stage, client)) > 1
    for client in (first, second):
        told = await stage.timeline(client)
        assert (told.count("cancel_requested"), told.count("cancel_undone")) == (ROUNDS * PAIRS, ROUNDS * PAIRS)


async def test_a_page_is_a_paid_period_of_at_most_thirty_events(stage: Stage) -> None:
    client = await stage.subscribe()
    for _ in range(2):
        await stage.to((await stage.periods(client))[-1].end + GRACE)

    *_, page, _ = await _pages(stage, client)
    history = await stage.workflow(client, run=page.run_id).fetch_history()
    events = [event for event in history.events if event.event_type not in TIME_SKIPS]
    assert events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    assert len(events) <= MOST_EVENTS, [EventType.Name(event.event_type) for event in events]
    woken = await stage.sandbox.pool.fetch(
        "SELECT type FROM inbox JOIN inbox_readers ON inbox_id = id "
        "WHERE subscription_id = $1 AND type LIKE 'invoice%'",
        client.subscription,
    )
    assert woken == [], "what we did ourselves is no news"


async def _all_closed(stage: Stage, clients: list[Client], number: int) -> bool:
    return all([(await stage.periods(client))[number - 1].seconds is not None for client in clients])


async def _cancel_and_undo(stage: Stage, client: Client, turn: str) -> None:
    for n in range(PAIRS):
        for update, order in (
            (SubscriptionWorkflow.cancel, Cancel("period_end", Forgive.NONE, "test")),
            (SubscriptionWorkflow.undo_cancel, UndoCancel("test")),
        ):
            reply = await _insist(stage, client, update, order, f"{turn}:{n}:{order.kind}")
            assert reply.answer.result == "done"


async def _pay_now(stage: Stage, client: Client, short: str) -> list[str]:
    """Asked again and again from before the invoice is open until it is paid; what those were told that were let in."""
    told: list[str] = []
    while (await stage.statuses(client)).get(short) != "paid":
        try:
            order = PayNow(client.invoice(short), "test")
            reply = await _insist(stage, client, SubscriptionWorkflow.pay_now, order, f"{short}:{len(told)}")
        except ApplicationError as refused:
            if refused.type != "invoice_not_open":
                raise
        else:
            told.append(reply.answer.result)
    return told


async def _ring(stage: Stage, client: Client) -> None:
    for _ in range(RINGS):
        await stage.workflow(client).signal(FACTS_ARRIVED)


async def _insist(stage: Stage, client: Client, update: Any, order: Any, id: str) -> Reply:
    """As a caller with an idempotency key would: the same order again until it is answered. Raises its refusal."""
    while True:
        try:
            reply: Reply = await stage.workflow(client).execute_update(update, order, id=id)
        except RPCError:
            continue  # the run has just closed
        except WorkflowUpdateFailedError as failed:
            if isinstance(failed.cause, ApplicationError) and failed.cause.type != "AcceptedUpdateCompletedWorkflow":
                raise failed.cause from failed
        else:
            return reply


async def _pages(stage: Stage, client: Client) -> list[WorkflowExecution]:
    """The runs of the client's workflow, the first one first."""
    found = stage.sandbox.temporal.list_workflows(f'WorkflowId = "{stage.workflow(client).id}"')
    return sorted([run async for run in found], key=lambda run: run.start_time)
