"""Where calls of one report count: spans of time in which all calls of a client count alike (billing-rules 4)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from adapters.postgres.calls import Details
from adapters.postgres.keys import place_of
from adapters.postgres.rollups import Metered, Shifts
from adapters.postgres.windows import UNBILLED_INCREMENT, Window, trial_of, unbilled_at, window_of
from billing.days import day_span
from billing.usage import Unbilled

_DAY: Final = timedelta(days=1)


class Verdict(NamedTuple):
    """What became of one reported call. `code` says why it was rejected or is not billed, `detail` the particulars."""

    result: Literal["accepted", "duplicate", "unbilled", "rejected"]
    code: str | None = None
    detail: str | None = None


ACCEPTED: Final = Verdict("accepted")
DUPLICATE: Final = Verdict("duplicate")


class Span:
    """A span of a client's time that no edge of a period, and no midnight of UTC or of the subscription's zone,
    divides; and the report's calls that start in it: a line each, and the sum of their billed seconds."""

    def __init__(
        self,
        agency: str,
        client: str,
        bounds: tuple[datetime, datetime],
        day: date,
        window: Window | None,
        unbilled: Unbilled | None,
        *,
        late: bool,
    ) -> None:
        """`day` is that of UTC. `late`: the period is already frozen. A trial has a window, and its calls are
        unbilled."""
        self.client, self.day, self.window, self.unbilled, self.late = client, day, window, unbilled, late
        self.start, self.end = bounds
        subscription, period = (window.subscription, window.number) if window else (None, None)
        self.place = place_of(agency, client, subscription, period, unbilled, late=late)
        """The part of a key that all calls here have in common."""
        self.verdict = Verdict("unbilled", unbilled) if unbilled else ACCEPTED
        self.increment = window.increment if window else UNBILLED_INCREMENT
        self.lines: list[str] = []
        self.seconds = 0

    def count(self, line: str, seconds: int) -> None:
        """Add a call that starts here, with its billed seconds."""
        self.lines.append(line)
        self.seconds += seconds


class Spans:
    """The spans that a report's calls fall into, found as they are asked for."""

    def __init__(self, agency: str, windows: Mapping[str, Sequence[Window]], over: frozenset[str]) -> None:
        """`over`: subscriptions that get no further invoice, so that late calls of theirs are not billed."""
        self._agency = agency
        self._windows = windows
        self._over = over
        self._latest: dict[str, Span] = {}
        self._of: dict[str, list[Span]] = defaultdict(list)

    def of(self, client: str, at: datetime) -> Span:
        """The span that holds the instant. Calls mostly come in order of time: the latest span is tried first."""
        latest = self._latest.get(client)
        if latest is None or not latest.start <= at < latest.end:
            latest = self._known(client, at) or self._find(client, at)
            self._latest[client] = latest
        return latest

    def _known(self, client: str, at: datetime) -> Span | None:
        return next((span for span in self._of[client] if span.start <= at < span.end), None)

    def _find(self, client: str, at: datetime) -> Span:
        windows = self._windows[client]
        window, unbilled = window_of(windows, at), None
        late = window is not None and window.frozen
        if window is None:
            window, unbilled = trial_of(windows, at), unbilled_at(windows, at)
        elif late and window.subscription in self._over:
            window, late, unbilled = None, False, Unbilled.ENDED
        midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        edges = [midnight, midnight + _DAY, *(edge for w in windows for edge in (w.start, w.end))]
        if window:
            edges += day_span(window.zone, at)
        start, end = max(edge for edge in edges if edge <= at), min(edge for edge in edges if edge > at)
        span = Span(self._agency, client, (start, end), midnight.date(), window, unbilled, late=late)
        self._of[client].append(span)
        return span

    def totals(self) -> tuple[Shifts, list[Details]]:
        """What the counted calls add to the rollups, and the rows of their details."""
        filled = [span for of_client in self._of.values() for span in of_client if span.lines]
        shifts = Shifts()
        for span in filled:
            if span.window and not span.late:
                day = span.window.day(span.start)
                shifts.add(span.window.subscription, span.window.number, day, span.seconds, len(span.lines))
        return shifts, [Details(span.client, span.day, "\n".join(span.lines)) for span in filled]

    def periods(self) -> dict[tuple[str, int], Metered]:
        """The periods that `totals` moves, as they were known."""
        windows = (span.window for of_client in self._of.values() for span in of_client)
        return {(window.subscription, window.number): window.metered for window in windows if window}
