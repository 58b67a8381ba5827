"""The books end with the workflow's state, also when a command and a step are written in another order than learned."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support import recording
from support.recording import Life, a_life
from support.world import card

from activities.messages import Outcome, Work
from adapters.postgres.projection import newer
from billing.agenda import next_step
from billing.facts import CardSaved, Fact
from billing.state import Forgive, State, Status
from billing.steps import Finish, ReadNews
from billing.subscription import apply
from workflows.messages import Cancel, StatusView
from workflows.subscription import SubscriptionWorkflow


class Books:
    """Keeps one projection, as the store does. What is read reaches it before, and the workflow after, a command."""

    def __init__(self, life: Life) -> None:
        self._life, self._outcome = life, life.outcome
        self.state: State | None = None
        self.read = asyncio.Event()

    def write(self, state: State, learned: tuple[Fact, ...]) -> Outcome:
        current = newer(self.state or state, state, learned)
        for fact in learned:
            current = apply(current, fact)
        self.state = current
        return Outcome(learned, current.version)

    async def outcome(self, work: Work) -> Outcome:
        outcome = await self._outcome(work)
        if isinstance(work.step, ReadNews):
            self.read.set()
            await asyncio.gather(*self._life.beside)
        return outcome


async def test_a_cancellation_that_reaches_the_books_after_news_that_the_workflow_learned_later(
    temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_life(temporal_address, tmp_path) as life:
        books = Books(life)
        monkeypatch.setattr(recording, "_written", books.write)
        monkeypatch.setattr(life, "outcome", books.outcome)
        await life.begin()

        # Accepted while the news is being read, and written when that is in the books, with a later instant.
        cancel = Cancel("now", Forgive.NONE, "agency")
        life.while_in_flight("read_news", lambda: life.ask_beside(SubscriptionWorkflow.cancel, cancel))
        life.while_in_flight("record", books.read.wait)
        await life.tell(CardSaved(life.home.now() + timedelta(seconds=2), card("mastercard")))
        await life.machine.rest()

        view: StatusView = await life.handle.query(SubscriptionWorkflow.status)
        assert (view.state.status, view.state.card) == (Status.CANCELLED, card("mastercard"))
        assert books.state
        assert books.state == replace(view.state, version=books.state.version)

        # So the books see the end when the workflow does.
        await life.days(1)
        assert isinstance(next_step(books.state, life.home.now()), Finish)
