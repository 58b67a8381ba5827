"""To wait for an answer, and no longer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def at_most(seconds: float, call: Awaitable[T]) -> T:
    """The answer of a call; TimeoutError when it takes longer.

    What is given up is not waited for, as asyncio.wait_for does: PostgreSQL's client ends a query only when the server
    has confirmed it, and a server that hangs confirms nothing.
    """
    asking = asyncio.ensure_future(call)
    asking.add_done_callback(_heard)
    try:
        done, _ = await asyncio.wait({asking}, timeout=seconds)
    finally:
        asking.cancel()
    if not done:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return asking.result()


def _heard(asked: "asyncio.Future[T]") -> None:
    """Of what was given up nobody else asks how it ended, and asyncio would complain of that."""
    if not asked.cancelled():
        asked.exception()
