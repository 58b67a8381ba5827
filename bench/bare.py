"""The least that Temporal itself asks for a period: the same timer and as many activities, all of them empty."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity, workflow

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE

BARE: Final = "Bare"
_PERIOD: Final = timedelta(days=30)
_QUEUES: Final = (BILLING_QUEUE, STRIPE_QUEUE, STRIPE_QUEUE)
"""Where closing, issuing and charging are done."""
_START_TO_CLOSE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Page:
    """A run's input: when its timer ends."""

    due: datetime


@activity.defn(name="nothing")
async def nothing(page: Page) -> Page:
    """An activity that costs what an activity costs."""
    return page


@workflow.defn(name=BARE)
class BareWorkflow:
    """Waits, runs its activities one after the other, and turns the page, as a subscription does each period."""

    @workflow.run
    async def run(self, page: Page) -> None:
        await workflow.sleep(page.due - workflow.now(), summary="period 1 closes")
        for queue in _QUEUES:
            await workflow.execute_activity(nothing, page, task_queue=queue, start_to_close_timeout=_START_TO_CLOSE)
        workflow.continue_as_new(Page(page.due + _PERIOD))
