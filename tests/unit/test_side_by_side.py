"""Servers that are started side by side: when one fails, the others are waited for, so that all can be stopped."""

import asyncio

import pytest

from sandbox.stack import _side_by_side


async def test_a_failure_is_told_when_nothing_is_being_started_any_more() -> None:
    ended: list[str] = []

    async def fails() -> None:
        raise RuntimeError("no such port")

    async def starts() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        ended.append("started")

    with pytest.raises(RuntimeError, match="no such port"):
        await _side_by_side(fails(), starts())
    assert ended == ["started"]
