"""A renewal within reach: the first period is free and nearly over, so that the first invoice is that of a boundary."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from billing.periods import START_BACK, boundary
from support.stage import DAY, GRACE, HOUR, PAYS, Client, Stage
from workflows.messages import subscription_workflow_id

MINUTES_USED: Final = 600
AMOUNT: Final = 4900 + 1250
"""The usual plan's price, and 100 minutes of overage at 12.5 cents."""
AHEAD: Final = HOUR
POINTS: Final = (
    "close_period before 1 commit",
    "close_period after 1 commit",
    "issue_invoice before 1 commit",
    "issue_invoice before 2 create",
    "issue_invoice before 3 lines",
    "issue_invoice before 4 read",
    "issue_invoice before 5 finalize",
    "issue_invoice before 6 commit",
    "issue_invoice after 6 commit",
    "charge_invoice before 1 commit",
    "charge_invoice before 2 attempt",
    "charge_invoice before 3 commit",
    "charge_invoice after 3 commit",
)
"""What a renewal comes by when nothing is in its way, each where `support.dying_worker` can stop it."""


@dataclass(frozen=True)
class Renewal:
    """A client and the boundary that it comes to; an hour later the period closes, is billed and charged."""

    client: Client
    boundary: datetime

    @property
    def workflow(self) -> str:
        return subscription_workflow_id(self.client.subscription)

    @property
    def settled(self) -> datetime:
        """Also when steps failed and were tried again after their pauses."""
        return self.boundary + GRACE + HOUR


async def about_to_renew(stage: Stage, *, later: timedelta = timedelta(), card: str = PAYS) -> Renewal:
    """A new client, so and so much `later` than others that are made with it."""
    start = _start(stage.now() + later)
    client = await stage.assign(await stage.client(), starts_at=start, first_period="free")
    await stage.type_card(client, card)
    await stage.call(client, MINUTES_USED, at=start + HOUR)
    return Renewal(client, boundary(start, "UTC", 1))


def _start(now: datetime) -> datetime:
    """As long ago as may be, with the first boundary still ahead: months differ, by up to three days."""
    starts = (now + AHEAD - START_BACK + days * DAY for days in range(4))
    return next(start for start in starts if boundary(start, "UTC", 1) >= now + AHEAD)


async def assert_renewed_once(stage: Stage, renewal: Renewal) -> None:
    """The period was billed by one invoice, in full, and that was paid by one charge."""
    bills = await stage.bills(renewal.client)
    assert {short: (bill.status, bill.total) for short, bill in bills.items()} == {
        "p1": ("paid", 0),
        "p2": ("paid", AMOUNT),
    }
    charges = await stage.charges(renewal.client)
    assert [(charge["status"], charge["amount"]) for charge in charges] == [("succeeded", AMOUNT)]
