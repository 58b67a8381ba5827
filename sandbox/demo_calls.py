"""The calls of the demo, out of `examples/calls.csv`.

The file is written for periods that begin on 31 January 2026, 09:30 in New York, and names clients by their external
ids. The demo's own periods begin on another 31st: a call keeps its distance from the beginning of its period.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from billing.periods import boundary
from sandbox.bodies import rfc3339

FILE = Path(__file__).resolve().parent.parent / "examples" / "calls.csv"
ZONE = "America/New_York"
WRITTEN_FOR = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """One call of the file: in which period of the demo, and when."""

    period: int
    call_id: str
    client: str
    started_at: datetime
    duration_seconds: int
    outcome: str

    def as_json(self, client_id: str) -> dict[str, object]:
        """As `POST /v1/usage/calls` takes it."""
        return {
            "call_id": self.call_id,
            "client_id": client_id,
            "started_at": rfc3339(self.started_at),
            "duration_seconds": self.duration_seconds,
            "outcome": self.outcome,
        }


def read_calls(anchor: datetime, file: Path = FILE) -> list[Call]:
    """Every call, moved to the periods of `anchor`, in the file's order."""
    with file.open(newline="", encoding="utf-8") as lines:
        return [_moved(row, anchor) for row in csv.DictReader(lines)]


def _moved(row: dict[str, str], anchor: datetime) -> Call:
    written = datetime.fromisoformat(row["started_at"])
    period = next(n for n in count() if written < boundary(WRITTEN_FOR, ZONE, n + 1))
    started_at = boundary(anchor, ZONE, period) + (written - boundary(WRITTEN_FOR, ZONE, period))
    return Call(period, row["call_id"], row["client_id"], started_at, int(row["duration_seconds"]), row["outcome"])
