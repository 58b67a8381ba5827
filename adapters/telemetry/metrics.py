"""Every figure of a process, in Prometheus' names and units. docs/observability.md explains each.

No label has values without a limit: no agency, no client, no id. What is counted of the business is what PostgreSQL
has committed for the first time (adapters/telemetry/facts.py): a repeat counts nothing, and a process that is killed
between the commit and the counting leaves a count out, never one too many.
"""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
"""Answers of our own: milliseconds, or the wait for a payment."""
_SLOW = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45)
"""What waits for Stripe: at most 20 s a call, 45 s a step."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, for nothing

REGISTRY = CollectorRegistry()
"""Ours alone: what other libraries of the process register elsewhere is not shown."""


def _counter(name: str, what: str, *labels: str) -> Counter:
    return Counter(f"retainer_{name}_total", what, labels, registry=REGISTRY)


def _histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"retainer_{name}_seconds", what, labels, registry=REGISTRY, buckets=buckets)


BUILD = Gauge("retainer_build_info", "Always 1: what runs.", ("version", "build"), registry=REGISTRY)

ATTEMPTS = _counter("payment_attempts", "Payment attempts whose outcome is known.", "result")
DECLINES = _counter("payment_declines", "Declined payment attempts.", "class")
RECOVERIES = _counter("recoveries", "Debts that were paid after an attempt had failed.")
PERIODS_CLOSED = _counter("periods_closed", "Billing periods whose usage was frozen.")
INVOICES_ISSUED = _counter("invoices_issued", "Invoices that became final.")

HTTP_REQUESTS = _counter("http_requests", "HTTP requests that were answered.", "method", "route", "status")
HTTP_SECONDS = _histogram("http_request_duration", "From request to the answer's end.", _FAST, "method", "route")
USAGE_CALLS = _counter("usage_calls", "Calls taken in, by verdict.", "verdict")
WEBHOOKS = _counter("webhooks", "Webhooks from Stripe.", "type", "result")

STRIPE_CALLS = _counter("stripe_calls", "Requests to Stripe.", "call", "result")
STRIPE_SECONDS = _histogram("stripe_call_duration", "How long Stripe took to answer.", _SLOW, "call")
TEMPORAL_CALLS = _counter("temporal_calls", "Calls to Temporal's server.", "call", "result")
TEMPORAL_SECONDS = _histogram("temporal_call_duration", "How long Temporal took to answer.", _FAST, "call")

ACTIVITIES = _counter("activities", "Executions of activities.", "activity", "result")
ACTIVITY_SECONDS = _histogram("activity_duration", "How long an execution took.", _SLOW, "activity")
DELIVERIES = _counter("deliveries", "Rows of inbox and outbox that were worked.", "queue", "result")

for _result in ("paid", "declined", "not_made"):
    ATTEMPTS.labels(_result)
for _class in ("hard", "soft", "customer_must_act"):
    DECLINES.labels(_class)
"""Shown as 0 from the start: a rate needs to know the value before the first."""
