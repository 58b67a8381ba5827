"""The calls of the year: made once, from each client's minutes, for `examples/calls.csv`; read from there by the demo.

The file is written for periods that begin on 31 January 2026 in New York and on 1 February in Tokyo, and names clients
by their external ids. The demo's own periods begin on another 31st: a call keeps its distance from the beginning of its
period.

`python -m sandbox.demo.calls` writes the file anew.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from billing.periods import boundary
from sandbox.bodies import rfc3339
from sandbox.demo.cast import BRIGHT, CLIENTS, DAY, HINODE, NAMI, Client

FILE: Final = Path(__file__).resolve().parents[2] / "examples" / "calls.csv"
COLUMNS: Final = ("call_id", "client_id", "started_at", "duration_seconds", "outcome")
WRITTEN_FOR: Final = {
    BRIGHT: datetime(2026, 1, 31, 14, 30, tzinfo=UTC),
    HINODE: datetime(2026, 2, 1, 0, 0, tzinfo=UTC),
}
MOVED_IN: Final = datetime(2026, 7, 11, 0, 0, tzinfo=UTC)
"""When the first period begins of the client that is moved in during the summer."""
DAY_SECONDS: Final = round(8.5 * 3600)
"""How long a working day is; it begins with the hour at which periods do."""
LONGEST_MINUTES: Final = 19
FAILED_IN: Final = 40
"""One call in so many fails."""


@dataclass(frozen=True)
class Call:
    """One call: in which of its client's periods, counted from 0, and how long after that began."""

    period: int
    call_id: str
    client: str
    after: timedelta
    duration_seconds: int
    outcome: str

    def as_json(self, client_id: str, started_at: datetime) -> dict[str, object]:
        """As `POST /v1/usage/calls` takes it."""
        return {
            "call_id": self.call_id,
            "client_id": client_id,
            "started_at": rfc3339(started_at),
            "duration_seconds": self.duration_seconds,
            "outcome": self.outcome,
        }


def read_calls(file: Path = FILE) -> list[Call]:
    """Every call, in the file's order."""
    clients = {client.external_id: client for client in CLIENTS}
    with file.open(newline="", encoding="utf-8") as lines:
        return [_read(row, clients[row["client_id"]]) for row in csv.DictReader(lines)]


def _read(row: dict[str, str], client: Client) -> Call:
    started_at = datetime.fromisoformat(row["started_at"])
    period = next(n for n in count() if started_at < _written_for(client, n + 1))
    after = started_at - _written_for(client, period)
    return Call(period, row["call_id"], client.external_id, after, int(row["duration_seconds"]), row["outcome"])


def _written_for(client: Client, n: int) -> datetime:
    anchor = MOVED_IN if client is NAMI else WRITTEN_FOR[client.agency] + client.after
    return boundary(anchor, client.agency.zone, n)


def write_calls(clients: Sequence[Client] = CLIENTS) -> str:
    """The file's text, in the order of time. The same clients always make the same calls."""
    made = sorted(
        (at, client.external_id, seconds, outcome) for client in clients for at, seconds, outcome in _calls(client)
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, (at, client_id, seconds, outcome) in enumerate(made, start=1):
        writer.writerow([f"call-{number:04}", client_id, rfc3339(at), seconds, outcome])
    return text.getvalue()


def _calls(client: Client) -> Iterator[tuple[datetime, int, str]]:
    for period, minutes in enumerate(client.minutes):
        chance = random.Random(f"{client.external_id} {period}")
        began_at = _written_for(client, period)
        for seconds, outcome in _durations(chance, minutes):
            on_day = chance.randrange(client.busy_days) * DAY
            yield began_at + on_day + timedelta(seconds=chance.randrange(DAY_SECONDS)), seconds, outcome


def _durations(chance: random.Random, minutes: int) -> Iterator[tuple[int, str]]:
    """Calls that come to so many minutes, each rounded up; a failed one is free."""
    while minutes:
        if chance.randrange(FAILED_IN) == 0:
            yield chance.randrange(1, 30), "failed"
        billed = min(chance.randint(1, LONGEST_MINUTES), minutes)
        yield 60 * (billed - 1) + chance.randint(1, 60), "completed"
        minutes -= billed


if __name__ == "__main__":
    FILE.write_text(write_calls(), encoding="utf-8")
