"""What looking for broken invariants comes to: one finding for each, whoever looked."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from adapters.postgres.compared import Compared

SHOWN: Final = 5
"""How much of what is wrong with one invariant is told; the rest is counted."""


@dataclass(frozen=True)
class Finding:
    """What one invariant came to."""

    id: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """All invariants, in the order of their numbers."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        invariants = [{"id": found.id, "ok": found.ok, "detail": found.detail} for found in self.findings]
        return {"ok": self.ok, "invariants": invariants}


def summed_up(comparisons: Iterable[Compared]) -> Report:
    """One finding for each invariant, of all that was compared for it."""
    in_order = sorted(comparisons, key=_number)
    return Report(tuple(_finding(f"I{number}", tuple(found)) for number, found in groupby(in_order, key=_number)))


def _number(compared: Compared) -> int:
    return int(compared.id.removeprefix("I"))


def _finding(id: str, comparisons: tuple[Compared, ...]) -> Finding:
    figures = "; ".join(compared.figures for compared in comparisons)
    wrong = [sentence for compared in comparisons for sentence in compared.wrong]
    told = "; ".join(wrong[:SHOWN]) + (f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
    return Finding(id, not wrong, f"{figures} – but {told}" if wrong else figures)
