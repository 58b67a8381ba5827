"""A log line says what it is about, and never what nobody may read in a log."""

import asyncio
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from adapters.logging import JsonFormatter
from adapters.telemetry.context import bind, bound
from api import pdf
from api.problems import TemporarilyUnavailable
from billing.invoices import InvoiceStatus

KEY = "sk_test_51Hq8ZkJd93nVbQmT7wYx"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl-_x"
SECRETS = (
    "4242424242424242",
    "4242 4242 4242 4242",
    "5555-5555-5555-4444",
    "378282246310005",
    "anna.o'hara+bills@cedar-dental.example",
    "https://api.stripe.com/v1/customers?email=anna%40cedar-dental.example",
    KEY,
    "rk_live_51Hq8ZkJd93nVbQmT7wYx",
    "whsec_9dKq2ZtLm4Xv8RbYw1Nc6Hs",
    f"Bearer {TOKEN}",
    "seti_1Nv0FGQ9RKHgCVdK_secret_9dKq2ZtLm4Xv8R",
    "postgresql://retainer:qV7rT2mZ9wL4@db/retainer",
)
OURS = (
    "inv_3f5m7kq2n4b6c8d0e2f4",
    "in_1Nv0FGQ9RKHgCVdK",
    "req_9dKq2ZtLm4Xv8R",
    "2026-11-23T14:02:11.123456+00:00",
    "41424344454647484950aaaaaaaaaaaa",
    "0.4242424242424242",
    "invoice:inv_1:attempt:2",
    "http://127.0.0.1:8000/v1/invoices",
)


def line(message: str, *args: object, error: BaseException | None = None, **extra: object) -> dict[str, Any]:
    """What the collector gets of a log call."""
    raised = (type(error), error, error.__traceback__) if error else None
    record = logging.Logger("billing").makeRecord(
        "billing", logging.INFO, "file.py", 1, message, args, raised, extra=extra or None
    )
    said: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return said


def test_it_names_what_is_under_way_and_what_the_call_adds() -> None:
    with bound(request_id="req-1", agency="agc_1", client=""):
        bind(subscription="sub_1")
        said = line("charged", attempt=2)
    assert said.items() >= {
        ("message", "charged"),
        ("level", "info"),
        ("logger", "billing"),
        ("request_id", "req-1"),
        ("agency", "agc_1"),
        ("subscription", "sub_1"),
        ("attempt", 2),
    }
    assert "client" not in said
    assert line("later").keys() == {"at", "level", "logger", "message"}


async def test_a_line_of_temporals_own_says_which_step_it_is_about() -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]

    def fails() -> None:
        activity.logger.warning("Completing activity as failed", extra={"__temporal_error_identifier": "Failure"})

    activity.logger.base_logger.addHandler(handler)
    try:
        ActivityEnvironment().run(fails)
    finally:
        activity.logger.base_logger.removeHandler(handler)
    said = json.loads(JsonFormatter().format(records[0]))
    assert said.keys() == {"at", "level", "logger", "message", "workflow", "activity", "try"}
    assert (said["message"], said["workflow"], said["activity"], said["try"]) == (
        "Completing activity as failed",
        "test",
        "unknown",
        "1",
    )


async def test_what_runs_at_once_knows_its_own_ids_only() -> None:
    both_inside = asyncio.Barrier(2)

    async def work(subscription: str) -> dict[str, Any]:
        with bound(subscription=subscription):
            async with both_inside:
                bind(attempt=subscription[-1])
            return line("done")

    first, second = await asyncio.gather(work("sub_1"), work("sub_2"))
    assert (first["subscription"], first["attempt"]) == ("sub_1", "1")
    assert (second["subscription"], second["attempt"]) == ("sub_2", "2")


@pytest.mark.parametrize("secret", SECRETS)
def test_what_nobody_may_read_is_blotted_out_wherever_it_comes_along(secret: str) -> None:
    try:
        raise ValueError(f"cannot take {secret} here")
    except ValueError as caught:
        said = line("Stripe: %s.", f"no such {secret}", error=caught, why=secret, seen=[{"value": secret}])
    hidden = secret.partition("'")[2] or secret.removeprefix("Bearer ").removesuffix("/retainer").rpartition("=")[2]
    assert hidden not in json.dumps(said)
    assert all("[hidden]" in str(said[part]) for part in ("message", "why", "seen", "traceback"))


@pytest.mark.parametrize("ours", OURS)
def test_ids_times_and_addresses_stay_readable(ours: str) -> None:
    assert line("about %s", ours, subject=ours, number=4242424242)["subject"] == ours


def test_what_postgresql_shows_of_a_row_is_blotted_out_and_what_is_wrong_with_it_is_not() -> None:
    error = asyncpg.CheckViolationError('new row for relation "clients" violates check constraint "clients_name"')
    error.detail = "Failing row contains (cli_1, agc_1, Cedar Dental, null)."
    error.hint = "Give it another."
    said = line("unforeseen: %s", error, error=error)
    for part in ("message", "traceback"):
        assert "Cedar Dental" not in said[part]
        assert "clients_name" in said[part]
        assert "HINT:  Give it another." in said[part]


async def test_the_link_to_an_invoices_pdf_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    link = "https://pay.stripe.com/invoice/acct_1/live_YWNjdF8x/pdf"

    async def read_invoice(account: str, provider: str) -> Any:
        return SimpleNamespace(pdf_url=link, status=InvoiceStatus.OPEN)

    async def download(url: str) -> bytes:
        httpx.Response(404, request=httpx.Request("GET", url)).raise_for_status()
        return b""

    monkeypatch.setattr(pdf, "_download", download)
    services, invoice = (
        SimpleNamespace(payments=SimpleNamespace(read_invoice=read_invoice)),
        SimpleNamespace(id="inv_1", account_id="acct_1", provider_id="in_1"),
    )
    with pytest.raises(TemporarilyUnavailable):
        await pdf._fetch(services, invoice)  # type: ignore[arg-type]
    assert caplog.messages == ["the PDF of inv_1 can't be fetched: status 404"]


def test_a_line_is_one_line_whatever_is_logged() -> None:
    record = logging.Logger("x").makeRecord("x", logging.ERROR, "f", 1, "two\nlines", (), None, extra={"of": sys})
    assert "\n" not in JsonFormatter().format(record)
