"""docs/observability.md names every figure there is, and the alerts of docs/operations.md ask for no other."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.postgres.vitals import Vitals, Waiting
from adapters.telemetry.metrics import REGISTRY
from adapters.telemetry.vitals import VitalFigures

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "observability.md").read_text(encoding="utf-8")
ALERTS: Final = (DOCS / "operations.md").read_text(encoding="utf-8").partition("\n## Metrics\n")[2]
SUFFIXES: Final = {"counter": ("_total",), "histogram": ("", "_bucket", "_sum", "_count"), "gauge": ("",)}


async def _figures() -> dict[str, str]:
    """Each figure's kind, by its name."""

    async def read() -> Vitals:
        none = Waiting(0, timedelta())
        return Vitals(none, none, none, none, 0, 0, 0, {"restricted": 0})

    vitals = VitalFigures(read)
    await vitals.refresh()
    return {family.name: family.type for family in (*REGISTRY.collect(), *vitals.collect())}


async def test_every_figure_is_explained() -> None:
    figures = await _figures()
    named = set(re.findall(r"retainer_\w+", PAGE))
    for name, kind in figures.items():
        short = name.removesuffix("_age_seconds")
        assert {f"{name}{suffix}" for suffix in SUFFIXES[kind]} & named or (short in named and short != name), name


async def test_no_figure_is_asked_for_that_does_not_exist() -> None:
    known = {f"{name}{suffix}" for name, kind in (await _figures()).items() for suffix in SUFFIXES[kind]}
    assert set(re.findall(r"\bretainer_\w+", ALERTS)) <= known
    assert set(re.findall(r"\bretainer_\w+", PAGE)) - {"retainer_inside"} <= known


def test_what_to_be_woken_by_stands_on_one_page() -> None:
    assert ALERTS.count("| page |") > 5
    assert "alert:" not in PAGE
