"""Trouble on purpose: what was done, what was not, and what the client sees of it."""

import asyncio
import time
from typing import Any

import pytest
import stripe
from support.servers import Eventually

from tests.contract.emulator.shop import Shop


async def _plan(shop: Shop, fault: str, call: str = "customers.create", **more: Any) -> None:
    await shop.control("faults", {"call": call, "fault": fault, **more})


async def _names(shop: Shop) -> list[str]:
    return [customer.name for customer in (await shop.api.customers.list_async({}, shop.options())).data]


async def _create(shop: Shop, key: str = "k1") -> Any:
    return await shop.api.customers.create_async({"name": "Ann"}, shop.options(key))


async def test_a_dropped_answer_was_performed(troubled: Shop) -> None:
    await _plan(troubled, "drop_answer")
    with pytest.raises(stripe.APIConnectionError):
        await _create(troubled)
    assert await _names(troubled) == ["Ann"]
    assert (await _create(troubled)).last_response.headers["Idempotent-Replayed"] == "true"
    assert await _names(troubled) == ["Ann"]


async def test_a_refused_connection_was_not_performed(troubled: Shop) -> None:
    await _plan(troubled, "refuse")
    with pytest.raises(stripe.APIConnectionError):
        await _create(troubled)
    assert await _names(troubled) == []
    assert (await _create(troubled)).name == "Ann"


async def test_an_error_500_was_not_performed(troubled: Shop) -> None:
    await _plan(troubled, "error_500")
    with pytest.raises(stripe.APIError) as failure:
        await _create(troubled)
    assert (failure.value.http_status, failure.value.error.type) == (500, "api_error")
    assert await _names(troubled) == []


@pytest.mark.parametrize(("fault", "done_meanwhile"), [("delay", True), ("delay_before", False)])
async def test_a_delay_is_before_or_after_the_work(
    troubled: Shop, eventually: Eventually, fault: str, done_meanwhile: bool
) -> None:
    await _plan(troubled, fault, seconds=0.6)
    started = time.monotonic()
    slow = asyncio.create_task(_create(troubled))
    await eventually(lambda: _in_flight(troubled))
    assert (await _names(troubled) == ["Ann"]) is done_meanwhile
    assert (await slow).name == "Ann"
    assert time.monotonic() - started >= 0.6
    assert not await _in_flight(troubled)


@pytest.mark.parametrize("fault", ["delay", "delay_before"])
async def test_what_is_held_back_goes_on_when_the_faults_are_deleted(
    troubled: Shop, eventually: Eventually, fault: str
) -> None:
    await _plan(troubled, fault, seconds=600)
    held = asyncio.create_task(_create(troubled))
    await eventually(lambda: _in_flight(troubled))
    await troubled.http.delete(f"{troubled.url}/_emulator/faults")
    assert (await held).name == "Ann"


async def _in_flight(shop: Shop) -> int:
    pending = (await shop.http.get(f"{shop.url}/_emulator/pending")).json()
    return int(pending["requests_in_flight"])


async def test_a_fault_happens_as_often_as_planned_to_its_call_only(troubled: Shop) -> None:
    await _plan(troubled, "refuse", times=2)
    assert await _names(troubled) == []
    for _ in range(2):
        with pytest.raises(stripe.APIConnectionError):
            await _create(troubled)
    assert (await _create(troubled)).name == "Ann"


async def test_a_fault_of_every_call_lasts_until_it_is_deleted(troubled: Shop) -> None:
    await _plan(troubled, "error_500", call="*", times=None)
    for _ in range(3):
        with pytest.raises(stripe.APIError):
            await _names(troubled)
    await troubled.http.delete(f"{troubled.url}/_emulator/faults")
    assert await _names(troubled) == []


async def test_planned_faults_are_shown(troubled: Shop) -> None:
    await _plan(troubled, "delay", times=3, seconds=2)
    listed = (await troubled.http.get(f"{troubled.url}/_emulator/faults")).json()["faults"]
    assert [(fault["call"], fault["fault"], fault["times"], fault["seconds"]) for fault in listed] == [
        ("customers.create", "delay", 3, 2.0)
    ]


@pytest.mark.parametrize(
    "body",
    [{"fault": "nonsense"}, {}, {"fault": "delay", "seconds": "long"}, {"fault": "delay", "call": "invoices.paid"}],
)
async def test_nonsense_is_refused(troubled: Shop, body: Any) -> None:
    answer = await troubled.http.post(f"{troubled.url}/_emulator/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_a_dropped_payment_charged_once(troubled: Shop) -> None:
    customer = await troubled.customer()
    await troubled.save_card(customer.id)
    invoice = await troubled.finalized(customer.id, 4900)
    await _plan(troubled, "drop_answer", call="invoices.pay")
    with pytest.raises(stripe.APIConnectionError):
        await troubled.pay(invoice.id, key="attempt:1")
    assert (await troubled.pay(invoice.id, key="attempt:1")).status == "paid"
    books = (await troubled.http.get(f"{troubled.url}/_emulator/books")).json()
    charges = next(book["charges"] for book in books["accounts"] if book["account"] == troubled.account)
    assert [
        (charge["invoice"], charge["amount"], charge["status"], charge["idempotency_key"]) for charge in charges
    ] == [(invoice.id, 4900, "succeeded", "attempt:1")]


async def test_the_limits_are_25_a_second_for_an_endpoint_of_an_account(troubled: Shop) -> None:
    await troubled.control("limits", {"on": True})
    answers = await asyncio.gather(*(troubled.customer() for _ in range(40)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, stripe.RateLimitError)]
    assert refused
    assert len(answers) - len(refused) <= 50  # two windows at most, however slow this machine is
    assert refused[0].error.code == "rate_limit"
    assert refused[0].headers["stripe-should-retry"] == "true"


async def test_the_last_requests_are_remembered(shop: Shop) -> None:
    customer = await _create(shop, "k9")
    await _create(shop, "k9")
    log = (await shop.http.get(f"{shop.url}/_emulator/requests?limit=2")).json()["requests"]
    assert [(entry["call"], entry["account"], entry["idempotency_key"], entry["replayed"]) for entry in log] == [
        ("customers.create", shop.account, "k9", False),
        ("customers.create", shop.account, "k9", True),
    ]
    assert log[0]["request_id"] == customer.last_response.request_id
