"""The parts of the benchmarks that measure nothing: percentiles, the table, and what is counted in a history."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from support import histories
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes, HistoryEvent

from bench import __main__ as program
from bench.events import billable_actions, events
from bench.figures import Figure, as_json, percentile, status, table, verdict
from bench.load import open_loop

RECORDED: Final = Path(__file__).parents[1] / "replay" / "histories"


def recorded(run: str) -> list[HistoryEvent]:
    return list(histories.read(RECORDED / f"{run}.json").events)


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(percent: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_of_few_values_the_99th_percentile_is_the_worst() -> None:
    assert percentile([3.0, 9.0, 1.0], 99) == 9.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 99)


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("ratio", 0.8, at_least=0.8), True),
        (Figure("ratio", 0.799, at_least=0.8), False),
        (Figure("wait", 30.0, at_most=30), True),
        (Figure("wait", 30.1, at_most=30), False),
        (Figure("errors", 0, at_most=0), True),
        (Figure("memory", 200.0), None),
    ],
)
def test_a_bound_holds_with_its_own_value(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_the_table_aligns_what_was_measured_with_its_bound() -> None:
    figures = [
        Figure("close ÷ bare", 0.8351, at_least=0.8, detail="20.5 closes/s"),
        Figure("portal, p99", 31.25, "ms", at_most=30),
        Figure("memory", 1_234.5, "MiB"),
    ]
    assert table(figures).splitlines() == [
        "figure         measured    bound",
        "close ÷ bare       0.84   ≥ 0.80  met",
        "  20.5 closes/s",
        "portal, p99     31.2 ms  ≤ 30 ms  NOT MET",
        "memory        1,234 MiB           reported",
    ]


def test_below_the_table_stands_which_bounds_are_missed_and_what_was_not_measured() -> None:
    figures = [Figure("close ÷ bare", 0.7, at_least=0.8), Figure("errors", 0, at_most=0), Figure("memory", 9.0)]
    assert verdict(figures, {"portal": "NotStarted: api is not ready"}).splitlines() == [
        "1 of 2 bounds are met.",
        "Not met: close ÷ bare: 0.70, not ≥ 0.80",
        "Not measured: portal: NotStarted: api is not ready",
    ]


@pytest.mark.parametrize(
    ("figures", "unmeasured", "expected"),
    [
        ([Figure("errors", 0, at_most=0), Figure("memory", 9.0)], {}, 0),
        ([Figure("errors", 0, at_most=0), Figure("wait", 31.0, at_most=30)], {}, 1),
        ([Figure("wait", 31.0, at_most=30)], {"portal": "stopped"}, 2),
    ],
)
def test_the_exit_status_tells_bounds_that_are_missed_from_what_was_not_measured(
    figures: list[Figure], unmeasured: dict[str, str], expected: int
) -> None:
    assert status(figures, unmeasured) == expected


async def measures() -> list[Figure]:
    return [Figure("errors", 0, at_most=0)]


async def fails() -> list[Figure]:
    raise RuntimeError("no servers")


async def is_stopped() -> list[Figure]:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (fails, {"other": "RuntimeError: no servers"}),
        (is_stopped, {"other": "stopped", "last": "stopped"}),
    ],
)
async def test_what_cannot_be_measured_costs_nobody_elses_figures(
    monkeypatch: pytest.MonkeyPatch, trouble: Callable[[], Awaitable[list[Figure]]], why: dict[str, str]
) -> None:
    monkeypatch.setattr(program, "BENCHMARKS", {"one": measures, "other": trouble, "last": measures})
    figures, unmeasured = await program.measured(["one", "other", "last"])
    assert unmeasured == why
    assert len(figures) == 3 - len(why)


def test_programs_get_the_figures_as_they_were_measured() -> None:
    [read] = json.loads(as_json([Figure("close ÷ bare", 0.8351, at_least=0.8)]))
    assert (read["value"], read["at_least"], read["at_most"], read["met"]) == (0.8351, 0.8, None, True)


def test_a_history_is_counted_without_what_the_time_machine_wrote() -> None:
    # Two invoices, a closing and two charges in 42 events, of which two moved the workflow through its month.
    page = recorded("renewal.1")
    assert (len(page), events(page)) == (42, 40)


@pytest.mark.parametrize(
    ("run", "actions"),
    [
        ("renewal.1", 1 + 5 + 1),  # the start, five activities, a timer
        ("renewal.2", 1 + 1),  # continued as new, and a timer
        ("pay_now.1", 1 + 4 + 2 + 1),  # and an accepted update
        ("ladder_to_past_due_and_recovery_by_new_card.1", 1 + 8 + 5 + 1 + 2),  # a signal, the status shown twice
    ],
)
def test_billable_actions_are_starts_activities_timers_and_messages(run: str, actions: int) -> None:
    assert billable_actions(recorded(run)) == actions


def test_each_try_of_an_activity_is_billed() -> None:
    started = HistoryEvent(
        event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        activity_task_started_event_attributes=ActivityTaskStartedEventAttributes(attempt=2),
    )
    assert billable_actions([started]) == 2


async def test_a_wait_is_counted_from_when_the_request_was_due() -> None:
    async def request(number: int) -> None:
        if number == 0:
            time.sleep(0.05)  # noqa: ASYNC251  # nobody is served meanwhile, as by a server that hangs

    waits = await open_loop(1_000, 3, request)
    assert all(wait > 0.04 for wait in waits), "who came meanwhile has waited as well"
