"""An answer is waited for so long and no longer, also of what cannot be given up."""

import asyncio
import gc

import pytest

from adapters.waiting import at_most


async def test_an_answer_is_given_and_a_failure_too() -> None:
    async def fails() -> None:
        raise OSError("nobody")

    assert await at_most(5, asyncio.sleep(0, "here")) == "here"
    with pytest.raises(OSError, match="nobody"):
        await at_most(5, fails())


async def test_what_cannot_even_be_given_up_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    confirmed, ended = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await confirmed.wait()
            ended.set()
            raise OSError("gone meanwhile") from None

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError, match="no answer within"):
            await at_most(0.05, hangs())
    assert not ended.is_set()
    confirmed.set()
    await ended.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert [one.message for one in caplog.records if one.name == "asyncio"] == []


async def test_who_waits_no_longer_gives_it_up() -> None:
    given_up = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    waiting = asyncio.create_task(at_most(5, waits()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait_for(given_up.wait(), 5)
