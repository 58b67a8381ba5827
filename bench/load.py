"""Load that does not wait for its answers: who comes at a rate comes also while the server is slow."""

import asyncio
from collections.abc import Awaitable, Callable


async def open_loop(rate: float, count: int, request: Callable[[int], Awaitable[None]]) -> list[float]:
    """Send `count` requests, `rate` a second; how many seconds each took from the instant at which it was due."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def one(number: int) -> float:
        due = begun + number / rate
        await asyncio.sleep(due - loop.time())
        await request(number)
        return loop.time() - due

    return await asyncio.gather(*(one(number) for number in range(count)))
