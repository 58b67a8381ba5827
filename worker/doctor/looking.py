"""How the doctor looks: nothing hangs, and what cannot be looked at is said and keeps nobody else waiting."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg
from temporalio.service import RPCError

from adapters.postgres.pool import CONNECTION_LOST
from adapters.temporal import TemporalAway
from adapters.waiting import at_most
from worker.doctor.findings import Finding, Page, Section, Verdict

Look = Callable[[], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True)
class Place:
    """Something to look at, and what to do when it does not answer within `seconds`."""

    section: Section
    name: str
    do: str
    see: Page
    seconds: float


async def look_at(place: Place, look: Look) -> Sequence[Finding]:
    """What the look finds; when it fails, that alone."""
    try:
        return await at_most(place.seconds, look())
    except TimeoutError as late:
        why = str(late) or "no answer in time"
    except Exception as error:  # one look that fails must not keep the others from being told
        why = _why(error)
    return [Finding(place.section, place.name, Verdict.UNSEEN, f"cannot be looked at: {why}", place.do, place.see)]


def _why(error: Exception) -> str:
    """What is known to carry no secret is told in full; of anything else only what kind of trouble it is.

    asyncpg shows pieces of an address that it cannot read, and a password may be among them.
    """
    if isinstance(error, asyncpg.ClientConfigurationError):
        return type(error).__name__
    told = (TemporalAway, RPCError, asyncpg.PostgresError, *CONNECTION_LOST)
    return f"{type(error).__name__}: {error}" if isinstance(error, told) else type(error).__name__
