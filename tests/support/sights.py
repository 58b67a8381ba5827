"""What tests look at on the running sandbox: workflow states, rows in Postgres, Stripe's books, what people see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from temporalio.client import WorkflowHandle

from adapters.postgres.projection import load
from billing.state import State, Status
from sandbox.caller import Caller
from sandbox.stack import Sandbox
from workflows.messages import Schedule, StatusView, subscription_workflow_id
from workflows.subscription import SubscriptionWorkflow

Json = dict[str, Any]
LATE = timedelta(seconds=30)
"""How late something may be on a busy machine: also what the time machine had to move once more, after ten seconds.
Nothing may ever be early."""


@dataclass(frozen=True)
class Client:
    """A client of the stage's agency, with its own way into the portal."""

    id: str
    portal: Caller
    subscription: str = ""

    @property
    def path(self) -> str:
        return f"/v1/agency/clients/{self.id}/subscription"

    def invoice(self, short: str) -> str:
        """ "p2" is the invoice that opens period 2, "f2" the final one that closes it."""
        return f"inv_{self.subscription.removeprefix('sub_')}_{short}"


@dataclass(frozen=True)
class Tried:
    """One row of `payment_attempts`. `invoice` is short: "p2"."""

    invoice: str
    number: int
    at: datetime
    origin: str
    result: str | None
    last4: str


@dataclass(frozen=True)
class Bill:
    """One row of `invoices`; `lines` are (kind, amount)."""

    status: str
    total: int
    failed: bool
    at_stripe: bool
    issued_at: datetime | None
    lines: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Billed:
    """One row of `periods`: [start, end), closed when `seconds` are known."""

    start: datetime
    end: datetime
    seconds: int | None
    overage: int | None


@dataclass
class Sights:
    """Looks only; `support.stage.Stage` acts."""

    sandbox: Sandbox
    control: Caller
    agency_id: str
    agency: Caller
    service: Caller

    async def shown(self, client: Client) -> Json:
        """The subscription as the agency sees it."""
        said: Json = await self.agency.get(client.path)
        return said

    async def banner(self, client: Client) -> Json | None:
        said: Json = await client.portal.get("/v1/portal/billing")
        found: Json | None = said["banner"]
        return found

    def workflow(self, client: Client, run: str | None = None) -> WorkflowHandle[SubscriptionWorkflow, Any]:
        """The client's workflow: its newest run, or the one that is named."""
        return self.sandbox.temporal.get_workflow_handle(subscription_workflow_id(client.subscription), run_id=run)

    async def view(self, client: Client) -> StatusView:
        view: StatusView = await self.workflow(client).query(SubscriptionWorkflow.status)
        return view

    async def schedule(self, client: Client) -> Schedule:
        schedule: Schedule = await self.workflow(client).query(SubscriptionWorkflow.schedule)
        return schedule

    async def state(self, client: Client) -> State:
        """The workflow's own; also of one that has ended."""
        return (await self.view(client)).state

    async def books(self, client: Client) -> State:
        """The state as the books have it."""
        async with self.sandbox.pool.acquire() as connection:
            return await load(connection, client.subscription)

    async def status(self, client: Client) -> Status:
        return (await self.state(client)).status

    async def finished(self, client: Client) -> bool:
        """Whether the workflow has come to its end."""
        description = await self.workflow(client).describe()
        return description.status is not None and description.status.name == "COMPLETED"

    async def attempts(self, client: Client) -> list[Tried]:
        rows = await self.sandbox.pool.fetch(
            """
            SELECT invoice_id, number, attempted_at, origin, result, card->>'last4' FROM payment_attempts
            WHERE subscription_id = $1 ORDER BY attempted_at, first_sent_at
            """,
            client.subscription,
        )
        return [Tried(_short(row[0]), *row[1:]) for row in map(tuple, rows)]

    async def skipped(self, client: Client) -> list[tuple[datetime, str]]:
        """The steps that were used up without an attempt: when, and why."""
        rows = await self.sandbox.pool.fetch(
            "SELECT at, why FROM skipped_attempts WHERE subscription_id = $1 ORDER BY at", client.subscription
        )
        return [tuple(row) for row in rows]

    async def bills(self, client: Client) -> dict[str, Bill]:
        """The subscription's invoices in the order of their making, by their short names."""
        rows = await self.sandbox.pool.fetch(
            """
            SELECT i.id, i.status, i.total, i.failed, i.provider_id IS NOT NULL, i.issued_at,
                   array_agg(l.kind ORDER BY l.position), array_agg(l.amount ORDER BY l.position)
            FROM invoices i LEFT JOIN invoice_lines l ON l.invoice_id = i.id
            WHERE i.subscription_id = $1 GROUP BY i.id ORDER BY i.created_at, i.id
            """,
            client.subscription,
        )
        return {
            _short(id): Bill(*values, tuple(zip(kinds, amounts, strict=True)) if kinds[0] else ())
            for id, *values, kinds, amounts in rows
        }

    async def periods(self, client: Client) -> list[Billed]:
        rows = await self.sandbox.pool.fetch(
            "SELECT starts_at, ends_at, CASE WHEN status = 'closed' THEN seconds END, overage FROM periods "
            "WHERE subscription_id = $1 ORDER BY number",
            client.subscription,
        )
        return [Billed(*row) for row in rows]

    async def statuses(self, client: Client) -> dict[str, str]:
        return {short: bill.status for short, bill in (await self.bills(client)).items()}

    async def invoice_words(self, client: Client) -> dict[str, str]:
        """The portal's word for each invoice that the client was sent, oldest first."""
        said = await client.portal.get("/v1/portal/billing/invoices")
        return {_short(invoice["id"]): invoice["status"] for invoice in reversed(said["data"])}

    async def charges(self, client: Client) -> list[Json]:
        """What Stripe's own books hold of the client's, oldest first."""
        customer = await self.customer(client)
        accounts = (await self.control.get("/books"))["accounts"]
        return [c for account in accounts for c in account["charges"] if c["customer"] == customer]

    async def paid(self, client: Client) -> list[int]:
        """The amounts that were charged successfully."""
        return [charge["amount"] for charge in await self.charges(client) if charge["status"] == "succeeded"]

    async def timeline(self, client: Client) -> list[str]:
        """What happened to the client, in the order in which it became known."""
        return [entry["what"] for entry in (await self.control.get("/timeline", client_id=client.id))["data"]]

    async def unbilled(self, call_id: str) -> str | None:
        """Why the call is not billed; none when it is."""
        reason: str | None = await self.sandbox.pool.fetchval(
            "SELECT unbilled FROM calls WHERE agency_id = $1 AND call_id = $2", self.agency_id, call_id
        )
        return reason

    async def told(self, client: Client, audience: str = "agency") -> dict[str, int]:
        """The messages about the client that people read: how many of each kind."""
        rows = await self.sandbox.pool.fetch(
            "SELECT kind, count(*) FROM notifications WHERE client_id = $1 AND audience = $2 "
            "AND (in_app OR audience = 'client') GROUP BY kind",
            client.id,
            audience,
        )
        return {row["kind"]: row["count"] for row in rows}

    async def told_agency(self) -> list[str]:
        """The kinds of the messages that are about no client, the first one first."""
        said = await self.agency.get("/v1/agency/notifications", limit=100)
        return [one["kind"] for one in reversed(said["data"]) if one["client_id"] is None]

    async def at_stripe(self, client: Client, short: str) -> str:
        """Stripe's id of the invoice."""
        provider: str = await self.sandbox.pool.fetchval(
            "SELECT provider_id FROM invoices WHERE id = $1", client.invoice(short)
        )
        return provider

    async def customer(self, client: Client) -> str:
        customer: str = await self.sandbox.pool.fetchval(
            "SELECT customer_id FROM customers WHERE client_id = $1", client.id
        )
        return customer


def on_time(happened: datetime | None, due: datetime) -> bool:
    """At that time to the second: never before, and no more than a moment after."""
    return happened is not None and timedelta() <= happened - due < LATE


def gaps(instants: Sequence[datetime]) -> list[timedelta]:
    """What lies between one and the next, with the moments dropped by which something may be late."""
    between = [after - before for before, after in pairwise(instants)]
    return [gap - gap % LATE for gap in between]


def _short(invoice: str) -> str:
    return invoice.rpartition("_")[2]
