"""The process: it keeps everything through a kill, stops when it is told to, and lives in sandbox time."""

import ast
import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from support.servers import Eventually

from tests.contract.emulator.process import EmulatorProcess, sdk
from tests.contract.emulator.shop import open_shop

YEAR_SECONDS = 365 * 86400
SOURCES = Path(__file__).parents[3] / "sandbox" / "stripe"
ALLOWED = {"fpdf", "jinja2", "starlette", "uvicorn", *sys.stdlib_module_names}


def test_it_imports_nothing_of_the_project() -> None:
    imported = set()
    for source in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{source.name} imports relatively"
                imported.add(str(node.module))
    own = {name for name in imported if f"{name}.".startswith("sandbox.stripe.")}
    assert own
    assert {name.partition(".")[0] for name in imported - own} <= ALLOWED


async def test_everything_survives_a_kill(own_emulator: EmulatorProcess, http: httpx.AsyncClient) -> None:
    async with sdk(own_emulator.url) as api:
        shop = await open_shop(api, http, own_emulator.url)
        customer = await shop.customer()
        await shop.save_card(customer.id, "4000000000000341")
        invoice = await shop.finalized(customer.id, 900)
        first = await shop.declined(invoice.id, key="attempt:1")
        await shop.control("faults", {"call": "invoices.pay", "fault": "error_500", "times": 1})
        await own_emulator.stop(signal.SIGKILL)
        await own_emulator.start()
        assert (await shop.declined(invoice.id, key="attempt:1")).charge == first.charge
        with pytest.raises(stripe.APIError):
            await shop.pay(invoice.id, key="attempt:2")
        assert (await shop.declined(invoice.id, key="attempt:3")).decline_code == "generic_decline"
        assert (await shop.invoice(invoice.id)).attempt_count == 2


async def test_a_kill_between_many_writes_tears_none_apart(
    own_emulator: EmulatorProcess, http: httpx.AsyncClient
) -> None:
    async with sdk(own_emulator.url) as api:
        shop = await open_shop(api, http, own_emulator.url)

        async def pay_one(index: int) -> None:
            customer = await shop.api.customers.create_async({"name": str(index)}, shop.options(f"c{index}"))
            await shop.api.payment_methods.attach_async("pm_card_visa", {"customer": customer.id}, shop.options())
            invoice = await shop.draft(customer.id, 900)
            method = (await shop.api.payment_methods.list_async({"customer": customer.id}, shop.options())).data[0]
            await shop.pay(invoice.id, payment_method=method.id)

        crowd = [asyncio.create_task(pay_one(index)) for index in range(30)]
        await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
        await own_emulator.stop(signal.SIGKILL)
        ends = await asyncio.gather(*crowd, return_exceptions=True)
        assert any(isinstance(end, stripe.APIConnectionError) for end in ends)
        await own_emulator.start()
        books = (await http.get(f"{own_emulator.url}/_emulator/books")).json()["accounts"][1]
        paid = {invoice["id"] for invoice in books["invoices"] if invoice["status"] == "paid"}
        charged = [charge["invoice"] for charge in books["charges"] if charge["status"] == "succeeded"]
        assert sorted(charged) == sorted(paid)
        assert len(paid) >= sum(end is None for end in ends) > 0


async def test_a_stop_ends_requests_that_are_held_back(
    own_emulator: EmulatorProcess, http: httpx.AsyncClient, eventually: Eventually
) -> None:
    async with sdk(own_emulator.url) as api:
        fault = {"call": "*", "fault": "delay", "seconds": 60}
        await http.post(f"{own_emulator.url}/_emulator/faults", json=fault)
        held = asyncio.create_task(api.customers.create_async({"name": "Ann"}))

        async def in_flight() -> int:
            pending = (await http.get(f"{own_emulator.url}/_emulator/pending")).json()
            return int(pending["requests_in_flight"])

        await eventually(in_flight)
        assert await own_emulator.stop(signal.SIGINT) == 0, "it was not waited for until it was killed"
        with pytest.raises(stripe.APIConnectionError):
            await held
        assert own_emulator.log() == ""


async def test_what_a_bill_shows_is_in_sandbox_time(own_emulator: EmulatorProcess, http: httpx.AsyncClient) -> None:
    async with sdk(own_emulator.url) as api:
        shop = await open_shop(api, http, own_emulator.url)
        customer = await shop.customer()
        own_emulator.set_clock(YEAR_SECONDS)
        invoice = await shop.finalized(customer.id, 900)
        for instant in (invoice.created, invoice.effective_at, invoice.status_transitions.finalized_at):
            assert abs(instant - YEAR_SECONDS - time.time()) < 60
        assert customer.created < invoice.created - YEAR_SECONDS + 5


async def test_a_year_ahead_a_card_of_this_year_has_expired(
    own_emulator: EmulatorProcess, http: httpx.AsyncClient
) -> None:
    async with sdk(own_emulator.url) as api:
        shop = await open_shop(api, http, own_emulator.url)
        own_emulator.set_clock(YEAR_SECONDS)
        session = await shop.session((await shop.customer()).id)
        this_year: Any = {"exp_month": "12", "exp_year": str(time.gmtime().tm_year)}
        assert (await shop.type_card(session.url, "4242424242424242", **this_year)).status_code == 402
