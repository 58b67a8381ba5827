"""A subscription as it is now: asked of its workflow, else from the books (architecture, "The projection")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from temporalio.client import WorkflowHandle, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError

from adapters.postgres.subscriptions import Subscription
from adapters.temporal import TemporalAway, within
from api.services import Services
from billing.agenda import planned
from billing.state import State
from workflows.messages import ScheduleItem, subscription_workflow_id
from workflows.subscription import SubscriptionWorkflow

Source = Literal["workflow", "projection"]
_QUERY_SECONDS: Final = 1.0
_NO_ANSWER: Final = (TemporalAway, RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError)


@dataclass(frozen=True)
class Live:
    """A state and the instant at which it holds."""

    state: State
    now: datetime
    source: Source


def handle_of(services: Services, subscription: str) -> WorkflowHandle[SubscriptionWorkflow, object]:
    return services.temporal.get_workflow_handle(subscription_workflow_id(subscription))


async def live_state(services: Services, subscription: Subscription) -> Live:
    """The state by the workflow's word; when it gives none within a second, by the projection's."""
    if not subscription.finished:
        try:
            status = await within(
                _QUERY_SECONDS, handle_of(services, subscription.id).query(SubscriptionWorkflow.status)
            )
            return Live(status.state, max(status.now, services.clock.now()), "workflow")
        except _NO_ANSWER:
            pass
    return Live(subscription.state, services.clock.now(), "projection")


async def live_schedule(services: Services, subscription: Subscription) -> tuple[tuple[ScheduleItem, ...], Source]:
    """Everything that is decided to come, in order; by the same pure function wherever it is asked."""
    if not subscription.finished:
        try:
            schedule = await within(
                _QUERY_SECONDS, handle_of(services, subscription.id).query(SubscriptionWorkflow.schedule)
            )
            return schedule.items, "workflow"
        except _NO_ANSWER:
            pass
    items = planned(subscription.state)
    return tuple(ScheduleItem(i.at, i.action, i.rule, i.detail, i.amount) for i in items), "projection"
