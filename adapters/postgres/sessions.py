"""Sessions of browsers: one for each hand-over, ended by leaving or by time. All times are the system clock's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.pool import Pool

_REMEMBERED: Final = timedelta(hours=1)
"""After its end: far longer than a hand-over is good for, which therefore opens no second one."""
_SWEPT_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Session:
    """Who is signed in, as the token of the hand-over said. `id` and `hand_over` are hashes."""

    id: str
    hand_over: str
    role: str
    subject: str
    agency_id: str
    client_id: str | None
    permissions: Sequence[str]
    opened_at: datetime
    ends_at: datetime


_COLUMNS: Final = ", ".join(Session.__dataclass_fields__)


async def open_session(pool: Pool, session: Session) -> bool:
    """Whether it was opened: False when its hand-over opened one before.

    Sessions that have ended some time ago are forgotten on the way.
    """
    await pool.execute(
        "DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions WHERE ends_at < $1 LIMIT $2)",
        session.opened_at - _REMEMBERED,
        _SWEPT_AT_ONCE,
    )
    opened = await pool.fetchval(
        f"INSERT INTO browser_sessions ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "ON CONFLICT (hand_over) DO NOTHING RETURNING true",
        *(getattr(session, column) for column in Session.__dataclass_fields__),
    )
    return bool(opened)


async def session(pool: Pool, id: str, now: datetime) -> Session | None:
    """The session, while it lasts."""
    row = await pool.fetchrow(f"SELECT {_COLUMNS} FROM browser_sessions WHERE id = $1 AND ends_at > $2", id, now)
    return Session(**row) if row else None


async def end_session(pool: Pool, id: str, now: datetime) -> None:
    """It lasts no longer. The row stays for a while, so that its hand-over opens no other."""
    await pool.execute("UPDATE browser_sessions SET ends_at = least(ends_at, $2) WHERE id = $1", id, now)
