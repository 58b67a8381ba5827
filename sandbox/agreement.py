"""What the books say against what Stripe and the workflows say: the invariants that one side alone cannot see."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from temporalio.client import Client

from adapters.postgres.codec import decode_state
from adapters.postgres.compared import Compared
from billing.state import State
from sandbox.emulator import Emulator
from workflows.messages import StatusView, subscription_workflow_id

Json = dict[str, Any]
QUERY_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True)
class Sides:
    """The three sides at rest. Invoices by Stripe's id; workflows by subscription."""

    invoices: dict[str, asyncpg.Record]
    attempts: list[asyncpg.Record]
    states: dict[str, State]
    at_stripe: dict[str, Json]
    charges: list[Json]
    workflows: dict[str, State]


async def compare(pool: asyncpg.Pool, emulator: Emulator, temporal: Client) -> list[Compared]:
    """Every comparison across the sides. All must be at rest."""
    sides = await _read(pool, emulator, temporal)
    return [*_charged_once(sides), *_amounts(sides), *_statuses(sides), *_workflows(sides), await _events(pool)]


async def _read(pool: asyncpg.Pool, emulator: Emulator, temporal: Client) -> Sides:
    accounts = (await emulator.ask("books"))["accounts"]
    invoices = await pool.fetch("SELECT * FROM invoices WHERE provider_id IS NOT NULL")
    rows = await pool.fetch("SELECT id, state, finished FROM subscriptions")
    running = [row["id"] for row in rows if not row["finished"]]
    return Sides(
        invoices={row["provider_id"]: row for row in invoices},
        attempts=await pool.fetch("SELECT * FROM payment_attempts"),
        states={row["id"]: decode_state(row["state"]) for row in rows},
        at_stripe={invoice["id"]: invoice for account in accounts for invoice in account["invoices"]},
        charges=[charge for account in accounts for charge in account["charges"]],
        workflows={id: await _state_of(temporal, id) for id in running},
    )


async def _state_of(temporal: Client, subscription: str) -> State:
    handle: Any = temporal.get_workflow_handle(subscription_workflow_id(subscription))
    view: StatusView = await handle.query("status", result_type=StatusView, rpc_timeout=QUERY_TIMEOUT)
    return view.state


def _charged_once(sides: Sides) -> Iterator[Compared]:
    succeeded = [charge for charge in sides.charges if charge["status"] == "succeeded"]
    per_invoice = Counter(charge["invoice"] for charge in succeeded)
    wrong = [f"{invoice}: {times} successful charges" for invoice, times in per_invoice.items() if times > 1]
    wrong += [
        f"{invoice['id']}: {invoice['amount_paid']} paid of {invoice['amount_due']} due"
        for invoice in sides.at_stripe.values()
        if invoice["amount_paid"] > invoice["amount_due"]
    ]
    yield Compared("I1", f"{len(succeeded)} successful charges at Stripe on {len(per_invoice)} invoices", tuple(wrong))


def _amounts(sides: Sides) -> Iterator[Compared]:
    wrong = []
    for provider_id, invoice in sides.invoices.items():
        there = sides.at_stripe.get(provider_id)
        if there is None:
            wrong.append(f"{provider_id} of {invoice['id']} is not at Stripe")
        elif there["status"] != "draft" and there["subtotal"] != invoice["total"]:
            wrong.append(f"{provider_id}: {there['subtotal']} at Stripe, {invoice['total']} in our lines")
        elif there["status"] == "paid" and there["amount_paid"] not in (there["amount_due"], 0):
            wrong.append(f"{provider_id}: {there['amount_paid']} paid of {there['amount_due']}")
    unknown = sides.at_stripe.keys() - sides.invoices.keys()
    wrong += [f"{provider_id} at Stripe is in no book of ours" for provider_id in sorted(unknown)]
    yield Compared("I2", f"{len(sides.invoices)} invoices equal at Stripe", tuple(wrong))


def _statuses(sides: Sides) -> Iterator[Compared]:
    wrong = [
        f"{provider_id}: {invoice['status']} in the books, {there['status']} at Stripe"
        for provider_id, invoice in sides.invoices.items()
        if (there := sides.at_stripe.get(provider_id)) and there["status"] != invoice["status"]
    ]
    outcomes = {charge["id"]: charge["status"] for charge in sides.charges}
    settled = [attempt for attempt in sides.attempts if attempt["charge_id"]]
    for attempt in settled:
        expected = "succeeded" if attempt["result"] == "paid" else "failed"
        if outcomes.get(attempt["charge_id"]) != expected:
            wrong.append(f"attempt {attempt['number']} on {attempt['invoice_id']} is {attempt['result']} in the books")
    ours = {attempt["charge_id"] for attempt in settled}
    for charge in sides.charges:
        if charge["idempotency_key"] and charge["invoice"] in sides.invoices and charge["id"] not in ours:
            wrong.append(f"{charge['id']} was made with our key and is no attempt of ours")
    yield Compared("I9", f"{len(sides.invoices)} invoices and {len(settled)} attempts agree with Stripe", tuple(wrong))


def _workflows(sides: Sides) -> Iterator[Compared]:
    wrong = [
        f"{id}: {what}"
        for id, state in sides.workflows.items()
        for what in _differences(state, sides.states[id], sides)
    ]
    yield Compared("I9", f"{len(sides.workflows)} running workflows agree with the books", tuple(wrong))


def _differences(workflow: State, books: State, sides: Sides) -> Iterable[str]:
    if workflow.status is not books.status:
        yield f"{workflow.status} in the workflow, {books.status} in the books"
    if workflow.period != books.period:
        yield f"period {workflow.period} in the workflow, {books.period} in the books"
    owed = {invoice.id for invoice in workflow.debt}
    open_ones = {
        invoice["id"]
        for invoice in sides.invoices.values()
        if invoice["subscription_id"] == workflow.id and invoice["status"] == "open"
    }
    if owed != open_ones:
        yield f"owes {sorted(owed)} in the workflow, {sorted(open_ones)} are open in the books"
    if workflow.attempt:
        yield f"an attempt on {workflow.attempt.invoice} is in flight"


async def _events(pool: asyncpg.Pool) -> Compared:
    events = await pool.fetchval("SELECT count(*) FROM inbox")
    waiting = await pool.fetch("SELECT event_id, type FROM inbox WHERE delivered_at IS NULL")
    wrong = tuple(f"{row['type']} {row['event_id']} has not taken effect" for row in waiting)
    return Compared("I10", f"{events} events accepted, each taken in once", wrong)
