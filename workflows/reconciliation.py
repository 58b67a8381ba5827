"""One look at every connected account, a few at a time; what one account's trouble costs is that account's look.

Nothing about money is decided here, nor in what it calls (activities/reconciling.py).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.messages import (
    BILLING_QUEUE,
    FINISH_RECONCILIATION,
    LIST_ACCOUNTS,
    RECONCILE_ACCOUNT,
    STRIPE_QUEUE,
    Account,
    Accounts,
    Tally,
)
from workflows.messages import LAST, RECONCILIATION, Reconcile

_AT_ONCE: Final = 2
"""Accounts at a time. Each makes one call after the other, so this is far below what Stripe allows the platform."""
_A_RUN: Final = 50
"""Accounts in a run: its history stays short however many there are."""
_START_TO_CLOSE: Final = timedelta(minutes=30)
_HEARTBEAT: Final = timedelta(seconds=10)
_TRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_attempts=3)
"""An account that cannot be read within seconds is the next reconciliation's: it looks at the same."""


@workflow.defn(name=RECONCILIATION)
class ReconciliationWorkflow:
    @workflow.run
    async def run(self, order: Reconcile) -> Tally:
        """Compare and tally; continued as new between pages of accounts."""
        tally = order.so_far or Tally(workflow.now())
        if order.account:
            return await self._compared(tally, [order.account], order.days)
        page = await self._accounts(order.after)
        for first in range(0, len(page), _AT_ONCE):
            tally = await self._compared(tally, page[first : first + _AT_ONCE], order.days)
        if len(page) == _A_RUN:
            workflow.continue_as_new(replace(order, after=page[-1], so_far=tally))
        await self._finish(tally)
        return tally

    async def _accounts(self, after: str) -> Sequence[str]:
        listed: Accounts = await workflow.execute_activity(
            LIST_ACCOUNTS,
            Accounts(after, _A_RUN),
            result_type=Accounts,
            task_queue=BILLING_QUEUE,
            start_to_close_timeout=_START_TO_CLOSE,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_TRIES,
            priority=Priority(priority_key=LAST),
        )
        return listed.found

    async def _compared(self, tally: Tally, accounts: Sequence[str], days: int) -> Tally:
        for one in await asyncio.gather(*(self._compare(account, days) for account in accounts)):
            tally = tally.plus(one)
        return tally

    async def _compare(self, account: str, days: int) -> Tally:
        try:
            found: Tally = await workflow.execute_activity(
                RECONCILE_ACCOUNT,
                Account(account, days),
                result_type=Tally,
                task_queue=STRIPE_QUEUE,
                start_to_close_timeout=_START_TO_CLOSE,
                heartbeat_timeout=_HEARTBEAT,
                retry_policy=_TRIES,
                priority=Priority(priority_key=LAST, fairness_key=account),
                summary=account,
            )
        except ActivityError as error:
            workflow.logger.warning("an account could not be compared: %s", error.cause, extra={"account": account})
            return Tally(workflow.now(), accounts=1, failed=1)
        return found

    async def _finish(self, tally: Tally) -> None:
        await workflow.execute_activity(
            FINISH_RECONCILIATION,
            tally,
            task_queue=BILLING_QUEUE,
            start_to_close_timeout=_START_TO_CLOSE,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_TRIES,
            priority=Priority(priority_key=LAST),
        )
