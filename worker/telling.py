"""Carries messages out of the house: mail and webhooks, each channel at its own pace (billing-rules 9).

A delivery is a row that was written with its fact. It is claimed under a lease, handed over, and marked: who is killed
between the two is replaced after the lease, and the message goes out once more under the same id (docs/adr/0015).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from adapters.handover import Moot, NotTaken
from adapters.postgres import message_deliveries
from adapters.postgres.message_deliveries import Claimed
from adapters.postgres.pool import CONNECTION_LOST, Pool
from adapters.telemetry import metrics
from adapters.telemetry.context import bind
from billing.notices import Channel

_BATCH: Final = 20
PAUSES: Final = tuple(
    timedelta(minutes=minutes) for minutes in (5 / 60, 5, 30, 2 * 60, 5 * 60, 10 * 60, 14 * 60, 20 * 60, 20 * 60)
)
"""Between the attempts on one delivery: ten within three days, as Standard Webhooks proposes."""

HandOver = Callable[[Claimed], Awaitable[int]]
"""Gives a message to the server that takes it; its answer's code. Raises NotTaken and Moot."""
GivenUp = Callable[[Claimed, NotTaken], Awaitable[None]]

log = logging.getLogger(__name__)


async def _nothing(claimed: Claimed, why: NotTaken) -> None:
    return


class Telling:
    """Carries the deliveries of one channel, each within its lease.

    `given_up` is told of each that will not be tried again.
    """

    def __init__(
        self, pool: Pool, channel: Channel, lease: timedelta, hand_over: HandOver, given_up: GivenUp = _nothing
    ) -> None:
        self._pool = pool
        self._lease = lease
        self._channel = channel
        self._hand_over = hand_over
        self._given_up = given_up

    async def carry(self) -> bool:
        """One batch; whether there may be more. Raises what a lost database raises."""
        claimed = await message_deliveries.claim(self._pool, self._channel, _BATCH, self._lease)
        outcomes = await asyncio.gather(*map(self._carry, claimed), return_exceptions=True)
        for failure in outcomes:
            if failure is not None:
                raise failure
        return bool(claimed)

    async def _carry(self, claimed: Claimed) -> None:
        bind(agency=claimed.agency_id, client=claimed.client_id)
        try:
            answer = await self._hand_over(claimed)
        except Moot as moot:
            await message_deliveries.dropped(self._pool, claimed, str(moot))
            self._count("dropped")
        except NotTaken as not_taken:
            await self._not_taken(claimed, not_taken)
        except CONNECTION_LOST:
            raise  # the lease ends by itself
        except Exception:
            log.exception("a message could not be made", extra={"delivery": claimed.id})
            await self._not_taken(claimed, NotTaken("a defect of ours: see the log"))
        else:
            await message_deliveries.delivered(self._pool, claimed, answer)
            self._count("carried")

    async def _not_taken(self, claimed: Claimed, why: NotTaken) -> None:
        pause = None if why.for_good else pause_after(claimed.attempts)
        extra = {"delivery": claimed.id, "attempts": claimed.attempts, "channel": self._channel.value}
        if pause is not None:
            log.warning("a message was not taken: %s", why, extra=extra)
            await message_deliveries.again(self._pool, claimed, pause, why.answer, str(why))
            self._count("away")
            return
        log.error("a message was given up: %s", why, extra=extra)
        if await message_deliveries.failed(self._pool, claimed, why.answer, str(why)):
            await self._given_up(claimed, why)
        self._count("failed")

    def _count(self, result: str) -> None:
        metrics.DELIVERIES.labels(self._channel.value, result).inc()


def pause_after(attempts: int) -> timedelta | None:
    """How long a delivery waits after so many attempts; none: three days are over."""
    return PAUSES[attempts - 1] if attempts <= len(PAUSES) else None
