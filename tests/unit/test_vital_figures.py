"""What a scrape shows of the database: fresh, or nothing; and never waited for."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.postgres.vitals import Vitals, Waiting
from adapters.telemetry import vitals
from adapters.telemetry.vitals import VitalFigures

NONE = Waiting(0, timedelta())
KNOWN = Vitals(Waiting(3, timedelta(seconds=12)), NONE, NONE, NONE, 2, 0, 1, {"restricted": 1, "disconnected": 0})


class Database:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.broken = False

    async def read(self) -> Vitals:
        self.asked += 1
        await self.answers.wait()
        if self.broken:
            raise OSError("nobody there")
        return KNOWN


def shown(figures: VitalFigures) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(figures)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_it_shows_what_was_read_and_asks_again_only_after_a_while() -> None:
    database = Database()
    figures = VitalFigures(database.read)
    await asyncio.gather(*(figures.refresh() for _ in range(3)))
    await figures.refresh()
    assert database.asked == 1
    assert shown(figures) == {
        "retainer_database_up": 1,
        "retainer_inbox_undelivered": 3,
        "retainer_inbox_undelivered_age_seconds": 12,
        "retainer_inbox_unread": 0,
        "retainer_inbox_unread_age_seconds": 0,
        "retainer_outbox_undelivered": 0,
        "retainer_outbox_undelivered_age_seconds": 0,
        "retainer_attempts_in_flight": 0,
        "retainer_attempts_in_flight_age_seconds": 0,
        "retainer_messages_undelivered": 0,
        "retainer_messages_undelivered_age_seconds": 0,
        "retainer_endpoints_disabled": 0,
        "retainer_parked_invoices": 2,
        "retainer_parking_stopped": 0,
        "retainer_steps_in_backoff": 1,
        "retainer_findings_open": 0,
        "retainer_reconciled_timestamp_seconds": 0,
        'retainer_frozen_accounts{state="restricted"}': 1,
        'retainer_frozen_accounts{state="disconnected"}': 0,
    }


async def test_a_database_that_is_away_leaves_its_figures_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "FRESH_SECONDS", 0.0)
    database = Database()
    figures = VitalFigures(database.read)
    await figures.refresh()
    database.broken = True
    await figures.refresh()
    assert shown(figures) == {"retainer_database_up": 0}
    database.broken = False
    await figures.refresh()
    assert shown(figures)["retainer_parked_invoices"] == 2


async def test_a_database_that_hangs_is_not_waited_for_nor_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(vitals, "PATIENCE_SECONDS", 0.01)
    database = Database()
    figures = VitalFigures(database.read)
    await figures.refresh()
    database.answers.clear()
    for _ in range(3):
        await asyncio.wait_for(figures.refresh(), 1)
        assert shown(figures) == {"retainer_database_up": 0}
    assert database.asked == 2
    database.answers.set()


async def test_what_a_hanging_process_has_not_refreshed_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = VitalFigures(Database().read)
    await figures.refresh()
    monkeypatch.setattr(vitals, "_STALE_SECONDS", 0.0)
    assert shown(figures) == {"retainer_database_up": 0}
