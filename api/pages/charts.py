"""Figures as inline SVG, drawn by the stylesheet's classes: the policy of the pages takes no inline style.

Each stands beside the same figures in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

_FULL: Final = 100.0
_BAR: Final = 0.72
"""How much of its place a bar fills."""


@dataclass(frozen=True)
class Meter:
    """Parts of a whole width of 100: what is used within the limit, what is over, and where the limit is."""

    used: float
    over: float
    limit: float


@dataclass(frozen=True)
class Bar:
    """A bar of a chart of 100 by 100, standing on its ground."""

    x: float
    width: float
    y: float
    height: float
    label: str
    value: float


@dataclass(frozen=True)
class Chart:
    bars: Sequence[Bar]
    highest: float
    """What the top of the chart stands for."""


def meter(used: float, included: float) -> Meter:
    """The whole is the limit, or the use where that is more."""
    whole = max(used, included) or 1.0
    within = min(used, included)
    return Meter(*(round(part / whole * _FULL, 2) for part in (within, used - within, included)))


def bars(values: Sequence[tuple[str, float]]) -> Chart:
    """Side by side from the ground up, the highest as high as the chart."""
    highest = max((value for _, value in values), default=0.0)
    place = _FULL / max(len(values), 1)
    gap = place * (1 - _BAR) / 2
    drawn = []
    for position, (label, value) in enumerate(values):
        height = round(value / highest * _FULL, 2) if highest else 0.0
        x, width = round(position * place + gap, 2), round(place * _BAR, 2)
        drawn.append(Bar(x, width, round(_FULL - height, 2), height, label, value))
    return Chart(drawn, highest)


def days_of(period: Mapping[str, Any], zone: str) -> list[date]:
    """The days on which a period has time, in the zone in which they are counted."""
    start, end = (datetime.fromisoformat(period[name]).astimezone(ZoneInfo(zone)) for name in ("start", "end"))
    last = (end - timedelta(microseconds=1)).date()
    return [start.date() + timedelta(days=ahead) for ahead in range((last - start.date()).days + 1)]
