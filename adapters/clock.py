"""Business time (architecture, "Time"): the wall's, or in the sandbox the wall's moved by what a file says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.settings import Settings


class WallClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FileClock:
    """The sandbox's one clock: the wall clock plus the seconds in a file, read at every `now()`.

    The file is replaced atomically by whoever moves the time, so that every process jumps at once. A missing or
    unreadable file raises: time that falls back to the wall's would run backwards by months.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._path.read_text(encoding="ascii")))


def clock_of(settings: Settings) -> WallClock | FileClock:
    """The clock that the settings name."""
    return FileClock(settings.sandbox_clock_file) if settings.sandbox_clock_file else WallClock()
