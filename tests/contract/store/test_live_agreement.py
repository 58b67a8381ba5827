"""Workflows against their books while both go on: what passes is no finding, what stays is, and who is silent is said.

The workflows are pretend ones, that say at each look what the test gives them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from support.house import AGENCY, CARD, START, House, attempt
from support.lived import EMPTY
from temporalio.client import WorkflowExecutionStatus, WorkflowQueryRejectedError
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres import outbox
from adapters.postgres.pool import transaction
from billing.agenda import next_step
from billing.facts import NewsArrived, StepFailed
from billing.state import Origin, State, Status
from billing.steps import ReadNews, Wait
from billing.subscription import apply
from worker import agreement
from worker.agreement import Agreement, compare_running
from workflows.messages import StatusView, subscription_workflow_id

SILENT: Final = RPCError("no poller", RPCStatusCode.FAILED_PRECONDITION, b"")
GONE: Final = RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
TERMINATED: Final = WorkflowQueryRejectedError(WorkflowExecutionStatus.TERMINATED)
LOOKS: Final = (0.0, 0.0)
"""Two more looks, without a pause."""
Says = State | Exception


@dataclass
class Workflows:
    """Stands for Temporal's client. What a workflow says last, it says from then on."""

    says: dict[str, list[Says]]
    asked: list[str] = field(default_factory=list)

    def get_workflow_handle(self, id: str) -> Any:
        return _Handle(self, id)


@dataclass
class _Handle:
    workflows: Workflows
    id: str

    async def query(self, name: str, **_: Any) -> StatusView:
        self.workflows.asked.append(self.id)
        given = self.workflows.says[self.id]
        said = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(said, Exception):
            raise said
        return _view(said)


def _view(state: State) -> StatusView:
    step = next_step(state, state.clock)
    return StatusView(state, state.clock, step.until if isinstance(step, Wait) else state.clock, "")


async def _compare(house: House, **says: Sequence[Says]) -> Agreement:
    workflows = Workflows({subscription_workflow_id(f"sub_{name}"): list(said) for name, said in says.items()})
    return await compare_running(house.pool, workflows, LOOKS)  # type: ignore[arg-type]


async def _owing(house: House, name: str = "anna") -> State:
    """A subscription whose first invoice was declined: it owes, and its ladder waits for its date."""
    state = await house.issue(await house.subscribed(name, card=CARD), START)
    return await house.charge(state, START, EMPTY)


async def test_who_says_the_same_agrees(house: House) -> None:
    anna, bert = await _owing(house), await _owing(house, "bert")
    found = await _compare(house, anna=[anna], bert=[bert])
    assert (found.asked, found.unasked, found.compared.wrong) == (2, 0, ())
    assert found.compared.figures == "2 running workflows agree with the books"


async def _status_differs(house: House, s: State) -> tuple[State, str]:
    return replace(s, status=Status.PAST_DUE), "sub_anna: past_due in the workflow, active in the books"


async def _period_differs(house: House, s: State) -> tuple[State, str]:
    assert s.period
    return replace(s, period=replace(s.period, number=2)), "sub_anna: period Period(number=2"


async def _debt_differs(house: House, s: State) -> tuple[State, str]:
    return replace(s, debt=(), ladder=None), "sub_anna: owes [] in the workflow, ['inv_anna_p1'] are open in the books"


async def _amount_differs(house: House, s: State) -> tuple[State, str]:
    told = "sub_anna: 3000 is due of inv_anna_p1 in the workflow, 4900 in the books"
    return replace(s, debt=(replace(s.debt[0], amount=3000),)), told


async def _attempt_is_forgotten(house: House, s: State) -> tuple[State, str]:
    async with house.store.transaction() as books:
        await books.begin_attempt(s.id, attempt("inv_anna_p1", 2), Origin.LADDER, START)
    return s, "sub_anna: attempt 2 on inv_anna_p1 is in flight in the books, and nobody waits for it"


@pytest.mark.parametrize(
    "differ", [_status_differs, _period_differs, _debt_differs, _amount_differs, _attempt_is_forgotten]
)
async def test_what_differs_at_every_look_is_wrong(house: House, differ: Any) -> None:
    said, sentence = await differ(house, await _owing(house))
    found = await _compare(house, anna=[said])
    assert len(found.compared.wrong) == 1
    assert found.compared.wrong[0].startswith(sentence)


async def test_what_differs_for_a_moment_is_not(house: House) -> None:
    anna = await _owing(house)
    behind = replace(anna, status=Status.PAST_DUE)
    assert (await _compare(house, anna=[behind, anna])).compared.wrong == ()
    # Something else each time: it is being moved, and nothing stays.
    passing = await _compare(house, anna=[behind, replace(anna, debt=(), ladder=None), behind])
    assert passing.compared.wrong == ()
    assert "1 with a step under way or to be repeated not compared" in passing.compared.figures


async def test_who_has_a_step_under_way_or_failing_is_counted_and_not_judged(house: House) -> None:
    anna, bert = await _owing(house), await _owing(house, "bert")
    busy = replace(apply(anna, NewsArrived(anna.clock)), status=Status.PAST_DUE)
    failing = apply(apply(bert, NewsArrived(bert.clock)), StepFailed(bert.clock, ReadNews().key, "down"))
    found = await _compare(house, anna=[busy], bert=[replace(failing, status=Status.PAST_DUE)])
    assert found.compared.wrong == ()
    assert found.compared.figures == (
        "0 running workflows agree with the books, 2 with a step under way or to be repeated not compared"
    )


@pytest.mark.parametrize(("says", "why"), [(GONE, "is not there"), (TERMINATED, "has ended (terminated)")])
async def test_a_workflow_that_does_not_run_is_wrong(house: House, says: Exception, why: str) -> None:
    await _owing(house)
    found = await _compare(house, anna=[says])
    assert found.compared.wrong == (f"sub_anna: its workflow {why}, and in the books it runs",)


async def test_a_workflow_that_is_still_to_be_started_is_not(house: House) -> None:
    await house.subscribed("anna")
    async with transaction(house.pool) as connection:
        await outbox.add(connection, AGENCY, outbox.START, outbox.start_key("sub_anna"), {}, START)
    found = await _compare(house, anna=[GONE])
    assert found.compared.wrong == ()
    assert found.compared.figures.endswith(", 1 still to be started")


async def test_a_subscription_that_ends_between_two_looks_is_settled(house: House) -> None:
    await _owing(house)

    class Ending(Workflows):
        def get_workflow_handle(self, id: str) -> Any:
            return _EndingHandle(self, id)

    class _EndingHandle(_Handle):
        async def query(self, name: str, **_: Any) -> StatusView:
            await house.pool.execute("UPDATE subscriptions SET finished = true")
            raise TERMINATED

    found = await compare_running(house.pool, Ending({}), LOOKS)  # type: ignore[arg-type]
    assert found.compared.wrong == ()


async def test_who_does_not_answer_is_counted_and_nothing_is_said_of_it(house: House) -> None:
    anna = await _owing(house)
    await _owing(house, "bert")
    found = await _compare(house, anna=[anna], bert=[SILENT])
    assert (found.asked, found.unasked, found.compared.wrong) == (1, 1, ())
    assert found.compared.figures == "1 running workflow agrees with the books, 1 that could not be asked"


async def test_when_nobody_answers_it_is_not_asked_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PAGE", 2)
    names = ("anna", "bert", "carl", "dora", "emil")
    for name in names:
        await house.subscribed(name)
    workflows = Workflows({subscription_workflow_id(f"sub_{name}"): [SILENT] for name in names})
    found = await compare_running(house.pool, workflows, ())  # type: ignore[arg-type]
    assert (found.asked, found.unasked) == (0, 5)
    assert len(workflows.asked) == 2


async def test_pages_leave_nobody_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PAGE", 2)
    states = {name: await _owing(house, name) for name in ("anna", "bert", "carl", "dora", "emil")}
    wrong = {name: replace(state, status=Status.PAST_DUE) for name, state in states.items()}
    found = await _compare(house, **{name: [said] for name, said in wrong.items()})
    assert [sentence.partition(":")[0] for sentence in found.compared.wrong] == [f"sub_{name}" for name in states]
