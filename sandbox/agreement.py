"""What the books say against what Stripe and the workflows say: the invariants that one side alone cannot see."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from temporalio.client import Client

from adapters.postgres import running
from adapters.postgres.compared import Compared
from adapters.postgres.inbox_checks import taken_in
from adapters.postgres.pool import snapshot
from adapters.postgres.running import Running
from sandbox.emulator import Emulator
from worker.agreement import NoAnswer, NotRunning, differences, status_of
from workflows.messages import StatusView

Json = dict[str, Any]
EVERYBODY = 10_000
"""More subscriptions than a sandbox ever runs."""

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Sides:
    """The three sides at rest. Invoices by Stripe's id; `running` are the books' word and the workflow's."""

    invoices: dict[str, asyncpg.Record]
    attempts: list[asyncpg.Record]
    at_stripe: dict[str, Json]
    charges: list[Json]
    running: list[tuple[Running, StatusView | NotRunning | NoAnswer]]
    events: Compared


async def compare(pool: asyncpg.Pool, emulator: Emulator, temporal: Client) -> list[Compared]:
    """Every comparison across the sides. All must be at rest."""
    sides = await _read(pool, emulator, temporal)
    return [*_charged_once(sides), *_amounts(sides), *_statuses(sides), *_workflows(sides), sides.events]


async def _read(pool: asyncpg.Pool, emulator: Emulator, temporal: Client) -> Sides:
    accounts = (await emulator.ask("books"))["accounts"]
    async with snapshot(pool) as books:
        invoices = await books.fetch("SELECT * FROM invoices WHERE provider_id IS NOT NULL")
        attempts = await books.fetch("SELECT * FROM payment_attempts")
        known = await running.page(books, "", EVERYBODY)
        events = await taken_in(books)
    return Sides(
        invoices={row["provider_id"]: row for row in invoices},
        attempts=attempts,
        at_stripe={invoice["id"]: invoice for account in accounts for invoice in account["invoices"]},
        charges=[charge for account in accounts for charge in account["charges"]],
        running=[(one, await status_of(temporal, one.state.id, ANSWER_SECONDS)) for one in known],
        events=events,
    )


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
    for charge in sides.charges:
        billed, fee = sides.invoices.get(charge["invoice"]), charge["application_fee_amount"] or 0
        if billed and fee != billed["application_fee"]:
            wrong.append(f"{charge['id']}: a fee of {fee} at Stripe, {billed['application_fee']} in the books")
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
    wrong = [f"{books.state.id}: {what}" for books, said in sides.running for what in _differences(books, said)]
    yield Compared("I9", f"{len(sides.running)} running workflows agree with the books", tuple(wrong))


def _differences(books: Running, said: StatusView | NotRunning | NoAnswer) -> Iterator[str]:
    match said:
        case NotRunning(why=why):
            yield f"its workflow {why}"
        case NoAnswer(why=why):
            yield f"its workflow does not answer: {why}"
        case StatusView(state=state):
            yield from differences(state, books)
            if state.attempt:
                yield f"an attempt on {state.attempt.invoice} is in flight"
