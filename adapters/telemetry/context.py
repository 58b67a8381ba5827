"""What the work under way is about: ids that stand in every log line written during it, and are nowhere passed on.

A request, an activity or an event is one `bound` block. Each runs in an asyncio task of its own, and so does its
context.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Final

_NOTHING: Final[Mapping[str, str]] = {}
_known: ContextVar[Mapping[str, str]] = ContextVar("retainer_context", default=_NOTHING)


@contextlib.contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Inside the block the ids are known, beside those that are already. What is empty is left out."""
    token = _known.set(_joined(ids))
    try:
        yield
    finally:
        _known.reset(token)


def bind(**ids: str | None) -> None:
    """From here on these are known too: to the end of the `bound` block around, or of the task."""
    _known.set(_joined(ids))


def current() -> Mapping[str, str]:
    return _known.get()


def _joined(ids: Mapping[str, str | None]) -> Mapping[str, str]:
    return {**_known.get(), **{name: value for name, value in ids.items() if value}}
