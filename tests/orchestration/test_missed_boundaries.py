"""A worker that was away for several boundaries catches up: one invoice per missed period, in order, each once."""

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from support.sights import Client
from support.stage import DAY, Stage

from adapters.postgres import outbox
from adapters.postgres.calls import Call
from adapters.postgres.pool import transaction
from adapters.postgres.projection import open_subscription
from adapters.postgres.usage import record_calls
from billing.periods import boundary
from billing.state import RULES, State, Status
from billing.subscription import opened
from billing.usage import Outcome
from workflows.messages import Start


async def test_three_missed_boundaries_are_billed_one_after_the_other(stage: Stage) -> None:
    known = await stage.subscribe()
    await stage.cancel(known, at="now")
    await stage.rest()
    anchor = stage.now() - 100 * DAY
    asleep = _asleep(await stage.state(known), anchor)

    client = await _wake(stage, known, asleep, call_at=boundary(anchor, "UTC", 1) + DAY)

    bills = await stage.bills(client)
    assert {short: (bill.status, bill.lines) for short, bill in bills.items()} == {
        "p1": ("paid", (("price", 4900),)),
        "p2": ("paid", (("price", 4900),)),
        "p3": ("paid", (("price", 4900), ("overage", 1400))),
        "p4": ("paid", (("price", 4900),)),
    }
    assert [(t.invoice, t.number, t.origin) for t in await stage.attempts(client)] == [
        (short, 1, "issue") for short in bills
    ]
    assert await stage.paid(client) == [4900, 4900, 4900, 6300, 4900], "the first of these was the known one's"
    periods = await stage.periods(client)
    assert [(p.start, p.end) for p in periods] == [
        (boundary(anchor, "UTC", n), boundary(anchor, "UTC", n + 1)) for n in range(4)
    ]
    state = await stage.state(client)
    assert (state.status, state.periods, state.to_issue, state.debt) == (Status.ACTIVE, 4, (), ())


async def test_with_a_card_that_fails_the_third_missed_boundary_pauses(stage: Stage) -> None:
    known = await stage.subscribe()
    await stage.cancel(known, at="now")
    await stage.behave(known, "insufficient_funds")
    await stage.rest()
    anchor = stage.now() - 100 * DAY

    client = await _wake(stage, known, _asleep(await stage.state(known), anchor))

    state = await stage.state(client)
    assert (state.status, state.paused_reason, state.period) == (Status.PAUSED, "unpaid", None)
    assert [invoice.id for invoice in state.debt] == [client.invoice(short) for short in ("p1", "p2", "p3")]
    assert [(t.invoice, t.origin) for t in await stage.attempts(client)] == [("p1", "issue")]


def _asleep(known: State, anchor: datetime) -> State:
    """The state of a subscription that began at `anchor`, and that no worker has looked after since."""
    return opened(
        id=f"{known.id}again",
        agency=known.agency,
        client=known.client,
        account=known.account,
        customer=known.customer,
        zone=known.zone,
        terms=known.terms,
        rules=RULES,
        at=anchor,
        starts_at=anchor,
        card=known.card,
        grace=timedelta(hours=1),
    )


async def _wake(stage: Stage, known: Client, state: State, call_at: datetime | None = None) -> Client:
    """Enter its rows, as they were written then, and let delivery start its workflow now."""
    pool, now = stage.sandbox.pool, stage.now()
    start = Start(
        subscription=state.id,
        agency=state.agency,
        client=state.client,
        account=state.account,
        customer=state.customer,
        zone=state.zone,
        terms=state.terms,
        rules=RULES,
        requested_at=now,
        starts_at=state.anchor,
        carried=state,
    )
    payload = TypeAdapter(Start).dump_python(start, mode="json")
    async with transaction(pool) as connection:
        await open_subscription(connection, state, {}, state.clock)
    if call_at:
        call = Call(f"{state.id}-call", state.client, call_at, 612 * 60, Outcome.COMPLETED)
        await record_calls(pool, state.agency, [call], call_at + DAY)
    async with transaction(pool) as connection:
        await outbox.add(connection, state.agency, outbox.START, outbox.start_key(state.id), payload, now)
    client = replace(known, subscription=state.id)
    await stage.rest()
    return client
