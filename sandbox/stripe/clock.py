"""What time is it: on a bill (the sandbox's time), and on the wire (the wall's)."""

import time
from pathlib import Path


class Clock:
    """Sandbox time is wall time plus the decimal number of seconds in a file that others replace atomically."""

    def __init__(self, offset_file: Path) -> None:
        self._offset_file = offset_file

    def now(self) -> int:
        """Seconds since the epoch in sandbox time: everything that a bill can show."""
        return int(self.wall() + self._offset_seconds())

    def wall(self) -> float:
        """Seconds since the epoch outside: signatures and delivery backoff, which real servers check."""
        return time.time()

    def _offset_seconds(self) -> float:
        try:
            return float(self._offset_file.read_text())
        except FileNotFoundError:
            return 0.0
