"""Facts of the business as figures: each once, when the books have it."""

from collections.abc import Sequence

from adapters.postgres.projection import Written
from adapters.telemetry import metrics
from billing.facts import AttemptNotMade, InvoiceIssued, PaymentDeclined, PaymentSucceeded, PeriodClosed


def count_facts(written: Sequence[Written]) -> None:
    """Count what was just committed."""
    for one in written:
        _count(one)


def _count(written: Written) -> None:
    match written.fact:
        case PaymentSucceeded():
            metrics.ATTEMPTS.labels("paid").inc()
        case PaymentDeclined(decline=decline):
            metrics.ATTEMPTS.labels("declined").inc()
            metrics.DECLINES.labels(decline.value).inc()
        case AttemptNotMade():
            metrics.ATTEMPTS.labels("not_made").inc()
        case PeriodClosed():
            metrics.PERIODS_CLOSED.inc()
        case InvoiceIssued():
            metrics.INVOICES_ISSUED.inc()
        case _:
            pass
    if written.recovered:
        metrics.RECOVERIES.inc()
