"""What the session's fixtures hand out (tests/conftest.py)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class Eventually(Protocol):
    """Ask until the answer is true, and return it; the last answer is shown when it never was."""

    async def __call__(self, ask: Callable[[], Awaitable[T]], *, seconds: float = 20.0) -> T: ...


@dataclass(frozen=True)
class StripeServer:
    """An emulator of this session's own. `clock_file` holds the seconds by which it is ahead of the wall clock."""

    base: str
    api_key: str
    clock_file: Path
