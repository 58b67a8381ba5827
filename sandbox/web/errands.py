"""What the bar was asked to do: each errand goes on by itself, is waited for a little while, and is told once."""

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from sandbox.web.asking import InVain, Json

PATIENCE_SECONDS: Final = 2.5
"""How long a browser waits for the page that comes after; then it is shown that the time machine is at work."""
_KEPT: Final = 20
COOKIE: Final = "sandbox-errand"


@dataclass(frozen=True)
class News:
    """What an errand came to, in a sentence, and the timeline's entries of the meantime."""

    title: str
    bad: bool = False
    facts: tuple[Json, ...] = ()


@dataclass
class Errand:
    id: str
    back: str
    """The page that it was asked for on."""
    task: asyncio.Task[News]
    is_told: bool = False

    async def waited(self, seconds: float) -> bool:
        """Whether it is done within this time."""
        done, _ = await asyncio.wait({self.task}, timeout=seconds)
        return bool(done)


class Errands:
    """Those of one API process, the newest of them; one that was begun before it was restarted is forgotten."""

    def __init__(self) -> None:
        self._known: dict[str, Errand] = {}

    def begin(self, doing: Coroutine[Any, Any, News], back: str) -> Errand:
        errand = Errand(secrets.token_urlsafe(12), back, asyncio.create_task(_told(doing)))
        self._known[errand.id] = errand
        for old in list(self._known)[:-_KEPT]:
            if self._known[old].task.done():
                del self._known[old]
        return errand

    def find(self, id: str) -> Errand | None:
        return self._known.get(id)

    def news(self, id: str) -> News | None:
        """Of an errand that is done, the first time that it is asked for."""
        errand = self._known.get(id)
        if errand is None or errand.is_told or not errand.task.done():
            return None
        errand.is_told = True
        return errand.task.result()


async def _told(doing: Coroutine[Any, Any, News]) -> News:
    try:
        return await doing
    except InVain as said:
        return News(str(said), bad=True)
