"""Parking an invoice for a person, until too many of one cause are, and telling the agency again (billing-rules 9)."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.messages import REPEAT_PARKING, Outcome, Work
from activities.ports import Ledger, Store
from activities.troubles import expect
from billing.facts import InvoiceParked, ParkingRepeated
from billing.steps import RepeatParking

log = logging.getLogger(__name__)


@asynccontextmanager
async def park(store: Store, parked: InvoiceParked) -> AsyncIterator[Ledger]:
    """The books to write a parking to, in whose transaction it is counted.

    Raises ApplicationError when too many invoices were parked for this cause of late: then the fault is ours, and not
    theirs. The step is repeated on its backoff, and nothing was written but that parking stopped.
    """
    async with store.transaction() as books:
        allowed = await books.may_park(parked.invoice, parked.trouble, parked.at)
        if allowed == "yes":
            yield books
            return
    if allowed == "no_more":
        log.error("parking has stopped: too many invoices for one cause", extra={"trouble": parked.trouble.value})
    raise ApplicationError(
        f"{parked.cause}; not parked, too many were for this cause", type="ParkingStopped", non_retryable=True
    )


class Parking:
    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn(name=REPEAT_PARKING)
    async def repeat_parking(self, work: Work) -> Outcome:
        """The invoice still waits: the agency is told once more."""
        state, step = work.state, expect(work.step, RepeatParking)
        facts = (ParkingRepeated(step.at, step.invoice, step.since, step.number),)
        async with self._store.transaction() as books:
            recorded = await books.record(state, facts)
        return Outcome(facts, recorded.version)
