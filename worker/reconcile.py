"""`python -m worker reconcile`: have the running workers compare Stripe with the books now, and wait for the tally."""

import asyncio
import json
import sys
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.messages import BILLING_QUEUE, Tally
from adapters.temporal import TemporalAway, answering
from workflows.messages import RECONCILED_DAYS, RECONCILIATION, Reconcile, reconciliation_workflow_id

AGREES, DIFFERS, BLIND = 0, 1, 2
"""The exit status: Stripe and the books agree; something differs; not everything could be compared."""
_PATIENCE: Final = timedelta(hours=6)


def main(*, as_json: bool, account: str | None, days: int | None) -> int:
    """Print the tally; the exit status."""
    try:
        tally = asyncio.run(_reconcile(account, days))
    except (TemporalAway, RPCError) as error:
        print(f"Temporal cannot be reached: {error}", file=sys.stderr)
        return BLIND
    except (WorkflowFailureError, TimeoutError) as error:
        print(f"it was not brought to its end: {error}", file=sys.stderr)
        return BLIND
    print(json.dumps(_as_json(tally)) if as_json else as_text(tally))
    return status_of(tally)


async def _reconcile(account: str | None, days: int | None) -> Tally:
    return await reconcile(await answering(), account, days)


async def reconcile(client: Client, account: str | None = None, days: int | None = None) -> Tally:
    """The tally of a run by hand; of the one that is under way, if there is one. Needs a running worker."""
    running = client.execute_workflow(
        RECONCILIATION,
        Reconcile(account, days or RECONCILED_DAYS),
        result_type=Tally,
        id=reconciliation_workflow_id(account),
        task_queue=BILLING_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    return await asyncio.wait_for(running, _PATIENCE.total_seconds())


def status_of(tally: Tally) -> int:
    return BLIND if tally.failed else DIFFERS if tally.differing else AGREES


def as_text(tally: Tally) -> str:
    return (
        f"{tally.accounts} accounts compared, {tally.failed} of them in vain; {tally.events} events taken in that had "
        f"not come; {tally.differing} differences, {tally.opened} of them new; {tally.resolved} findings resolved"
    )


def _as_json(tally: Tally) -> dict[str, int | str]:
    names = ("accounts", "failed", "events", "differing", "opened", "resolved")
    return {"started_at": tally.started_at.isoformat(), **{name: getattr(tally, name) for name in names}}
