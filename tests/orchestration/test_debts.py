"""Several unpaid invoices: one debt, one ladder, the oldest first (billing-rules 6)."""

from support.sights import gaps, on_time
from support.stage import DAY, FAILS, GRACE, PAYS, Stage

from billing.state import Status
from workflows.subscription import PERIOD_END, STATUS


async def test_a_second_unpaid_invoice_joins_the_ladder_and_a_success_goes_on_to_it(stage: Stage) -> None:
    await stage.settings(dunning={"gaps_days": [20, 20]})
    client = await stage.subscribe(card=FAILS)

    # Between retry 1 and retry 2 the next period's invoice is issued: it gets no attempt of its own.
    await stage.to((await stage.periods(client))[0].end + GRACE)
    assert [(t.invoice, t.origin) for t in await stage.attempts(client)] == [("p1", "issue"), ("p1", "ladder")]
    state = await stage.state(client)
    assert [invoice.id for invoice in state.debt] == [client.invoice("p1"), client.invoice("p2")]
    assert state.ladder
    assert state.ladder.used == 1
    assert await stage.invoice_words(client) == {"p1": "failed", "p2": "failed"}

    await stage.behave(client, "pays")
    assert state.ladder.next_at
    await stage.to(state.ladder.next_at + DAY)

    tried = await stage.attempts(client)
    assert [(t.invoice, t.origin, t.result) for t in tried[2:]] == [("p1", "ladder", "paid"), ("p2", "ladder", "paid")]
    assert gaps([t.at for t in tried]) == [20 * DAY, 20 * DAY, 0 * DAY]
    state = await stage.state(client)
    assert (state.status, state.debt, state.ladder) == (Status.ACTIVE, (), None)


async def test_the_first_decline_ends_a_step_and_pay_now_begins_with_the_invoice_it_names(stage: Stage) -> None:
    await stage.settings(dunning={"gaps_days": [1]})
    client = await stage.subscribe(card=FAILS)
    await stage.to((await stage.periods(client))[0].end + GRACE)
    assert await stage.status(client) is Status.PAST_DUE

    await stage.retry(client)
    assert [t.invoice for t in await stage.attempts(client)] == ["p1", "p1", "p1"]

    assert (await stage.pay_now(client, "p2"))["status"] == "failed"
    assert [t.invoice for t in await stage.attempts(client)][3:] == ["p2"]

    await stage.behave(client, "pays")
    assert (await stage.pay_now(client, "p2"))["status"] == "paid"
    await stage.rest()
    assert [(t.invoice, t.number, t.result) for t in await stage.attempts(client)][4:] == [
        ("p2", 2, "paid"),
        ("p1", 4, "paid"),
    ]
    assert await stage.status(client) is Status.ACTIVE


async def test_three_unpaid_periods_pause_and_paying_all_of_them_resumes_with_a_new_anchor(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.advance(days=1)
    await stage.call(client, minutes=612)

    # The third boundary finds three period invoices open.
    for _ in range(3):
        await stage.to((await stage.periods(client))[-1].end + GRACE)

    state = await stage.state(client)
    assert (state.status, state.paused_reason, state.period) == (Status.PAUSED, "unpaid", None)
    bills = await stage.bills(client)
    assert {short: (bill.status, bill.total) for short, bill in bills.items()} == {
        "p1": ("open", 4900),
        "p2": ("open", 6300),
        "p3": ("open", 4900),
        "f3": ("paid", 0),
    }
    banner = await stage.banner(client)
    assert banner
    assert (banner["kind"], banner["amount_due"]["amount"], banner["open_invoices"]) == ("paused", 16100, 3)
    assert (await stage.told(client))["paused"] == 1
    assert len(await stage.attempts(client)) == 4

    described = await stage.workflow(client).describe()
    found_by = described.typed_search_attributes
    assert (found_by.get(STATUS), found_by.get(PERIOD_END)) == ("paused", None)

    # While it is paused nothing is billed; paying the whole debt resumes it.
    await stage.advance(days=40)
    assert list(await stage.bills(client)) == list(bills)
    await stage.type_card(client, PAYS)
    state = await stage.state(client)
    assert (state.status, state.debt) == (Status.ACTIVE, ())
    assert state.period
    assert (state.period.number, state.period.start) == (4, state.anchor)
    assert on_time(stage.now(), state.period.start)
    assert await stage.paid(client) == [4900, 6300, 4900, 4900]
