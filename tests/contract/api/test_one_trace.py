"""One payment, from the request over the workflow to Stripe: one trace, and the request's id in every line about it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from support.collector import Collector, Span, collecting, traced
from support.http import Json, Site
from support.servers import Eventually
from support.tenant import FAILS, Tenant
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer

from adapters.logging import JsonFormatter
from adapters.temporal import DATA_CONVERTER
from worker.observing import ObserveWork
from worker.queues import workflow_runner
from workflows.messages import subscription_workflow_id
from workflows.subscription import SubscriptionWorkflow

REQUEST = "support-ticket-4711"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
HEADERS = {"X-Request-Id": REQUEST, "traceparent": f"00-{TRACE}-{CALLER}-01"}


@pytest.fixture
def lines() -> Iterator[list[Json]]:
    """What this process logs, API and worker together, as a collector of logs would get it."""
    text, found = io.StringIO(), _Lines()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    found.text = text
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


class _Lines(list[Json]):
    text: io.StringIO

    def __iter__(self) -> Iterator[Json]:
        return iter([json.loads(line) for line in self.text.getvalue().splitlines()])


async def test_a_payment_is_one_trace_from_its_request_to_stripe(
    site: Site, tenant: Tenant, eventually: Eventually, lines: list[Json]
) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    await tenant.bank(client, "pays")
    portal = await tenant.portal(client)
    run = await _run(site, client)
    async with collecting() as collector:
        with traced(site.settings, collector.endpoint):
            paid = await portal.send("POST", f"/v1/portal/billing/invoices/{invoice}/payments", headers=HEADERS)
            assert (paid.status_code, paid.json()["status"]) == (200, "paid")
            await eventually(lambda: _charged(collector))
    _assert_one_trace(collector.trace(TRACE), invoice)
    _assert_lines(lines, client, invoice)
    await _assert_replays(await run.fetch_history())


async def _charged(collector: Collector) -> bool:
    return {"POST /v1/portal/billing/invoices/{invoice_id}/payments", "stripe invoices.pay"} <= {
        span.name for span in collector.spans
    }


def _assert_one_trace(spans: dict[str, Span], invoice: str) -> None:
    [pay] = [span for span in spans.values() if span.name == "stripe invoices.pay"]
    path = [pay]
    while path[-1].parent in spans:
        path.append(spans[path[-1].parent])
    assert [span.name for span in path] == [
        "stripe invoices.pay",
        "activity charge_invoice",
        "temporal update pay_now",
        "POST /v1/portal/billing/invoices/{invoice_id}/payments",
    ]
    assert path[-1].parent == CALLER
    assert {span.service for span in path} == {"retainer-tests"}
    assert not any(span.failed for span in path)
    assert pay.attributes.items() >= {("stripe.call", "invoices.pay"), ("stripe.result", "ok")}
    assert pay.attributes["stripe.request_id"].startswith("req_")
    assert path[1].attributes["retainer.invoice"] == invoice
    assert path[3].attributes["http.response.status_code"] == 200
    assert "activity record" in {span.name for span in spans.values()}


def _assert_lines(lines: list[Json], client: str, invoice: str) -> None:
    ours = [line for line in lines if line.get("request_id") == REQUEST]
    [access] = [line for line in ours if line["message"] == "request"]
    assert access.items() >= {
        ("method", "POST"),
        ("route", "/v1/portal/billing/invoices/{invoice_id}/payments"),
        ("status", 200),
        ("role", "client"),
        ("client", client),
        ("trace_id", TRACE),
    }
    [pay] = [line for line in ours if line.get("call") == "invoices.pay"]
    assert pay.items() >= {
        ("result", "ok"),
        ("key_kind", "invoice:attempt"),
        ("activity", "charge_invoice"),
        ("client", client),
        ("invoice", invoice),
        ("attempt", "2"),
        ("trace_id", TRACE),
    }
    assert pay["stripe_request_id"].startswith("req_")
    assert {"agency", "subscription", "workflow", "account", "milliseconds"} <= pay.keys()
    done = {line["activity"] for line in ours if line["message"] == "activity"}
    assert done == {"charge_invoice", "record"}


async def _run(site: Site, client: str) -> WorkflowHandle[Any, Any]:
    """The workflow's run of now: when the debt is paid another begins."""
    subscription = await site.pool.fetchval("SELECT id FROM subscriptions WHERE client_id = $1", client)
    temporal: Client = site.app.state.services.temporal
    workflow = subscription_workflow_id(subscription)
    now = await temporal.get_workflow_handle(workflow).describe()
    return temporal.get_workflow_handle(workflow, run_id=now.run_id)


async def _assert_replays(history: WorkflowHistory) -> None:
    """With the headers in its history, and with the interceptor that carries them."""
    assert '"retainer-request"' in history.to_json()
    replayer = Replayer(
        workflows=[SubscriptionWorkflow],
        workflow_runner=workflow_runner(),
        data_converter=DATA_CONVERTER,
        interceptors=[ObserveWork()],
    )
    await replayer.replay_workflow(history)


async def test_what_no_request_asked_for_is_a_trace_of_its_own(
    site: Site, tenant: Tenant, eventually: Eventually
) -> None:
    async with collecting() as collector:
        with traced(site.settings, collector.endpoint):
            await tenant.subscribed()
            await eventually(lambda: _charged_by_itself(collector))
    [pay] = [span for span in collector.spans if span.name == "stripe invoices.pay"]
    above = {span.id: span for span in collector.spans}[pay.parent]
    assert (above.name, above.parent) == ("activity charge_invoice", "")


async def _charged_by_itself(collector: Collector) -> bool:
    return {"activity charge_invoice", "stripe invoices.pay"} <= {span.name for span in collector.spans}
