"""The process's figures at /metrics: bounded, nobody's, and there while everything else is away."""

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from support.http import Site, running_site
from support.servers import StripeServer
from support.tenant import FAILS, Tenant

from adapters.stripe.calls import OTHER
from adapters.telemetry.scrape import Scrape

_ID: Final = re.compile(r"(agc|cli|sub|inv|pln|acct|cus|in|evt|req)_\w{6,}|@|\d{6,}")
NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/none"


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


async def scraped(site: Site) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await (await site.caller(None)).send("GET", "/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {(one.name, frozenset(one.labels.items())): one.value for one in samples(answer.text)}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"retainer_{name}", frozenset(labels.items())


async def test_a_life_shows_in_the_figures_and_nobody_in_their_labels(site: Site, tenant: Tenant) -> None:
    before = await scraped(site)
    paying, failing = await tenant.subscribed(), await tenant.subscribed(FAILS)
    await tenant.report(paying, 2, 3)
    await tenant.live(failing)
    await (await site.caller(None)).send("GET", "/v1/nowhere/at-all-4711")
    after = await scraped(site)
    for name, labels, at_least in (
        ("payment_attempts_total", {"result": "paid"}, 1),
        ("payment_attempts_total", {"result": "declined"}, 1),
        ("invoices_issued_total", {}, 2),
        ("usage_calls_total", {"verdict": "unbilled"}, 2),
        ("stripe_calls_total", {"call": "invoices.pay", "result": "ok"}, 1),
        ("stripe_calls_total", {"call": "invoices.pay", "result": "declined"}, 1),
        ("stripe_call_duration_seconds_count", {"call": "invoices.pay"}, 2),
        ("temporal_calls_total", {"call": "start Subscription", "result": "ok"}, 2),
        ("activities_total", {"activity": "charge_invoice", "result": "completed"}, 2),
        ("activity_duration_seconds_count", {"activity": "charge_invoice"}, 2),
        ("deliveries_total", {"queue": "outbox", "result": "carried"}, 2),
        ("webhooks_total", {"type": "checkout.session.completed", "result": "stored"}, 2),
        ("http_requests_total", {"method": "GET", "route": "unmatched", "status": "404"}, 1),
        (
            "http_requests_total",
            {"method": "GET", "route": "/v1/agency/clients/{client_id}/subscription", "status": "200"},
            1,
        ),
    ):
        sample = key(name, **labels)
        assert after[sample] - before.get(sample, 0) >= at_least, sample
    assert after[key("database_up")] == 1
    assert key("inbox_undelivered") in after
    for name, labels in after.keys() - before.keys():
        assert ("call", OTHER) not in labels, name
    for name, labels in after:
        for label, value in labels:
            assert not _ID.search(value), (name, label, value)


async def test_openmetrics_is_answered_to_who_asks_for_it(site: Site) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await (await site.caller(None)).send("GET", "/metrics", headers=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_without_a_database_there_are_figures_and_every_answer_has_its_id(stripe_server: StripeServer) -> None:
    async with running_site(NOWHERE, stripe_server, "127.0.0.1:1") as site, httpx.AsyncClient(verify=False) as http:
        answer = await http.get(f"{site.base}/metrics")
        shown = {one.name: one.value for one in samples(answer.text)}
        assert (answer.status_code, shown["retainer_database_up"]) == (200, 0)
        assert "retainer_inbox_undelivered" not in shown
        assert shown["process_start_time_seconds"] > 0
        ready = await http.get(f"{site.base}/readyz", headers={"X-Request-Id": "probe-4711"})
        assert (ready.status_code, ready.headers["X-Request-Id"]) == (503, "probe-4711")


async def test_what_nobody_foresaw_is_answered_once_with_its_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> tuple[bytes, str]:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Scrape, "answer", broken)
    answer = await (await site.caller(None)).send("GET", "/metrics", headers={"X-Request-Id": "support-4712"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["X-Request-Id"] == "support-4712"
