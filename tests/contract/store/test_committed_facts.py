"""What is told of the business is what the books have committed, and each fact once."""

from collections.abc import Sequence

import pytest
from support.house import CARD, DAY, HOUR, START, House

from adapters.postgres.ledger import PostgresStore
from adapters.postgres.projection import Written
from adapters.telemetry.facts import count_facts
from adapters.telemetry.metrics import REGISTRY
from billing.declines import Decline
from billing.facts import PaymentSucceeded, PeriodClosed, StepFailed
from billing.state import State

DRY = Decline(code="card_declined", decline_code="insufficient_funds")


class Heard:
    """Hears what a house's store tells."""

    def __init__(self, house: House) -> None:
        self.written: list[Written] = []
        house.store = PostgresStore(house.pool, self._hear)

    def _hear(self, written: Sequence[Written]) -> None:
        self.written += written

    def facts(self) -> list[str]:
        """By kind, since they were last asked for."""
        kinds = [one.fact.kind for one in self.written]
        self.written.clear()
        return kinds


async def _declined(house: House) -> State:
    state = await house.issue(await house.subscribed("anna", card=CARD), START)
    return await house.charge(state, START, DRY)


async def test_a_fact_is_told_once_however_often_it_is_written(house: House) -> None:
    heard = Heard(house)
    state = await house.issue(await house.subscribed("anna"), START)
    assert heard.facts() == ["InvoiceIssued"]
    closed = PeriodClosed(START + DAY, 1, START + DAY, 0, 0)
    known = await house.record(state, closed)
    assert heard.facts() == ["PeriodClosed"]
    await house.record(known, PeriodClosed(START + 2 * DAY, 1, START + DAY, 0, 0))
    await house.record(known, StepFailed(START + DAY, "issue:1", "Stripe does not answer"))
    assert heard.facts() == []


async def test_what_is_taken_back_was_never_told(house: House) -> None:
    heard = Heard(house)
    state = await house.subscribed("anna")
    closed = PeriodClosed(START + DAY, 1, START + DAY, 0, 0)

    async def die_before_the_commit() -> None:
        async with house.store.transaction() as books:
            await books.record(state, [closed])
            raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError):
        await die_before_the_commit()
    assert heard.facts() == []
    await house.record(state, closed)
    assert heard.facts() == ["PeriodClosed"]


async def test_a_payment_recovers_when_it_ends_a_debt_of_which_an_attempt_had_failed(house: House) -> None:
    heard = Heard(house)
    state = await _declined(house)
    assert heard.facts() == ["InvoiceIssued", "PaymentDeclined"]
    paid = PaymentSucceeded(START + 3 * DAY, state.debt[0].id, 2)
    await house.record(state, paid)
    [recovery] = heard.written
    assert recovery == Written(paid, recovered=True)
    await house.record(state, paid)
    assert heard.written == [recovery]

    heard.written.clear()
    smooth = await house.issue(await house.subscribed("berta", card=CARD), START)
    await house.charge(smooth, START + HOUR)
    assert [one.recovered for one in heard.written] == [False, False]


async def test_each_is_one_figure(house: House) -> None:
    names = (
        'payment_attempts_total{result="paid"}',
        'payment_attempts_total{result="declined"}',
        'payment_declines_total{class="soft"}',
        "recoveries_total",
        "periods_closed_total",
        "invoices_issued_total",
    )
    before = [_figure(name) for name in names]
    house.store = PostgresStore(house.pool, count_facts)
    state = await _declined(house)
    state = await house.record(state, PaymentSucceeded(START + 3 * DAY, state.debt[0].id, 2))
    await house.close(state, START + 40 * DAY)
    assert [_figure(name) - was for name, was in zip(names, before, strict=True)] == [1, 1, 1, 1, 1, 1]


def _figure(name: str) -> float:
    """A sample of ours, as it is written in a query."""
    family, _, labels = name.removesuffix("}").partition("{")
    label, _, value = labels.partition("=")
    found = REGISTRY.get_sample_value(f"retainer_{family}", {label: value.strip('"')} if label else {})
    return found or 0.0
