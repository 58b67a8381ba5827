"""The demo's year on paper: what each client's comes to, worked out by hand, and calls and beats that fit any start."""

import csv
import re
import shlex
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from billing.money import parse_rate
from billing.periods import boundary
from billing.usage import Outcome, billed_seconds, overage
from sandbox.__main__ import _parser
from sandbox.demo import closing, play
from sandbox.demo.calls import FILE, Call, read_calls, write_calls
from sandbox.demo.cast import CEDAR, CLIENTS, DAY, HANA, HARBOR, HOUR, KUMO, MONTHS, NAMI, SUMMIT, Client, beginnings
from sandbox.demo.year import YEAR, calls

# What is over the included minutes, period by period (counted from 1), at the plan's rate, rounded half up.
OVERAGE: dict[Client, dict[int, int]] = {
    # 12.5 cents over 500 minutes. 112: 14.00; 233: 29.125 → 29.13; 1: 0.125 → 0.13; 140: 17.50; 55: 6.875 → 6.88;
    # 12: 1.50. Together 14.00 + 29.13 + 0.13 + 17.50 + 6.88 + 1.50 = 69.14.
    CEDAR: {2: 1400, 4: 2913, 7: 13, 8: 1750, 10: 688, 12: 150},
    # 40: 5.00; 3: 0.375 → 0.38; 5: 0.625 → 0.63; 120: 15.00. Together 21.01.
    HARBOR: {3: 500, 7: 38, 9: 63, 12: 1500},
    # 15 cents over 200 minutes. 14: 2.10; 60: 9.00; 31: 4.65; 44: 6.60; 105: 15.75; 1: 0.15. Together 38.25.
    SUMMIT: {2: 210, 4: 900, 7: 465, 9: 660, 11: 1575, 12: 15},
    # 18.5 yen over 500 minutes. 41: 758.5 → 759; 113: 2090.5 → 2091; 2: 37; 77: 1424.5 → 1425; 30: 555;
    # 101: 1868.5 → 1869; 20: 370. Together 759 + 2091 + 37 + 1425 + 555 + 1869 + 370 = 7106.
    HANA: {2: 759, 4: 2091, 5: 37, 7: 1425, 8: 555, 10: 1869, 12: 370},
    # 22 yen over 200 minutes. 33: 726; 4: 88; 51: 1122; 22: 484; 140: 3080; 8: 176; 63: 1386. Together 7062.
    KUMO: {3: 726, 4: 88, 6: 1122, 8: 484, 9: 3080, 11: 176, 12: 1386},
    # 18.5 yen over 500 minutes. 87: 1609.5 → 1610; 140: 2590; 33: 610.5 → 611. Together 4811.
    NAMI: {2: 1610, 3: 2590, 5: 611},
}
# Invoices, what was charged, what was paid elsewhere.
YEARS: dict[Client, tuple[int, int, int]] = {
    # The first price and twelve renewals: 13 × 49.00 = 637.00, and 69.14 of overage.
    CEDAR: (13, 70614, 0),
    # 637.00 + 21.01. The four declines cost nothing, and what was owed is paid by the fifth attempt.
    HARBOR: (13, 65801, 0),
    # 13 × 29.00 = 377.00, and 38.25; of that the renewal after period 8 (150 minutes: 29.00) is paid by cheque.
    SUMMIT: (13, 38625, 2900),
    # The first period is free: 12 × 7200 = 86400, and 7106; of that 7200 + 1425 is paid on Stripe's page.
    HANA: (12, 84881, 8625),
    # 13 × 4200 = 54600, and 7062.
    KUMO: (13, 61662, 0),
    # Five periods: 5 × 7200 = 36000, and 4811; the last of six invoices is the last overage alone.
    NAMI: (6, 40811, 0),
}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.external_id)
def test_what_the_cast_expects_is_what_the_rules_come_to_by_hand(client: Client) -> None:
    plan, total = client.plan, client.total
    by_rule = {
        n: cost
        for n, minutes in enumerate(client.minutes, start=1)
        if (cost := overage(minutes * 60, plan.included_minutes * 60, parse_rate(plan.rate), plan.agency.currency))
    }
    assert by_rule == OVERAGE[client]
    assert total.overage == sum(OVERAGE[client].values())
    assert (total.invoices, total.charged, total.elsewhere) == YEARS[client]


def test_the_file_of_calls_is_what_the_clients_minutes_make() -> None:
    assert FILE.read_text(encoding="utf-8") == write_calls(), "python -m sandbox.demo.calls writes it anew"


def test_the_calls_of_a_period_come_to_its_minutes() -> None:
    seconds: Counter[tuple[str, int]] = Counter()
    for call in CALLS:
        seconds[call.client, call.period] += billed_seconds(call.duration_seconds, Outcome(call.outcome), 60)

    assert seconds == {(c.external_id, n): minutes * 60 for c in CLIENTS for n, minutes in enumerate(c.minutes)}


def test_the_file_is_as_the_api_takes_it() -> None:
    with FILE.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len({row["call_id"] for row in rows}) == len(rows)
    assert [row["started_at"] for row in rows] == sorted(row["started_at"] for row in rows)


# A stage whose clock never moves: enough to say when a beat is due


def stage_of(now: datetime) -> Any:
    begins = beginnings(now)
    anchors = {client: begins[client.agency] + client.after for client in CLIENTS if client is not NAMI}
    moved_in = next(beat for beat in YEAR if "Nami Travel moves in" in beat.title)
    tokyo = boundary(begins[NAMI.agency], NAMI.agency.zone, moved_in.boundary)
    anchors[NAMI] = tokyo + moved_in.after - 31 * DAY

    @cache
    def when(whose: Any, n: int) -> datetime:
        start = anchors[whose] if isinstance(whose, Client) else begins[whose]
        return boundary(start, (whose.agency if isinstance(whose, Client) else whose).zone, n)

    return SimpleNamespace(boundary=when, begins=begins, anchors=anchors)


STARTS = [datetime(2027, month, 15, tzinfo=UTC) for month in range(1, 13)]
"""Each month once, so that every period of the story falls on February, in 2028 one of 29 days."""
CALLS = read_calls()


@pytest.mark.parametrize("now", STARTS, ids=lambda now: f"{now:%Y-%m}")
def test_the_beats_come_in_order_whenever_the_year_begins(now: datetime) -> None:
    stage = stage_of(now)
    beats = [beat.at(stage) for beat in YEAR]

    assert now < beats[0]
    assert all(earlier <= later for earlier, later in pairwise(beats))
    assert beats[-1] < stage.boundary(YEAR[-1].whose, MONTHS)


@pytest.mark.parametrize("now", STARTS, ids=lambda now: f"{now:%Y-%m}")
def test_every_call_is_taken_in_before_its_period_closes(now: datetime) -> None:
    """And not more than 34 days after it was made: an older one would be refused (billing-rules 4)."""
    stage = stage_of(now)
    clients = {client.external_id: client for client in CLIENTS}
    stops = [beat.at(stage) for beat in YEAR if beat.play is calls or "moves in" in beat.title]

    for call in CALLS:
        client, made_at = clients[call.client], _made_at(stage, clients[call.client], call)
        taken = next(stop for stop in stops if stop >= made_at)
        assert taken - made_at < 34 * DAY
        assert made_at < stage.boundary(client, call.period + 1)
        moved_in_late = client is NAMI and call.period == 0
        assert moved_in_late or taken < stage.boundary(client, call.period + 1) + HOUR


def _made_at(stage: Any, client: Client, call: Call) -> datetime:
    return cast(datetime, stage.boundary(client, call.period)) + call.after


def test_the_year_begins_on_a_31st_in_new_york_and_on_the_1st_after_it_in_tokyo() -> None:
    begins = beginnings(datetime(2026, 11, 26, 4, 20, tzinfo=UTC))
    assert [*begins.values()] == [datetime(2026, 12, 31, 14, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    late = beginnings(datetime(2026, 12, 31, 14, 0, tzinfo=UTC))
    assert [*late.values()] == [datetime(2027, 1, 31, 14, 30, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]


def test_each_invariant_is_told_in_words() -> None:
    guarantees = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text(encoding="utf-8")
    assert list(closing._PROMISES) == re.findall(r"^### (I\d+)\. ", guarantees, flags=re.M)


def test_what_the_demo_offers_to_try_can_be_typed() -> None:
    offered = [shlex.split(line) for line in play._to_try(datetime(2028, 1, 1, tzinfo=UTC), Path("a folder"))]
    given = [_parser().parse_args(words[3:]) for words in offered]
    assert {words.command for words in given} == {"timeline", "schedule", "forecast"}
    assert {words.data for words in given} == {Path("a folder")}
    assert {words.client for words in given} <= {client.external_id for client in CLIENTS}
