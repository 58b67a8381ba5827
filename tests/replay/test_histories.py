"""Recorded histories: what running workflows have done, the interpreter of today does again.

Each file is one run of one path (tests/support/paths.py), recorded from the real server by tests/replay/record.py.
"""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from support import histories
from support.paths import PATHS
from support.recording import a_life
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

import workflows.subscription
from adapters.temporal import DATA_CONVERTER
from worker.queues import workflow_runner
from workflows.subscription import SubscriptionWorkflow

RECORDED = Path(__file__).with_name("histories")
RUNS = sorted(path.stem for path in RECORDED.glob("*.json"))
LESSON = """
The interpreter no longer does what it did when this history was recorded: a worker with this code could not go on with
workflows that run. Read docs/changing-workflows.md, "A change to the interpreter": put the change behind
workflow.patched("…"), record a history on the new path, and keep this one.
"""


def recorded(run: str) -> WorkflowHistory:
    return histories.read(RECORDED / f"{run}.json")


async def failures(*runs: WorkflowHistory, workflow: type = SubscriptionWorkflow) -> list[Exception | None]:
    """What replaying each run fails with; the same converter and sandbox as in the worker."""
    replayer = Replayer(workflows=[workflow], workflow_runner=workflow_runner(), data_converter=DATA_CONVERTER)

    async def each() -> AsyncIterator[WorkflowHistory]:
        for run in runs:
            yield run

    async with replayer.workflow_replay_iterator(each()) as results:
        return [result.replay_failure async for result in results]


@pytest.fixture(scope="module")
async def replayed() -> dict[str, Exception | None]:
    """All recorded runs through one replayer: what each failed with."""
    return dict(zip(RUNS, await failures(*map(recorded, RUNS)), strict=True))


@pytest.mark.parametrize("run", RUNS)
async def test_a_recorded_run_replays(run: str, replayed: dict[str, Exception | None]) -> None:
    assert replayed[run] is None, f"{LESSON}\n{replayed[run]}"


def test_every_path_is_recorded() -> None:
    assert {run.partition(".")[0] for run in RUNS} >= PATHS.keys()


async def test_a_path_is_recorded_from_the_real_server(temporal_address: str, tmp_path: Path) -> None:
    """News that comes while a page waits to turn is read at once, not at the next timer."""
    name = "continue_as_new_with_update_and_signal"
    async with a_life(temporal_address, tmp_path) as life:
        await PATHS[name](life)
        runs = await life.histories()

    histories.write(runs[0], tmp_path / "again.json")
    assert await failures(*runs, histories.read(tmp_path / "again.json")) == [None] * 3
    assert [commands(run) for run in runs] == [commands(recorded(f"{name}.{number}")) for number in (1, 2)]


def commands(history: WorkflowHistory) -> list[str]:
    """What the workflow asked for, in order."""
    asked = []
    for event in history.events:
        attribute = event.WhichOneof("attributes")
        match attribute:
            case "activity_task_scheduled_event_attributes":
                asked.append(event.activity_task_scheduled_event_attributes.activity_type.name)
            case "timer_started_event_attributes" | "workflow_execution_continued_as_new_event_attributes":
                asked.append(str(attribute).removesuffix("_event_attributes"))
    return asked


# That a forbidden change is seen

EXECUTE = "outcome = await self._execute(step, found)"
FORBIDDEN = {
    "a_timer_before_each_step": (EXECUTE, f"await workflow.sleep(1)\n            {EXECUTE}"),
    "an_activity_more": ("await self._show()", 'await self._record(Record(self.state, (), ""))'),
    "another_activity": ("ChargeInvoice: (CHARGE_INVOICE, ", "ChargeInvoice: (ISSUE_INVOICE, "),
    "the_status_always_shown": ("if self.state.status is not self.shown:", "if True:"),
    "a_page_that_never_turns": ("self._turn_the_page(start)", "await self._wait(step, found)"),
    "news_that_wakes_nobody": ("self.state is not found and", "False and"),
}
SEEN_BY = {
    "the_status_always_shown": "ladder_to_past_due_and_recovery_by_new_card.1",
    "news_that_wakes_nobody": "continue_as_new_with_update_and_signal.1",
}


@pytest.mark.parametrize("change", FORBIDDEN)
async def test_a_forbidden_change_is_seen(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = changed(*FORBIDDEN[change], tmp_path, monkeypatch)
    [failure] = await failures(recorded(SEEN_BY.get(change, "renewal.1")), workflow=workflow)
    assert isinstance(failure, NondeterminismError)


async def test_another_duration_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there are golden traces beside the histories."""
    slow = changed("timeout=timeout,", "timeout=timeout and 2 * timeout,", tmp_path, monkeypatch)
    assert await failures(recorded("ladder_to_past_due_and_recovery_by_new_card.1"), workflow=slow) == [None]


async def test_a_command_that_is_left_unanswered_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that turns while a handler is at work loses its caller's answer."""
    hasty = changed("lambda: workflow.all_handlers_finished() or", "lambda: True or", tmp_path, monkeypatch)
    [failure] = await failures(recorded("continue_as_new_with_update.1"), workflow=hasty)
    assert "update handlers are still running" in str(failure)


def changed(before: str, after: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """The interpreter with one change: a module of its own, which the workflow's sandbox can import too."""
    source, name = Path(workflows.subscription.__file__).read_text(), f"changed_{folder.name}"
    assert source.count(before) == 1, before
    (folder / f"{name}.py").write_text(source.replace(before, after))
    monkeypatch.syspath_prepend(folder)
    workflow: type = importlib.import_module(name).SubscriptionWorkflow
    return workflow


async def test_a_run_knows_what_earlier_runs_have_learned_of_our_types(monkeypatch: pytest.MonkeyPatch) -> None:
    # Built anew by each run, pydantic's adapters of our types were six sevenths of all the time that workflows took;
    # kept by types that each sandbox loads anew, they would be kept for nobody.
    run = recorded("renewal.1")
    assert await failures(run) == [None]
    built: list[Any] = []
    build = TypeAdapter.__init__

    def building(adapter: TypeAdapter[Any], type: Any, **given: Any) -> None:
        built.append(type)
        build(adapter, type, **given)

    monkeypatch.setattr(TypeAdapter, "__init__", building)
    assert await failures(run) == [None]
    assert built == []
