"""What is stuck: what the rules, the queues and the retries do not bring forward by themselves any more.

What waits as it should is not: a ladder between its dates or at its end, an invoice without a card, a message that
nobody has read. Each is the agency's or the client's to see to, and they were told. Of what waits for an agency that
does not answer, as a review or a webhook endpoint that is gone, the doctor makes a note.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import Clock
from adapters.postgres import stuck
from adapters.postgres.parkings import TOLD_ONCE_IN
from adapters.postgres.pool import Connection, Pool, snapshot
from adapters.postgres.stuck import Found
from worker.doctor.findings import Finding, Page, Section, Verdict
from workflows.messages import CUSTOM_INVOICE, SUBSCRIPTION, subscription_workflow_id

LATE: Final = timedelta(minutes=15)
"""What is carried within a second, and was not after so long, is stuck."""
UNREAD: Final = timedelta(minutes=45)
"""A reading that failed is repeated after half an hour at most."""
IN_FLIGHT: Final = timedelta(hours=1)
"""Cards are settled in seconds; after ten minutes an answer that was lost is read."""
FAILURES: Final = 5
"""1, 2, 4 and 8 minutes of pauses: a quarter of an hour."""
UNDECIDED: Final = timedelta(days=3)
"""The agency is told of a review again after one day, and after three."""
MAIL_TRIES: Final = 4
"""More than half an hour: a mail server that wants to be asked again has taken it by then."""
ENDPOINT_TRIES: Final = 5
"""Two and a half hours."""
STARTED_WITHIN: Final = timedelta(minutes=5)
MOST_LISTED: Final = 50_000
_MOST_DESCRIBED: Final = 100
_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Trouble:
    """A way to be stuck. `told` goes on after the number: "2 invoices are parked"."""

    name: str
    one: str
    many: str
    do: str
    see: Page
    verdict: Verdict = Verdict.WRONG


_Ask = Callable[[Connection, datetime], Awaitable[Found]]
_TROUBLES: Final[Sequence[tuple[Trouble, _Ask]]] = (
    (
        Trouble(
            "parked",
            "invoice is parked and waits for a person",
            "invoices are parked and wait for a person",
            "Read the cause, and put right what it names; then the agency retries the invoice or voids it.",
            Page.PARKED_INVOICES,
        ),
        lambda books, _: stuck.parked(books),
    ),
    (
        Trouble(
            "parking_stopped",
            "cause has parked so many invoices at once that no more are parked for it",
            "causes have parked so many invoices at once that no more are parked for them",
            "The fault is ours, not theirs. Find what the cause names, and put it right: the steps are repeated.",
            Page.PARKING_HAS_STOPPED,
        ),
        lambda books, now: stuck.parking_stopped(books, now - TOLD_ONCE_IN),
    ),
    (
        Trouble(
            "accounts",
            "connected account cannot charge, and has subscriptions",
            "connected accounts cannot charge, and have subscriptions",
            "The agency completes what Stripe asks of it, or connects again. Nothing is charged until then, or lost.",
            Page.AN_ACCOUNT_CANNOT_CHARGE,
        ),
        lambda books, _: stuck.unhealthy_accounts(books),
    ),
    (
        Trouble(
            "undelivered",
            "event of Stripe's is stored and brought to nobody",
            "events of Stripe's are stored and brought to nobody",
            "See that a worker runs and Temporal answers. If they do, the worker's log names the row and what fails.",
            Page.EVENTS_ARE_NOT_DELIVERED,
        ),
        lambda books, now: stuck.undelivered(books, now - LATE),
    ),
    (
        Trouble(
            "unread",
            "event was brought to a subscription and is not read",
            "events were brought to their subscriptions and are not read",
            "Look at the subscription's workflow: its reading fails (Stripe is away), or it does not run.",
            Page.EVENTS_ARE_NOT_READ,
        ),
        lambda books, now: stuck.unread(books, now - UNREAD),
    ),
    (
        Trouble(
            "outbox",
            "row of the outbox is overdue or has failed",
            "rows of the outbox are overdue or have failed",
            "See that a worker runs and Temporal answers: then it is carried by itself. If not, its error says why.",
            Page.STARTS_ARE_NOT_CARRIED,
        ),
        lambda books, now: stuck.uncarried(books, now - LATE),
    ),
    (
        Trouble(
            "attempts",
            "payment attempt has had no outcome for an hour",
            "payment attempts have had no outcome for an hour",
            "Look the payment up at Stripe, by the invoice. Enter no outcome by hand: the workflow reads it there.",
            Page.AN_ATTEMPT_IS_IN_FLIGHT,
        ),
        lambda books, now: stuck.in_flight(books, now - IN_FLIGHT),
    ),
    (
        Trouble(
            "overdue",
            "subscription is behind its next date",
            "subscriptions are behind their next dates",
            "See that a worker runs on both queues. If it does, look at the workflow in Temporal for a failing task.",
            Page.SUBSCRIPTIONS_ARE_OVERDUE,
        ),
        lambda books, now: stuck.overdue(books, now - LATE),
    ),
    (
        Trouble(
            "failing",
            "step keeps failing",
            "steps keep failing",
            "Put right what the error names. The step is repeated every half hour; nothing need be started again.",
            Page.A_STEP_KEEPS_FAILING,
        ),
        lambda books, _: stuck.failing(books, FAILURES),
    ),
    (
        Trouble(
            "messages",
            "message is overdue, or taken by no mail server",
            "messages are overdue, or taken by no mail server",
            "See that a worker runs. If it does, the mail server's answer says why: put right what SMTP_* name.",
            Page.MESSAGES_ARE_NOT_DELIVERED,
        ),
        lambda books, _: stuck.untold(books, LATE, MAIL_TRIES),
    ),
    (
        Trouble(
            "endpoints",
            "webhook endpoint of an agency's takes nothing",
            "webhook endpoints of agencies take nothing",
            "The agency was told, or will be: it mends its endpoint, and has the deliveries sent again.",
            Page.MESSAGES_ARE_NOT_DELIVERED,
            Verdict.NOTE,
        ),
        lambda books, _: stuck.deaf_endpoints(books, ENDPOINT_TRIES),
    ),
    (
        Trouble(
            "reviews",
            "invoice is held for review, and the agency has not decided for days",
            "invoices are held for review, and their agencies have not decided for days",
            "The agency was told, and told again. Ask it: nothing is charged until it approves or rejects.",
            Page.PARKED_INVOICES,
            Verdict.NOTE,
        ),
        lambda books, now: stuck.undecided(books, now - UNDECIDED),
    ),
)
_NOT_RUNNING: Final = Trouble(
    "workflows",
    "subscription runs in the books, and no workflow does it",
    "subscriptions run in the books, and no workflow does them",
    "Find out who ended it before anything is started again: reset it to where it was well.",
    Page.A_WORKFLOW_IS_NOT_RUNNING,
)


async def in_the_books(pool: Pool, clock: Clock) -> Sequence[Finding]:
    """Every trouble that the books show, all of one instant."""
    now = clock.now()
    async with snapshot(pool) as books:
        return [_finding(trouble, await ask(books, now)) for trouble, ask in _TROUBLES]


async def not_running(pool: Pool, client: Client, clock: Clock) -> Sequence[Finding]:
    """Subscriptions whose workflow is not there. Temporal's list is a little behind, so who is missing is described."""
    async with pool.acquire() as books:
        wanted = await stuck.should_run(books, clock.now() - STARTED_WITHIN, MOST_LISTED + 1)
    if len(wanted) > MOST_LISTED:
        told = f"more than {MOST_LISTED} run: not compared here. python -m worker check asks each of them"
        return [Finding(Section.STUCK, _NOT_RUNNING.name, Verdict.NOTE, told, see=_NOT_RUNNING.see)]
    query = f'WorkflowType IN ("{SUBSCRIPTION}", "{CUSTOM_INVOICE}") AND ExecutionStatus = "Running"'
    running = {listed.id async for listed in client.list_workflows(query)} if wanted else set()
    missing = [one for one in wanted if subscription_workflow_id(one) not in running][:_MOST_DESCRIBED]
    gone = [one for one, runs in zip(missing, await _run(client, missing), strict=True) if not runs]
    async with pool.acquire() as books:
        return [_finding(_NOT_RUNNING, await stuck.still_unfinished(books, gone))]


async def _run(client: Client, subscriptions: Sequence[str]) -> list[bool]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(subscription: str) -> bool:
        async with gate:
            try:
                described = await client.get_workflow_handle(subscription_workflow_id(subscription)).describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return described.status is WorkflowExecutionStatus.RUNNING

    return await asyncio.gather(*map(one, subscriptions))


def _finding(trouble: Trouble, found: Found) -> Finding:
    if not found.count:
        return Finding(Section.STUCK, trouble.name, Verdict.OK, "none", see=trouble.see)
    told = f"{found.count} {trouble.one if found.count == 1 else trouble.many}"
    return Finding(
        Section.STUCK,
        trouble.name,
        trouble.verdict,
        told,
        trouble.do,
        trouble.see,
        found.count,
        found.which,
        found.since,
    )
