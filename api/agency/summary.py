"""The agency's business at a glance, in each currency that it bills in."""

from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from adapters.postgres.pool import snapshot
from adapters.postgres.summary import AHEAD, BACK, Figures, summary
from api.fields import Answer
from api.guard import Calling
from api.money import Money, money
from api.openapi import example
from api.services import Used
from api.tenant import agency_router, own_agency

router = agency_router("Figures")
_TENTH = Decimal("0.1")


class RecoveryOut(Answer):
    """Of the invoices that failed for the first time in the window, how many are paid by now."""

    failed: int
    recovered: int
    percent: float | None


class RenewalsOut(Answer):
    """The periods that open in the window ahead, and their prices together; overage is not known yet."""

    count: int
    amount: Money


class CurrencyOut(Answer):
    """One currency's figures."""

    currency: str
    collected: Money
    outstanding: Money
    at_risk: Money
    lost: Money
    recovery_rate: RecoveryOut
    renewals: RenewalsOut


class SummaryOut(
    Answer,
    json_schema_extra=example(
        as_of="2026-11-23T15:00:00Z",
        since="2026-10-24T15:00:00Z",
        until="2026-11-30T15:00:00Z",
        currencies=[
            {
                "currency": "usd",
                "collected": {"amount": 1274000, "currency": "usd"},
                "outstanding": {"amount": 98000, "currency": "usd"},
                "at_risk": {"amount": 63000, "currency": "usd"},
                "lost": {"amount": 4900, "currency": "usd"},
                "recovery_rate": {"failed": 12, "recovered": 9, "percent": 75.0},
                "renewals": {"count": 61, "amount": {"amount": 298900, "currency": "usd"}},
            }
        ],
    ),
):
    """Since 30 days: collected, lost and recovery rate. Now: outstanding, and at risk of it. Until 7 days ahead:
    renewals."""

    as_of: datetime
    since: datetime
    until: datetime
    currencies: list[CurrencyOut]


@router.get("/summary", summary="Figures per currency")
async def read(services: Used, caller: Calling) -> SummaryOut:
    """All of one instant, from the books."""
    agency, now = await own_agency(services, caller), services.clock.now()
    async with snapshot(services.database) as books:
        found = await summary(books, agency.id, now)
    return SummaryOut(as_of=now, since=now - BACK, until=now + AHEAD, currencies=[_out(one) for one in found])


def _out(one: Figures) -> CurrencyOut:
    percent = (Decimal(100 * one.recovered) / one.failed).quantize(_TENTH, ROUND_DOWN) if one.failed else None
    return CurrencyOut(
        currency=one.currency,
        collected=money(one.collected, one.currency),
        outstanding=money(one.outstanding, one.currency),
        at_risk=money(one.at_risk, one.currency),
        lost=money(one.lost, one.currency),
        recovery_rate=RecoveryOut(
            failed=one.failed, recovered=one.recovered, percent=None if percent is None else float(percent)
        ),
        renewals=RenewalsOut(count=one.renewals, amount=money(one.renewing, one.currency)),
    )
