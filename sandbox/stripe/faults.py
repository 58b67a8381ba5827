"""What goes wrong on purpose, for which call, and how often; kept in the store, so that a restart keeps the trouble."""

import asyncio
from dataclasses import asdict, dataclass
from enum import StrEnum

from sandbox.stripe.store import Store
from sandbox.stripe.types import Json

EVERY_CALL = "*"


class Fault(StrEnum):
    """The kinds of trouble between a client and Stripe."""

    DROP_ANSWER = "drop_answer"
    ERROR_500 = "error_500"
    DELAY = "delay"
    DELAY_BEFORE = "delay_before"
    REFUSE = "refuse"
    RATE_LIMIT = "rate_limit"


@dataclass(frozen=True)
class PlannedFault:
    """One order for trouble; `times` None means until deleted."""

    id: int
    call: str
    fault: Fault
    times: int | None
    seconds: float

    def as_json(self) -> Json:
        """As the control calls show it."""
        return asdict(self)


class Faults:
    """The orders for trouble that are still open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._planned = self._read()
        self._over = asyncio.Event()

    def planned(self) -> list[PlannedFault]:
        """All of them, oldest first."""
        return list(self._planned)

    def add(self, call: str, fault: Fault, times: int | None, seconds: float) -> None:
        """Order trouble for a call, or with `*` for every call."""
        with self._store.transaction():
            self._store.execute(
                "INSERT INTO faults (call, fault, times, seconds) VALUES (?, ?, ?, ?)", call, fault, times, seconds
            )
        self._planned = self._read()

    def clear(self) -> None:
        """No more trouble; what a delay holds back goes on at once."""
        with self._store.transaction():
            self._store.execute("DELETE FROM faults")
        self._planned = []
        self._over.set()
        self._over = asyncio.Event()

    def over(self) -> asyncio.Event:
        """Set when the faults that are planned now are cleared."""
        return self._over

    def take(self, call: str, *kinds: Fault) -> PlannedFault | None:
        """The oldest order of one of these kinds for this call, used once by asking."""
        for planned in self._planned:
            if planned.fault in kinds and planned.call in (call, EVERY_CALL):
                self._use(planned)
                return planned
        return None

    def _use(self, planned: PlannedFault) -> None:
        if planned.times is None:
            return
        with self._store.transaction():
            self._store.execute("UPDATE faults SET times = times - 1 WHERE id = ?", planned.id)
            self._store.execute("DELETE FROM faults WHERE times <= 0")
        self._planned = self._read()

    def _read(self) -> list[PlannedFault]:
        rows = self._store.execute("SELECT id, call, fault, times, seconds FROM faults ORDER BY id")
        return [PlannedFault(row[0], row[1], Fault(row[2]), row[3], row[4]) for row in rows]
