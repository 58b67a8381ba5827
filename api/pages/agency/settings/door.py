"""What the pages of the settings share: their addresses, and lists as they are typed."""

import re
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from api.pages.agency.door import API, dashboard_router
from api.pages.inside import Refused
from api.pages.typed import Typed

HERE: Final = "/agency/settings"
SETTINGS: Final = f"{API}/settings"
_WHOLE: Final = re.compile(r"\d{1,6}")


def settings_router(prefix: str = "") -> APIRouter:
    return dashboard_router(f"/settings{prefix}")


def lines(typed: Typed, name: str) -> list[str]:
    """What was typed one on a line."""
    return [line.strip() for line in (typed.text(name) or "").splitlines() if line.strip()]


def wholes(typed: Typed, name: str) -> list[int]:
    """Whole numbers that were typed with commas or spaces between them."""
    words = (typed.text(name) or "").replace(",", " ").replace("%", " ").split()
    if not all(_WHOLE.fullmatch(word) for word in words):
        typed.errors[name] = "Please type whole numbers with commas between them."
        return []
    return [int(word) for word in words]


def naming(refused: Refused, field: str, values: Sequence[str | int]) -> Refused:
    """The refusal of a list, which says of each entry that is wrong which one it is."""
    for number, value in enumerate(values):
        place = f"{field}.{number}"
        if place in refused.fields:
            refused.fields[place] = f"“{value}” {refused.fields[place].removeprefix('Input ')}"
    return refused
