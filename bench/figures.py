"""What benchmarks answer: figures, each with its bound where it has one, printed as one table."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
_TITLES: Final = ("figure", "measured", "bound", "")


@dataclass(frozen=True)
class Figure:
    """One measured value. Without a bound it is reported only; `detail` says what it was made of."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound is met; none without one."""
        if self.at_least is not None:
            return self.value >= self.at_least
        if self.at_most is not None:
            return self.value <= self.at_most
        return None

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"≥ {_text(self.at_least, self.unit)}"
        return "" if self.at_most is None else f"≤ {_text(self.at_most, self.unit)}"

    @property
    def measured(self) -> str:
        return _text(self.value, self.unit)


def table(figures: Sequence[Figure]) -> str:
    """Aligned columns: figure, measured, bound, met or not, and below each what it was made of."""
    words = {True: "met", False: "NOT MET", None: "reported"}
    rows = [_TITLES, *((f.name, f.measured, f.bound, words[f.met]) for f in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    lines = [
        f"{name:{widths[0]}}  {measured:>{widths[1]}}  {bound:>{widths[2]}}  {met}".rstrip()
        for name, measured, bound, met in rows
    ]
    below = ["", *(f"  {figure.detail}" if figure.detail else "" for figure in figures)]
    return "\n".join(line for pair in zip(lines, below, strict=True) for line in pair if line)


def verdict(figures: Sequence[Figure], unmeasured: Mapping[str, str]) -> str:
    """In words below the table: how many bounds are met, which are not, and which benchmarks failed, with why."""
    bound = [figure for figure in figures if figure.met is not None]
    missed = [figure for figure in bound if not figure.met]
    lines = [f"{len(bound) - len(missed)} of {len(bound)} bounds are met."]
    lines += [f"Not met: {figure.name}: {figure.measured}, not {figure.bound}" for figure in missed]
    lines += [f"Not measured: {name}: {why}" for name, why in unmeasured.items()]
    return "\n".join(lines)


def status(figures: Sequence[Figure], unmeasured: Mapping[str, str]) -> int:
    """For the shell: 0 all is measured and every bound met, 1 a bound is not, 2 something could not be measured."""
    if unmeasured:
        return 2
    return int(any(figure.met is False for figure in figures))


def as_json(figures: Sequence[Figure]) -> str:
    """The same for programs, with the values as they were measured."""
    found = [
        {
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "at_least": figure.at_least,
            "at_most": figure.at_most,
            "met": figure.met,
            "detail": figure.detail,
        }
        for figure in figures
    ]
    return json.dumps(found, indent=2, ensure_ascii=False)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("no values, no percentile")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def _text(value: float, unit: str) -> str:
    """Three digits say all that such a figure says."""
    digits = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 2)}f} {unit}".rstrip()
