"""A workflow whose timer never ends though its time has come is moved once more, by a moment."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox import clock
from sandbox.clock import NUDGE, NotAtRest, Queues, TimeMachine
from sandbox.home import Home
from sandbox.runs import DUE, Run


class _Runs:
    """One workflow that is due until it is moved, if that helps."""

    def __init__(self, run: Run, *, helps: bool) -> None:
        self.run = run
        self.hops: list[datetime] = []
        self._helps = helps

    async def look(self) -> list[Run]:
        return [self.run]

    async def hop(self, run: Run, to: datetime) -> None:
        self.hops.append(to)
        if self._helps:
            self.run = replace(self.run, events=self.run.events + 2, busy=None)


async def _idle(now: datetime) -> Queues:
    return Queues([], None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(clock, "OVERDUE_SECONDS", 0.05)
    home = Home(tmp_path)
    home.open()
    return home


async def test_what_stays_due_is_moved_once_more(home: Home) -> None:
    now = home.now()
    runs = _Runs(Run("one", "run", now, now, 7, DUE), helps=True)
    await TimeMachine(home, cast(Any, runs), _idle).rest(5)
    assert runs.hops == [now + NUDGE]


async def test_what_stays_due_all_the_same_is_told(home: Home) -> None:
    now = home.now()
    runs = _Runs(Run("one", "run", now, now, 7, DUE), helps=False)
    with pytest.raises(NotAtRest, match="one is due"):
        await TimeMachine(home, cast(Any, runs), _idle).rest(0.3)
    assert runs.hops


async def test_what_is_being_done_is_not_moved(home: Home) -> None:
    now = home.now()
    runs = _Runs(Run("one", "run", now, now, 7, "has a workflow task"), helps=False)
    with pytest.raises(NotAtRest):
        await TimeMachine(home, cast(Any, runs), _idle).rest(0.3)
    assert not runs.hops
